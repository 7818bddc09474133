"""The spec as text: what is bad is refused with its place, what is good comes back the same."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from spec_case import any_specs, changed, whole, whole_spec

import masterplan.spec
from masterplan.core.errors import SpecError
from masterplan.spec import (
    Spec,
    approve,
    canonical_json,
    check,
    digest,
    dump_spec,
    ensure_approved,
    json_schema,
    parse_spec,
    seal,
)

TEXT = json.dumps(whole())
MANY = [{"id": f"m{n}", "responsibility": "x"} for n in range(5_000)]
TWINS = [{"id": name, "responsibility": "x"} for name in ("a-b", "a_b")]
SAME_ACCEPTANCE = [
    {"id": name, "responsibility": "x", "acceptance": [{"id": "t", "run": "true"}]}
    for name in ("a", "b")
]

BAD_TEXTS = [
    ("empty", "", "spec.empty", ""),
    ("blank", " \n\t", "spec.empty", ""),
    ("truncated", TEXT[:-40], "spec.truncated", ""),
    ("cut in a string", TEXT[: TEXT.index("URLs") + 2], "spec.truncated", ""),
    ("one brace", "{", "spec.truncated", ""),
    ("refusal", "I cannot help with that.", "spec.not_json", ""),
    ("fenced", f"```json\n{TEXT}\n```", "spec.not_json", ""),
    ("trailing comma", '{"id": "a",}', "spec.not_json", ""),
    ("two values", '{"id": "a"} {}', "spec.not_json", ""),
    ("byte order mark", "\ufeff" + TEXT, "spec.not_json", ""),
    ("list", "[]", "spec.not_an_object", ""),
    ("number", "3", "spec.not_an_object", ""),
    ("null", "null", "spec.not_an_object", ""),
    ("not a number", '{"id": NaN}', "spec.bad_number", ""),
    ("endless number", '{"revision": ' + "9" * 10_000 + "}", "spec.bad_number", ""),
    ("huge", '{"id": "' + "a" * 2_000_001 + '"}', "spec.too_big", ""),
    ("ten megabytes", " " * 10_000_000 + "{}", "spec.too_big", ""),
    ("deep lists", "[" * 100_000, "spec.too_deep", ""),
    ("deep objects", '{"a":' * 5_000 + "1" + "}" * 5_000, "spec.too_deep", ""),
    ("duplicate key", '{"id": "a", "goal": "g", "id": "b"}', "spec.duplicate_key", "id"),
    (
        "duplicate key inside",
        '{"modules": [{"id": "a"}, {"files": {"create": [], "create": []}}]}',
        "spec.duplicate_key",
        "modules[1].files.create",
    ),
    ("quotes without end", '{"a":"' + '\\"' * 900_000, "spec.truncated", ""),
    ("backslashes without end", '"' + "\\" * 1_999_000, "spec.truncated", ""),
    ("wide", '{"id": "a", "goal": "g", "modules": [' + "1," * 600_000 + "1]}", "spec.too_many", ""),
    (
        "many commas in a text",
        json.dumps({"id": "a", "goal": "g", "surprise": "," * 900_000}),
        "spec.extra_forbidden",
        "surprise",
    ),
    ("lone surrogate", '{"id": "a", "goal": "\\ud800"}', "spec.string_unicode", "goal"),
]

BAD_DATA = [
    ("no goal", {"id": "a"}, "spec.missing", "goal"),
    ("unknown field", changed("goals", "x"), "spec.extra_forbidden", "goals"),
    (
        "unknown inner field",
        changed("modules.0.file", {}),
        "spec.extra_forbidden",
        "modules[0].file",
    ),
    ("wrong type", changed("modules", {}), "spec.tuple_type", "modules"),
    ("unknown kind", changed("modules.0.kind", "magic"), "spec.literal_error", "modules[0].kind"),
    ("5,000 modules", changed("modules", MANY), "spec.too_long", "modules"),
    ("8 steps", changed("modules.0.steps", ["x"] * 8), "spec.too_long", "modules[0].steps"),
    (
        "complexity",
        changed("modules.0.complexity", 2),
        "spec.less_than_equal",
        "modules[0].complexity",
    ),
    ("amount", changed("budget", {"total": "lots"}), "spec.bad_amount", "budget.total"),
    ("amount below zero", changed("budget", {"total": -1}), "spec.bad_amount", "budget.total"),
    (
        "escape",
        changed("modules.1.files.create", ["../x"]),
        "path.escapes",
        "modules[1].files.create[0]",
    ),
    ("absolute", changed("modules.0.read", ["/etc/passwd"]), "path.absolute", "modules[0].read[0]"),
    (
        "git",
        changed("modules.0.files.create", [".git/hooks/x"]),
        "path.git",
        "modules[0].files.create[0]",
    ),
    (
        "owner key",
        changed("layout", {"ownership": {"../x": "slug"}}),
        "path.escapes",
        "layout.ownership",
    ),
    (
        "held-out path",
        changed("modules.0.held_out_files", {"a/../b": ""}),
        "path.escapes",
        "modules[0].held_out_files",
    ),
    (
        "newline in a command",
        changed("integration.smoke", [{"run": "a\nb"}]),
        "spec.bad_command",
        "integration.smoke[0].run",
    ),
    (
        "no command",
        changed("integration.smoke", [{"run": " "}]),
        "spec.bad_command",
        "integration.smoke[0].run",
    ),
    ("terminal escape", changed("goal", "a\x1b]52;c;x\x07"), "spec.control_character", "goal"),
    ("NUL", changed("why", "a\x00b"), "spec.control_character", "why"),
    ("future version", changed("spec_version", 2), "spec.literal_error", "spec_version"),
    ("duplicate modules", changed("modules", TWINS), "spec.duplicate_id", "modules[1].id"),
    (
        "duplicate acceptance",
        changed("modules", SAME_ACCEPTANCE),
        "spec.duplicate_id",
        "modules[1].acceptance[0].id",
    ),
]

BAD_IDS = [
    "", "../x", "a" * 65, "a" * 10_000, "A", "a b", "a\x00", "a\n", "á", "аbс", "ａ", "a/b", "-a",
    "a-", "a--b", ".", "a.b", "~", "a​b", "a;b", "１",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "where"), [row[1:] for row in BAD_TEXTS], ids=[row[0] for row in BAD_TEXTS]
)
def test_parse_spec_when_text_is_broken_then_names_it(text: str, code: str, where: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "my.json")
    problem = caught.value.problems[0]
    assert (problem.code, problem.where) == (code, where)
    assert caught.value.where.startswith("my.json")
    assert caught.value.mend


@pytest.mark.parametrize(
    ("data", "code", "where"), [row[1:] for row in BAD_DATA], ids=[row[0] for row in BAD_DATA]
)
def test_parse_spec_when_data_is_wrong_then_names_field_and_mend(
    data: dict, code: str, where: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(json.dumps(data))
    found = {(problem.code, problem.where.split("[../")[0]) for problem in caught.value.problems}
    assert any(c == code and w.startswith(where) for c, w in found), found
    assert all(problem.mend for problem in caught.value.problems)


@pytest.mark.parametrize("name", BAD_IDS, ids=lambda name: ascii(name[:20]))
def test_parse_spec_when_id_is_no_slug_then_refuses(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(json.dumps(changed("id", name)))
    assert caught.value.problems[0].code == "spec.bad_id"
    assert len(str(caught.value)) < 500


def test_parse_spec_when_many_mistakes_then_lists_all_at_once() -> None:
    data = changed("modules.0.files.create", ["../x", "/y", "ok.py"])
    data |= {"goal": 3, "surprise": 1}
    with pytest.raises(SpecError) as caught:
        parse_spec(json.dumps(data))
    assert {problem.where for problem in caught.value.problems} == {
        "modules[0].files.create[0]",
        "modules[0].files.create[1]",
        "goal",
        "surprise",
    }


def test_parse_spec_when_editor_names_the_schema_then_takes_it() -> None:
    assert parse_spec(json.dumps({"$schema": "./spec.schema.json", **whole()})).id == "text-kit"


def test_parse_spec_when_amount_is_a_number_then_keeps_its_digits() -> None:
    spec = parse_spec(json.dumps(changed("budget", {"total": 0.1})))
    assert spec.budget.total_nano == 100_000_000


def test_published_schema_matches_the_code() -> None:
    path = Path(masterplan.spec.__file__).with_name("spec.schema.json")
    assert json.loads(path.read_text()) == json_schema()


@given(any_specs)
@settings(max_examples=60, deadline=None)
def test_dump_spec_when_read_back_then_is_the_same(spec: Spec) -> None:
    text = dump_spec(spec)
    if any(problem.code == "spec.duplicate_id" for problem in check(spec).problems):
        with pytest.raises(SpecError):
            parse_spec(text)
        return
    again = parse_spec(text)
    assert again == spec
    assert dump_spec(again) == text
    assert digest(again) == digest(spec)


@given(st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_digest_when_keys_are_reordered_then_is_the_same(rng: random.Random) -> None:
    def shuffled(value: object) -> object:
        if isinstance(value, list):
            return [shuffled(item) for item in value]
        if isinstance(value, dict):
            keys = rng.sample(sorted(value), len(value))
            return {key: shuffled(value[key]) for key in keys}
        return value

    data = json.loads(dump_spec(whole_spec()))
    assert digest(parse_spec(json.dumps(shuffled(data)))) == whole_spec().digest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("goal", "Another."),
        ("modules.0.acceptance.0.run", "true"),
        ("modules.0.test_files", {"tests/test_slug.py": "pass\n"}),
        ("modules.0.held_out_files", {"tests/test_slug_hidden.py": "pass\n"}),
        ("budget", {"total": "$6"}),
    ],
)
def test_digest_when_content_changes_then_differs(path: str, value: object) -> None:
    assert digest(seal(parse_spec(json.dumps(changed(path, value))))) != whole_spec().digest


def test_digest_when_approved_then_stays() -> None:
    spec = whole_spec()
    approved = approve(spec, "ann-of-the-team", "2026-01-01T00:00:00Z")
    assert digest(approved) == spec.digest
    assert "ann-of-the-team" not in canonical_json(approved)
    ensure_approved(approved)
    ensure_approved(parse_spec(dump_spec(approved)))


def test_ensure_approved_when_nobody_did_then_refuses() -> None:
    with pytest.raises(SpecError) as caught:
        ensure_approved(whole_spec())
    assert caught.value.code == "spec.unapproved"


def test_ensure_approved_when_edited_then_names_both_digests() -> None:
    spec = approve(whole_spec(), "ann-of-the-team", "now")
    edited = seal(spec.model_copy(update={"goal": "Something else."}))
    with pytest.raises(SpecError) as caught:
        ensure_approved(edited)
    assert caught.value.code == "spec.edited"
    assert spec.digest in caught.value.message
    assert edited.digest in caught.value.message


def test_approve_when_digest_is_stale_then_refuses() -> None:
    with pytest.raises(SpecError, match=r"spec\.edited"):
        approve(whole_spec().model_copy(update={"goal": "Else."}), "ann-of-the-team", "now")


def test_seal_then_computes_owners_graph_and_contract_files() -> None:
    data = changed("contracts.0.path", None)
    spec = seal(parse_spec(json.dumps(data)))
    assert spec.contracts[0].path == "kit/slug.py"
    assert spec.layout.ownership["README.md"] == "cli"
    assert spec.graph.waves == (("slug", "count"), ("cli",))
    assert spec.digest == digest(spec)
    assert seal(spec) == spec


def test_spec_is_frozen() -> None:
    with pytest.raises(ValidationError):
        whole_spec().goal = "x"  # type: ignore[misc]
