"""A small whole spec with its facts, and specs of any shape, for the tests of this room."""

import json

from hypothesis import strategies as st

from masterplan.spec import BaseResult, Facts, Spec, parse_spec, seal

WHOLE = {
    "id": "text-kit",
    "goal": "A small kit that turns titles into slugs and counts their words.",
    "why": "Three programs do it by hand today.",
    "non_goals": ["No transliteration tables."],
    "base": {"repo": "kit", "commit": "a" * 40},
    "architecture": {
        "components": [
            {"id": "slug", "title": "Slug maker", "responsibility": "titles to slugs"},
            {"id": "count", "title": "Counter", "responsibility": "words to numbers"},
            {"id": "cli", "title": "Command line", "responsibility": "what a person types"},
        ],
        "relationships": [{"source": "cli", "target": "slug", "label": "calls"}],
        "data_flow": [{"source": "cli", "target": "slug", "data": "a title"}],
    },
    "requirements": [
        {"id": "r1", "text": "WHEN a title is given the kit SHALL return its slug."},
        {"id": "r2", "text": "WHEN a text is given the kit SHALL count its words."},
    ],
    "constraints": {"always": ["Use the standard library only."], "never": ["Never print."]},
    "decisions": [{"id": "d1", "choice": "Slugs are ASCII.", "reason": "They stand in URLs."}],
    "shared": {"errors": {"KitError": "anything the kit refuses"}},
    "contracts": [
        {
            "id": "slugify",
            "module": "slug",
            "signature": 'def slugify(text: str, sep: str = "-") -> str',
            "path": "kit/slug.py",
            "examples": [
                {"call": "slugify('A b')", "result": "'a-b'"},
                {"call": "slugify('')", "error": "ValueError"},
            ],
        },
        {
            "id": "count-words",
            "module": "count",
            "signature": "def count_words(text: str) -> int",
            "path": "kit/count.py",
            "examples": [{"call": "count_words('a b')", "result": "2"}],
        },
    ],
    "third_party": [{"package": "rich", "version": ">=14", "symbols": ["print_json"]}],
    "modules": [
        {
            "id": "slug",
            "responsibility": "Turn a title into a slug.",
            "requirements": ["r1"],
            "decisions": ["d1"],
            "produces": ["slugify"],
            "files": {"create": ["kit/slug.py"], "test": ["tests/test_slug.py"]},
            "test_files": {"tests/test_slug.py": "from kit.slug import slugify\n"},
            "held_out_files": {"tests/test_slug_hidden.py": "SECRET_PROBE = 1\n"},
            "steps": ["Lower the text.", "Join its words with sep."],
            "edge_cases": [{"scenario": "only dots", "input": "...", "error": "ValueError"}],
            "acceptance": [
                {"id": "a1", "run": "python -m pytest -q tests/test_slug.py"},
                {
                    "id": "a2",
                    "run": "python -m pytest -q tests/test_slug_hidden.py",
                    "visibility": "held_out",
                },
            ],
        },
        {
            "id": "count",
            "responsibility": "Count the words of a text.",
            "requirements": ["r2"],
            "produces": ["count-words"],
            "files": {"create": ["kit/count.py"]},
            "acceptance": [{"id": "a3", "run": "python -c 'import kit.count'"}],
        },
        {
            "id": "cli",
            "responsibility": "Offer both on the command line.",
            "requirements": ["r1", "r2"],
            "depends_on": ["slug", "count"],
            "consumes": ["slugify", "count-words"],
            "files": {
                "create": ["kit/cli.py"],
                "modify": [{"path": "README.md", "sha": "b" * 40}],
            },
            "read": ["kit/slug.py"],
            "acceptance": [
                {"id": "a4", "run": "python -m kit.cli slug 'A b'", "expect": "a-b"},
                {"id": "a5", "run": "python -c 'import kit'", "phase": "stay_green"},
            ],
        },
    ],
    "integration": {"smoke": [{"run": "python -m kit.cli slug x"}]},
}


def whole() -> dict:
    """Return the spec as plain data that a test may change."""
    return json.loads(json.dumps(WHOLE))


def whole_spec() -> Spec:
    """Return the spec, sealed."""
    return seal(parse_spec(json.dumps(WHOLE)))


def changed(path: str, value: object) -> dict:
    """Return the spec's data with the value at a path like ``modules.0.files.create`` replaced."""
    data = whole()
    *steps, last = path.split(".")
    place = data
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    return data


def good_facts(**other: object) -> Facts:
    """Return facts under which the spec is ready, with some of them replaced."""
    facts = {
        "base_commit": "a" * 40,
        "file_shas": {"README.md": "b" * 40},
        "base_paths": frozenset({"README.md", "kit/__init__.py"}),
        "acceptance": {
            **{name: BaseResult("fail") for name in ("a1", "a2", "a3", "a4")},
            "a5": BaseResult("pass"),
        },
        "resolves": {"a1": True, "smoke[0]": True},
        "missing_symbols": {"rich": ()},
        "base_contracts": frozenset(),
        "builder_windows": {"slug": 32_000, "count": 32_000, "cli": 32_000},
        "estimate_nano": 40_000_000,
        "budget_nano": 5_000_000_000,
        "single_model_nano": 900_000_000,
        "single_model": "opus",
    }
    return Facts(**{**facts, **other})


_ids = st.sampled_from(["a", "b", "c", "d-1", "d_1", "e.2"])
_module_ids = st.sampled_from(["a", "b", "c", "d-1", "d_1"])
_paths = st.sampled_from(["a.py", "A.py", "b/c.py", "b", ".github/x.yml", "t/test_a.py", "é.py"])
_lines = st.one_of(
    st.sampled_from(["", "TODO", "…", "x" * 300, "def f(a: int) -> str", "f(1)", "<b>|`{", "‮"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
)
_shas = st.sampled_from(["", "a" * 40, "b" * 40])


def _many(of, most=3):
    return st.lists(of, max_size=most)


_contracts = st.fixed_dictionaries(
    {"id": _ids, "signature": _lines},
    optional={
        "module": st.none() | _module_ids,
        "kind": st.sampled_from(["function", "class", "http", "cli", "component"]),
        "path": st.none() | _paths,
        "language": st.sampled_from(["", "python", "typescript", "cobol"]),
        "errors": _many(_lines),
        "examples": _many(
            st.fixed_dictionaries(
                {"call": _lines}, optional={"result": st.none() | _lines, "error": _lines}
            )
        ),
    },
)
_acceptance = st.fixed_dictionaries(
    {"id": _ids, "run": st.sampled_from(["true", "pytest -q"])},
    optional={
        "phase": st.sampled_from(["red_green", "stay_green"]),
        "visibility": st.sampled_from(["builder", "held_out"]),
    },
)
_files = st.fixed_dictionaries(
    {},
    optional={
        "create": _many(_paths),
        "modify": _many(st.fixed_dictionaries({"path": _paths, "sha": _shas})),
        "test": _many(_paths),
    },
)
_modules = st.fixed_dictionaries(
    {"id": _module_ids, "responsibility": _lines},
    optional={
        "requirements": _many(_ids),
        "decisions": _many(_ids),
        "depends_on": _many(_module_ids),
        "consumes": _many(_ids),
        "produces": _many(_ids),
        "files": _files,
        "read": _many(_paths),
        "steps": _many(_lines),
        "acceptance": _many(_acceptance),
        "test_files": st.dictionaries(_paths, st.text("ab\n", max_size=9), max_size=2),
        "held_out_files": st.dictionaries(_paths, st.text("cd\n", max_size=9), max_size=2),
        "complexity": st.floats(0, 1),
        "budget": st.fixed_dictionaries({"usd": st.sampled_from(["$9", "0.5"])}),
    },
)
_links = st.fixed_dictionaries({"source": _ids, "target": _ids}, optional={"label": _lines})
any_data = st.fixed_dictionaries(
    {"id": _module_ids, "goal": _lines},
    optional={
        "digest": _shas,
        "base": st.fixed_dictionaries({"commit": _shas, "dirty": st.booleans()}),
        "non_goals": _many(_lines),
        "requirements": _many(st.fixed_dictionaries({"id": _ids, "text": _lines})),
        "decisions": _many(st.fixed_dictionaries({"id": _ids, "choice": _lines})),
        "questions": _many(st.fixed_dictionaries({"id": _ids, "text": _lines})),
        "architecture": st.fixed_dictionaries(
            {
                "components": _many(
                    st.fixed_dictionaries({"id": _ids}, optional={"title": _lines})
                ),
                "relationships": _many(_links),
            }
        ),
        "layout": st.fixed_dictionaries({"ownership": st.dictionaries(_paths, _module_ids)}),
        "shared": st.fixed_dictionaries({"glossary": st.dictionaries(_lines, _lines, max_size=3)}),
        "contracts": _many(_contracts),
        "modules": _many(_modules, 5),
        "third_party": _many(
            st.fixed_dictionaries({"package": _lines}, optional={"symbols": _many(_lines)})
        ),
    },
)
any_specs = any_data.map(Spec.model_validate)
"""Specs that the schema takes; most of them make no sense."""

any_facts = st.one_of(
    st.none(),
    st.builds(
        Facts,
        base_commit=st.none() | _shas,
        file_shas=st.none() | st.dictionaries(_paths, _shas),
        base_paths=st.none() | st.frozensets(_paths),
        acceptance=st.none()
        | st.dictionaries(
            _ids,
            st.builds(BaseResult, st.sampled_from(["pass", "fail", "unresolved", "not_run"])),
        ),
        resolves=st.none() | st.dictionaries(_ids, st.booleans()),
        missing_symbols=st.none() | st.dictionaries(_lines, st.tuples(_lines)),
        base_contracts=st.none() | st.frozensets(_ids),
        builder_windows=st.none() | st.dictionaries(_module_ids, st.integers(0, 10_000)),
        estimate_nano=st.none() | st.integers(0, 10**11),
        budget_nano=st.none() | st.integers(0, 10**11),
        single_model_nano=st.none() | st.integers(0, 10**11),
    ),
)
