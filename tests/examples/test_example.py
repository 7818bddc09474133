"""The examples: their specs are sealed and pass the gate, and their acceptance tells right from
wrong. After a change to a spec, `UPDATE_EXAMPLES=1 pytest tests/examples` seals it anew.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from example_case import NAMES, Case, ensure_browser, judge_all, run_in

from masterplan.spec import BaseResult, Facts, check, check_contract, dump_spec, seal
from masterplan.spec.slice import slice_of
from masterplan.workflow.judge import find_gaming

ROOMY_WINDOW = 32_000
SLICE_TOKENS = 1_600


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case.load(request.param)


def test_example_spec_is_sealed_and_written_as_dumped(case: Case) -> None:
    place = case.folder / "spec.json"
    sealed = dump_spec(seal(case.spec))
    if os.environ.get("UPDATE_EXAMPLES"):
        place.write_text(sealed, encoding="utf-8")
    assert place.read_text(encoding="utf-8") == sealed, "run it with UPDATE_EXAMPLES=1"


def test_example_spec_is_sound_where_no_fact_is_known(case: Case) -> None:
    verdict = check(case.spec)
    assert verdict.problems == ()
    assert {warning.code for warning in verdict.warnings} <= {"spec.unbound_base"}


def test_example_spec_shows_what_a_plan_has(case: Case) -> None:
    spec = case.spec
    assert len(spec.modules) == 3
    assert spec.architecture.data_flow
    assert spec.architecture.relationships
    assert spec.decisions
    assert spec.assumptions
    assert spec.integration.smoke
    assert {r for module in spec.modules for r in module.requirements} == {
        requirement.id for requirement in spec.requirements
    }
    for module in spec.modules:
        assert any(item.visibility == "held_out" for item in module.acceptance), module.id
        piece = slice_of(spec, module.id)
        assert piece.token_estimate < SLICE_TOKENS, module.id
        assert not [path for path in module.held_out_files if path in piece.text], module.id


def test_example_solution_is_not_taken_for_gaming(case: Case) -> None:
    for module in case.modules:
        built = {
            path: (case.folder / "solution" / path).read_text(encoding="utf-8")
            for path in module.files.writable
        }
        assert not find_gaming(built, " ".join((module.title, *module.steps))), module.id


async def test_example_passes_the_ready_gate_on_its_base(case: Case, tmp_path: Path) -> None:
    ensure_browser(case)
    tree = case.base_tree(tmp_path / "tree")
    repo = case.folder / "repo"
    base = sorted(str(p.relative_to(repo)) for p in repo.rglob("*") if p.is_file())
    base = [path for path in base if "__pycache__" not in path]
    results = await judge_all(case, tree, case.acceptance)
    facts = Facts(
        file_shas={path: _blob_sha(repo / path) for path in base},
        base_paths=frozenset(base),
        acceptance={
            name: BaseResult(result.state, result.output) for name, result in results.items()
        },
        missing_symbols={},
        base_contracts=frozenset({"document.get"} if base else ()),
        builder_windows=dict.fromkeys((module.id for module in case.modules), ROOMY_WINDOW),
        estimate_nano=1_000_000,
    )
    verdict = check(case.spec, facts)
    assert verdict.problems == ()
    assert verdict.is_ready
    # Red because something is missing, not because the command could not run.
    assert not [r.output for r in results.values() if "can't open file" in r.output]
    assert not [r.reason for r in results.values() if r.exit_code is None]


async def test_example_solution_turns_each_acceptance_green(case: Case, tmp_path: Path) -> None:
    ensure_browser(case)
    tree = case.base_tree(tmp_path / "tree")
    for module in case.modules:
        case.solve(tree, [module])
        results = await judge_all(case, tree, module.acceptance)
        assert not {
            name: (result.reason, result.output)
            for name, result in results.items()
            if not result.is_passed
        }
    # The last module's acceptance has run over this very tree: what is among it has been seen.
    seen = {item.run for item in case.modules[-1].acceptance}
    for smoke in (smoke for smoke in case.spec.integration.smoke if smoke.run not in seen):
        result = await run_in(tree, smoke.run)
        assert result.outcome == "passed", result.output
        assert smoke.expect in ("exit 0", result.output.strip())


def test_example_solution_is_exactly_what_the_modules_may_write(case: Case) -> None:
    folder = case.folder / "solution"
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    found = {path for path in found if "__pycache__" not in path}
    assert found == {path for module in case.modules for path in module.files.writable}


def test_example_solution_keeps_its_contracts(case: Case) -> None:
    sources = {}
    for folder in (case.folder / "repo", case.folder / "solution"):
        for path in folder.rglob("*.py"):
            sources[str(path.relative_to(folder))] = path.read_text(encoding="utf-8")
    for contract in case.spec.contracts:
        result = check_contract(contract, sources)
        assert result.problems == (), contract.id
        if contract.language == "python":
            assert result.checked_by == "python"
        else:
            assert result.reason, contract.id


def _blob_sha(path: Path) -> str:
    run = ["git", "hash-object", str(path)]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
