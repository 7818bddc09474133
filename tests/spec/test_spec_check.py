# ruff: noqa: E501 - one row a case
"""The ready gate: each rule fires on its own mistake, with place and mend, and never raises."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from spec_case import any_facts, any_specs, changed, good_facts, whole, whole_spec

from masterplan.spec import BaseResult, Facts, Spec, check, parse_spec, seal

MISTAKES = [
    ("goal", " ", "spec.no_goal", "goal"),
    ("non_goals", [], "spec.no_non_goals", "non_goals"),
    ("requirements", [], "spec.no_requirements", "requirements"),
    ("modules", [], "spec.no_modules", "modules"),
    ("modules.0.responsibility", "", "spec.empty_text", "modules[0].responsibility"),
    ("modules.1.files", {}, "spec.no_files", "modules[1].files.create"),
    ("modules.1.acceptance", [], "spec.no_acceptance", "modules[1].acceptance"),
    ("modules.0.requirements", ["r9"], "spec.unknown_id", "modules[0].requirements[0]"),
    ("modules.0.decisions", ["d9"], "spec.unknown_id", "modules[0].decisions[0]"),
    ("modules.2.depends_on", ["slug", "count", "x"], "spec.unknown_id", "modules[2].depends_on[2]"),
    ("contracts.0.module", "x", "spec.unknown_id", "contracts[0].module"),
    ("architecture.data_flow.0.target", "x", "spec.unknown_id", "architecture.data_flow[0].target"),
    ("modules.0.depends_on", ["cli"], "spec.cycle", "modules[0].depends_on"),
    ("graph", {"edges": [], "waves": [["cli"]]}, "spec.stale_graph", "graph"),
    ("modules.2.produces", ["slugify"], "spec.two_producers", "modules[2].produces[0]"),
    ("contracts.0.module", "count", "spec.wrong_producer", "modules[0].produces[0]"),
    ("modules.0.produces", [], "spec.not_produced", "contracts[0].module"),
    ("modules.2.depends_on", ["count"], "spec.open_closure", "modules[2].consumes[0]"),
    ("modules.2.consumes", ["nothing"], "spec.unknown_contract", "modules[2].consumes[0]"),
    ("contracts.0.signature", "turns text to slug", "contract.bad_signature", "contracts[0].signature"),
    ("contracts.0.signature", "", "spec.empty_text", "contracts[0].signature"),
    ("contracts.0.examples.0.call", "slugify(open('x'))", "contract.bad_example", "contracts[0].examples[0].call"),
    ("contracts.0.examples.0.result", "a-b", "contract.bad_example", "contracts[0].examples[0].result"),
    ("contracts.0.examples.1.error", "Exit()", "contract.bad_example", "contracts[0].examples[1].error"),
    ("contracts.0.path", "kit/count.py", "spec.foreign_path", "contracts[0].path"),
    ("modules.1.files.create", ["conftest.py"], "path.protected", "modules[1].files.create[0]"),
    ("modules.1.files.create", [".github/workflows/x.yml"], "path.protected", "modules[1].files.create[0]"),
    ("modules.1.files.create", ["kit/count.py", "kit/slug.py"], "spec.two_owners", "modules[1].files.create[1]"),
    ("modules.1.files.create", ["kit/count.py", "Kit/SLUG.py"], "spec.two_owners", "modules[1].files.create[1]"),
    ("modules.1.files.create", ["kit/count.py", "kit/slug.py/x.py"], "spec.file_and_directory", "modules[1].files.create[1]"),
    ("modules.1.files.create", ["kit/count.py", "tests/test_slug.py"], "spec.writes_test", "modules[1].files.create[1]"),
    ("modules.1.files.create", ["kit/count.py", "tests/test_slug_hidden.py"], "spec.writes_test", "modules[1].files.create[1]"),
    ("modules.1.read", ["tests/test_slug_hidden.py"], "spec.shows_held_out", "modules[1].read[0]"),
    ("modules.0.files.test", [], "spec.unnamed_test", "modules[0].test_files"),
    ("layout", {"ownership": {"kit/slug.py": "count"}}, "spec.wrong_owner", "layout.ownership"),
    ("layout", {"ownership": {"ghost.py": "count"}}, "spec.wrong_owner", "layout.ownership"),
    ("modules.1.files.create", ["kit/count.py", "kit/__init__.py"], "spec.exists", "modules[1].files.create[1]"),
    ("modules.2.files.modify", [{"path": "NEWS.md"}], "spec.missing_file", "modules[2].files.modify[0].path"),
    ("modules.1.read", ["kit/slug.py"], "spec.missing_file", "modules[1].read[0]"),
    ("modules.1.files.test", ["tests/test_count.py"], "spec.missing_file", "modules[1].files.test[0]"),
    ("modules.2.requirements", ["r1"], None, None),
    ("requirements", [{"id": "r1", "text": "a"}, {"id": "r2", "text": "b"}, {"id": "r3", "text": "c"}], "spec.unanswered", "requirements[2]"),
    ("questions", [{"id": "q", "text": "Which?"}], "spec.open_question", "questions[0]"),
    ("questions", [{"id": "q", "text": "Which?", "waived_by": " "}], "spec.open_question", "questions[0]"),
    ("modules.0.budget", {"usd": "$2"}, "spec.module_over_budget", "modules[0].budget.usd"),
    ("base.commit", "c" * 40, "spec.base_moved", "base.commit"),
    ("base.files_read", [{"path": "setup.cfg", "sha": "d" * 40}], "spec.file_moved", "base.files_read[0]"),
    ("modules.2.files.modify.0.sha", "c" * 40, "spec.file_moved", "modules[2].files.modify[0]"),
    ("third_party.0.symbols", ["print_json"], None, None),
    ("third_party.0.package", "requests", "spec.no_package", "third_party[0]"),
    ("budget", {"total": "$0.01"}, "spec.over_budget", "budget.total"),
]  # fmt: skip

WORLDS = [
    ({"acceptance": {}}, "spec.not_run", "modules[0].acceptance[0]"),
    ({"a1": BaseResult("pass")}, "spec.not_red", "modules[0].acceptance[0].phase"),
    ({"a2": BaseResult("pass")}, "spec.not_red", "modules[0].acceptance[1].phase"),
    ({"a5": BaseResult("fail", "boom")}, "spec.not_green", "modules[2].acceptance[1].phase"),
    ({"a3": BaseResult("unresolved", "no such file")}, "spec.unresolved", "modules[1].acceptance[0].run"),
    ({"a3": BaseResult("not_run")}, "spec.not_run", "modules[1].acceptance[0]"),
    ({"resolves": {"a4": False}}, "spec.unresolved", "modules[2].acceptance[0].run"),
    ({"resolves": {"smoke[0]": False}}, "spec.unresolved", "integration.smoke[0].run"),
    ({"base_commit": ""}, "spec.base_moved", "base.commit"),
    ({"file_shas": {}}, "spec.file_moved", "modules[2].files.modify[0]"),
    ({"missing_symbols": {"rich": ("print_json",)}}, "spec.no_symbol", "third_party[0].symbols[0]"),
    ({"missing_symbols": {"rich": ("*",)}}, "spec.no_package", "third_party[0]"),
    ({"builder_windows": {}}, "spec.no_window", "modules[0].ladder"),
    ({"builder_windows": {"slug": 2_000, "count": 9_000, "cli": 9_000}}, "spec.too_big_for_builder", "modules[0]"),
    ({"context_tokens": {"cli": 40_000}}, "spec.too_big_for_builder", "modules[2]"),
    ({"estimate_nano": 6_000_000_000, "budget_nano": None}, "spec.over_budget", "budget.total"),
    ({"estimate_nano": 2_000_000_000, "budget_nano": 1_000_000_000}, "spec.over_budget", "budget.total"),
]  # fmt: skip

PLACEHOLDERS = [
    "TODO", "TODO: write this", "todo", "TBD", "tbd.", "The price is TBD.", "FIXME", "XXX: later",
    "...", "…", "???", "<goal>", "To be determined.", "to be decided", "Lorem ipsum dolor",
    "[TODO]", "(to be written)", "placeholder", "Fill in", "____",
]  # fmt: skip
REAL_TEXTS = [
    "WHEN a TODO item is added the list SHALL show it.", "Keep a todo list.", "Return a...z.",
    "Print <b>bold</b> text.", "WHEN x < 3 and y > 2 the tool SHALL stop.", "Wait… then go on.",
    "The placeholder of the field SHALL read 'name'.", "XXX-large is a size.", "Is it so?",
    "Mark code with TODO comments found in files.", "Todoist import SHALL work.",
]  # fmt: skip


def _facts(world: dict) -> Facts:
    results = {key: value for key, value in world.items() if isinstance(value, BaseResult)}
    rest = {key: value for key, value in world.items() if not isinstance(value, BaseResult)}
    facts = good_facts(**rest)
    return replace(facts, acceptance={**(facts.acceptance or {}), **results})


def test_check_when_all_is_well_then_is_ready() -> None:
    verdict = check(whole_spec(), good_facts())
    assert verdict.problems == ()
    assert verdict.warnings == ()
    assert verdict.not_checked == ()
    assert verdict.is_ready


@pytest.mark.parametrize(("path", "value", "code", "where"), MISTAKES)
def test_check_when_spec_is_wrong_then_names_field_and_mend(path, value, code, where) -> None:
    spec = Spec.model_validate(changed(path, value))
    verdict = check(spec, good_facts())
    if code is None:
        assert verdict.is_ready
        return
    assert (code, where) in {(problem.code, problem.where) for problem in verdict.problems}
    assert all(problem.mend and problem.message for problem in verdict.problems)
    assert not verdict.is_ready


@pytest.mark.parametrize(("world", "code", "where"), WORLDS)
def test_check_when_world_differs_then_names_field_and_mend(world, code, where) -> None:
    verdict = check(whole_spec(), _facts(world))
    assert (code, where) in {(problem.code, problem.where) for problem in verdict.problems}
    assert all(problem.mend for problem in verdict.problems)


@pytest.mark.parametrize("text", PLACEHOLDERS)
@pytest.mark.parametrize("path", ["goal", "requirements.0.text", "modules.0.steps.0"])
def test_check_when_text_is_a_placeholder_then_says_where(text: str, path: str) -> None:
    verdict = check(Spec.model_validate(changed(path, text)), good_facts())
    assert [problem.code for problem in verdict.problems] == ["spec.placeholder"]


@pytest.mark.parametrize("text", REAL_TEXTS)
def test_check_when_text_only_speaks_of_todos_then_takes_it(text: str) -> None:
    verdict = check(Spec.model_validate(changed("requirements.0.text", text)), good_facts())
    assert verdict.is_ready, verdict.problems


def test_check_without_facts_then_runs_structure_and_says_what_it_left_out() -> None:
    verdict = check(whole_spec())
    assert verdict.is_sound
    assert not verdict.is_ready
    assert set(verdict.not_checked) == {
        "paths_at_base",
        "base_commit",
        "files_unchanged",
        "commands_resolve",
        "phases_hold",
        "packages_exist",
        "slices_fit",
        "within_budget",
        "break_even",
    }


def test_check_when_only_prices_are_unknown_then_is_ready_and_says_so() -> None:
    verdict = check(whole_spec(), good_facts(estimate_nano=None, single_model_nano=None))
    assert verdict.is_ready
    assert verdict.not_checked == ("within_budget", "break_even")


def test_check_when_one_model_alone_is_cheaper_then_warns() -> None:
    verdict = check(whole_spec(), good_facts(single_model_nano=1_000_000))
    assert [warning.code for warning in verdict.warnings] == ["spec.break_even"]
    assert "opus" in verdict.warnings[0].message
    assert verdict.is_ready


def test_check_when_edited_after_sealing_then_warns() -> None:
    edited = whole_spec().model_copy(update={"goal": "Something else altogether."})
    assert [w.code for w in check(edited, good_facts()).warnings] == ["spec.edited"]


def test_check_when_base_is_unbound_then_warns() -> None:
    spec = seal(parse_spec(json.dumps(changed("base", {}))))
    verdict = check(spec, good_facts())
    assert [warning.code for warning in verdict.warnings] == ["spec.unbound_base"]
    assert verdict.is_ready


def test_check_when_contract_is_at_the_base_then_needs_the_fact() -> None:
    data = whole()
    data["contracts"].append({"id": "log", "signature": "def log(text: str) -> None"})
    data["modules"][1]["consumes"] = ["log"]
    spec = Spec.model_validate(data)
    assert "closure_at_base" in check(spec).not_checked
    assert check(spec, good_facts(base_contracts=frozenset({"log"}))).is_ready
    assert not check(spec, good_facts()).is_ready


def test_check_when_consumer_depends_through_another_then_closure_holds() -> None:
    data = whole()
    data["modules"][1]["depends_on"] = ["slug"]
    data["modules"][2]["depends_on"] = ["count"]
    assert check(Spec.model_validate(data), good_facts()).is_ready


def test_check_when_module_writes_tests_as_its_kind_then_takes_it() -> None:
    data = whole()
    data["modules"][1] |= {"kind": "tests"}
    data["modules"][1]["files"] = {"create": ["kit/count.py", "tests/test_count.py"]}
    assert check(Spec.model_validate(data), good_facts()).is_ready


@given(any_specs, any_facts)
@settings(max_examples=150, deadline=None)
def test_check_when_spec_is_valid_then_never_raises(spec: Spec, facts: Facts | None) -> None:
    verdict = check(spec, facts)
    assert all(problem.mend for problem in (*verdict.problems, *verdict.warnings))
    assert check(spec, facts) == verdict


def test_check_when_an_acceptance_is_red_then_one_line_of_its_output_tells_why() -> None:
    output = (
        "exit status 1\n" + 'Traceback (most recent call last):\n  File "x.py", line 8\n' * 40
        + "ModuleNotFoundError: No module named 'tests.test_writer'\n\n---\nRan 4 tests\n\nFAILED\n"
    )  # fmt: skip
    problems = check(whole_spec(), _facts({"a5": BaseResult("fail", output)})).problems
    (found,) = [problem for problem in problems if problem.code == "spec.not_green"]
    assert "\n" not in found.message
    assert found.message.endswith(": ModuleNotFoundError: No module named 'tests.test_writer'")


def test_check_when_no_file_is_as_it_was_then_told_once_that_it_is_another_repository() -> None:
    seen = [{"path": "setup.cfg", "sha": "d" * 40}, {"path": "README.md", "sha": "e" * 40}]
    data = changed("base.files_read", seen)
    spec = seal(parse_spec(json.dumps(data)))
    problems = check(spec, good_facts(file_shas={"README.md": "f" * 40})).problems
    (found,) = [problem for problem in problems if problem.code == "spec.file_moved"]
    assert "none of the 2 files" in found.message
    assert "Go to the repository" in found.mend
    some = check(spec, good_facts(file_shas={"setup.cfg": "d" * 40})).problems
    moved = [problem.where for problem in some if problem.code == "spec.file_moved"]
    assert moved == ["base.files_read[1]"]
