# ruff: noqa: E501 - one row a case
"""Contracts become stubs and tests, and produced Python is held to them."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_case import any_specs, whole, whole_spec

from masterplan.spec import (
    Contract,
    Example,
    Spec,
    check,
    check_contract,
    example_tests,
    parse_spec,
    slice_of,
    stubs,
)
from masterplan.spec.contract import check_python, example_problems

F = "def f(text: str, sep: str = '-') -> str"
C = "class Stack:\n    size: int\n    def push(self, item: int) -> None: ...\n    def pop(self) -> int: ..."

KEPT = [
    (F, "def f(text: str, sep: str = '-') -> str:\n    return text"),
    (F, "def f(text, sep='-'):\n    return text"),
    (F, 'def f(text: "str", sep: str = "-", *, more: int = 0) -> str:\n    return text'),
    (F, "def f(text: str | None, sep: str | bytes = '-') -> str: return ''"),
    (F, "if True:\n    def f(text, sep='-'): return text"),
    (F, "try:\n    import x\nexcept ImportError:\n    def f(text, sep='-'): return text"),
    (F, "def f(text: Title, sep: str = '-') -> Slug: return text"),
    (F, "def f(bad): pass\ndef f(text, sep='-'): pass"),
    ("f(text: str) -> list[str]", "def f(text: str) -> List[str]: return []"),
    ("f(text: str) -> Optional[str]", "def f(text: str) -> str: return ''"),
    ("f(items: list[int])", "def f(items: Iterable[int]): pass"),
    ("f(x: int)", "def f(x: float): pass"),
    ("f(x, /)", "def f(x, /): pass"),
    ("f(*, x)", "def f(x): pass"),
    ("f(*args, **options)", "def f(*a, **k): pass"),
    ("f(x=LIMIT)", "def f(x=10): pass"),
    ("f(x: int = ...)", "def f(x: int = 3): pass"),
    ("async def f(x)", "async def f(x): pass"),
    ("def f(\n    a: int,\n    b: int,\n) -> int", "def f(a, b): return a"),
    ("`def f(a)`", "def f(a): pass"),
    ("def f(a):\n    '''Doc.'''", "def f(a): pass"),
    (C, "class Stack:\n    def __init__(self): self.size = 0\n    def push(self, item): pass\n    def pop(self): pass"),
    (C, "class Base:\n    size = 0\n    def pop(self) -> int: return 0\nclass Stack(Base):\n    def push(self, item: int) -> None: pass"),
    (C, "class Stack(Foreign): pass"),
    ("class E(ValueError)", "class E(ValueError): pass"),
    ("class E(ValueError)", "class B(ValueError): pass\nclass E(B): pass"),
    ("class P:\n    def __init__(self, x: int, y: int = 0)", "@dataclass(frozen=True)\nclass P:\n    x: int\n    y: int = 0"),
    ("class P:\n    x: int", "class P(NamedTuple):\n    x: int"),
    ("class P:\n    @property\n    def x(self) -> int: ...", "class P:\n    @property\n    def x(self): return 1"),
    ("class P:\n    @staticmethod\n    def make(x): ...", "class P:\n    @staticmethod\n    def make(x): pass"),
    ("def f(a)\ndef g(b)", "def f(a): pass\ndef g(b): pass"),
]  # fmt: skip

BROKEN = [
    (F, "", "contract.missing"),
    (F, "def g(): pass", "contract.missing"),
    (F, "def f(text, sep='-'", "contract.syntax"),
    (F, "def f(text: str\x00)", "contract.syntax"),
    (F, "def h():\n    def f(text, sep='-'): pass", "contract.missing"),
    (F, "class f: pass", "contract.wrong_sort"),
    (F, "async def f(text, sep='-'): pass", "contract.async"),
    ("async def f(x)", "def f(x): pass", "contract.async"),
    (F, "def f(text): pass", "contract.parameter"),
    (F, "def f(text, sep): pass", "contract.parameter"),
    (F, "def f(text, sep='_'): pass", "contract.parameter"),
    (F, "def f(sep='-', text=''): pass", "contract.parameter"),
    (F, "def f(title, sep='-'): pass", "contract.parameter"),
    (F, "def f(text, sep='-', *, must): pass", "contract.parameter"),
    (F, "def f(text, /, sep='-'): pass", "contract.parameter"),
    (F, "def f(*, text, sep='-'): pass", "contract.parameter"),
    (F, "def f(text: int, sep: str = '-'): pass", "contract.parameter"),
    (F, "def f(text: str, sep: str = '-') -> None: pass", "contract.returns"),
    (F, "def f(text: str, sep: str = '-') -> 'list[str]': pass", "contract.returns"),
    ("f(x) -> str", "def f(x) -> str | None: pass", "contract.returns"),
    ("f(*args)", "def f(x): pass", "contract.parameter"),
    (C, "class Stack: size = 0\n", "contract.missing"),
    (C, "class Stack:\n    def push(self, item): pass\n    def pop(self): pass", "contract.missing"),
    (C, "class Stack:\n    size = 0\n    def push(self): pass\n    def pop(self): pass", "contract.parameter"),
    ("class E(ValueError)", "class E(Exception): pass", "contract.wrong_base"),
    ("class P:\n    def __init__(self, x: int)", "class P:\n    def __init__(self): pass", "contract.parameter"),
    ("class P:\n    @property\n    def x(self): ...", "class P:\n    def x(self): pass", "contract.wrong_sort"),
    ("class P:\n    @staticmethod\n    def m(x): ...", "class P:\n    def m(self, x): pass", "contract.wrong_sort"),
    ("what a text", "def f(): pass", "contract.bad_signature"),
]  # fmt: skip


def _contract(signature: str, **fields: object) -> Contract:
    return Contract.model_validate(
        {"id": "c", "module": "m", "signature": signature, "path": "kit.py", **fields}
    )


@pytest.mark.parametrize(("signature", "source"), KEPT)
def test_check_python_when_kept_then_finds_nothing(signature: str, source: str) -> None:
    assert check_python(source, _contract(signature)) == []


@pytest.mark.parametrize(("signature", "source", "code"), BROKEN)
def test_check_python_when_broken_then_says_how_to_mend(signature, source, code) -> None:
    problems = check_python(source, _contract(signature))
    assert code in {problem.code for problem in problems}
    assert all(problem.mend for problem in problems)


@given(st.text(max_size=80), st.text(max_size=200))
@settings(deadline=None)
def test_check_python_of_any_text_then_never_raises(signature: str, source: str) -> None:
    text = "".join(c for c in signature if c.isprintable() or c in "\n\t")
    check_python(source, Contract.model_construct(id="c", signature=text))


def test_check_contract_then_names_its_checker_or_the_lack_of_one() -> None:
    python = check_contract(_contract(F), {"kit.py": KEPT[0][1]})
    assert (python.checked_by, python.is_kept) == ("python", True)
    missing = check_contract(_contract(F), {})
    assert missing.problems[0].code == "contract.missing_file"
    rust = check_contract(_contract("fn f()", path="a.rs"), {"a.rs": ""})
    assert (rust.checked_by, rust.is_kept) == (None, True)
    assert "rust" in rust.reason
    http = check_contract(_contract("GET /x", kind="http"), {})
    assert http.checked_by is None
    assert "acceptance" in http.reason
    script = check_contract(_contract("function f(): void", path="a.ts"), {"a.ts": ""})
    assert "tsc" in script.reason


def test_stubs_then_parse_keep_their_contract_and_build_nothing() -> None:
    spec = whole_spec()
    held = stubs(spec, "slug")
    assert list(held) == ["kit/slug.py"]
    assert check_python(held["kit/slug.py"], spec.contracts[0]) == []
    assert "raise NotImplementedError" in held["kit/slug.py"]
    assert stubs(spec, "cli") == {}


def test_stubs_of_class_then_keep_members() -> None:
    data = whole()
    data["contracts"][0] |= {"kind": "class", "signature": C, "examples": []}
    spec = Spec.model_validate(data)
    text = stubs(spec, "slug")["kit/slug.py"]
    assert check_python(text, spec.contracts[0]) == []


def test_stubs_of_another_language_then_are_a_comment() -> None:
    data = whole()
    data["modules"][0]["files"]["create"] = ["web/slug.ts", "web/slug.css"]
    data["contracts"][0] |= {"path": "web/slug.ts", "signature": "function slug(a: string): string"}
    text = stubs(Spec.model_validate(data), "slug")["web/slug.ts"]
    assert text == "// contract slugify:\n// function slug(a: string): string\n"


@given(any_specs)
@settings(max_examples=60, deadline=None)
def test_stubs_and_tests_of_any_spec_then_are_valid_python(spec: Spec) -> None:
    for module in spec.modules:
        for path, text in (stubs(spec, module.id) | example_tests(spec, module.id)).items():
            if path.endswith(".py"):
                ast.parse(text)


GOOD_CODE = "def slugify(text, sep='-'):\n    if not text: raise ValueError(text)\n    return sep.join(text.lower().split())\n"
TRICKS = [
    "def slugify(text, sep='-'):\n    return 'other'\n",
    "class Yes(str):\n    def __eq__(self, other): return True\n    __hash__ = None\ndef slugify(text, sep='-'):\n    if not text: raise ValueError\n    return Yes('no')\n",
    "class Yes:\n    def __eq__(self, other): return True\n    __hash__ = None\ndef slugify(text, sep='-'):\n    if not text: raise ValueError\n    return Yes()\n",
    "def slugify(text, sep='-'):\n    raise NotImplementedError\n",
    "def slugify(text, sep='-'):\n    return 'a-b'\n",
]  # fmt: skip


def test_example_tests_then_pass_right_code_and_fail_every_trick(tmp_path: Path) -> None:
    codes = {"kit": GOOD_CODE, **{f"kit{n}": code for n, code in enumerate(TRICKS)}}
    for name, code in codes.items():
        data = whole()
        data["modules"][0]["files"]["create"] = [f"{name}/slug.py"]
        data["contracts"][0]["path"] = f"{name}/slug.py"
        (text,) = example_tests(Spec.model_validate(data), "slug").values()
        (tmp_path / name).mkdir()
        (tmp_path / name / "slug.py").write_text(code)
        (tmp_path / "tests").mkdir(exist_ok=True)
        (tmp_path / "tests" / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-rA", "--tb=no", "tests"]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    failed = set(re.findall(r"^FAILED tests/test_(\w+)\.py", done.stdout, re.MULTILINE))
    assert failed == set(codes) - {"kit"}, done.stdout
    assert done.stdout.count("PASSED tests/test_kit.py") == 2


GOOD_EXAMPLES = [
    ("f(1)", "2"), ("f(-1, x=[1, 'a', {'k': None}])", "(1, 2)"), ("f()", "True"), ("f('a')", "1.5"),
    ("f(f(1))", "{'a': [1]}"), ("f(1).plus(2)", "'x'"), ("f(b'x')", "set()"), ("f('...')", "''"),
    ("f.make(1)", "None"), ("f(1).name", "'x'"),
]  # fmt: skip
BAD_CALLS = [
    "f", "g(1)", "f(x)", "f(open('a'))", "f(__import__('os'))", "f(1).__class__.mro()", "f(*[1])",
    "f(**{})", "f(lambda: 1)", "f([i for i in (1,)])", "f('a' * 10)", "f(1); f(2)", "f(f'{1}')",
    "f(a := 1)", "1", "f(...)", "f(1)._x", "(f)(1) + 1", "os.system('x')", "f(1", "f(" * 300, "",
    "print('x')", "exec('x')", "f(eval('1'))", "f(1)(2)", "await f(1)", "f(yield)",
]  # fmt: skip


@pytest.mark.parametrize(("call", "result"), GOOD_EXAMPLES)
def test_example_problems_when_literal_then_takes_it(call: str, result: str) -> None:
    contract = _contract("def f(x)", examples=[{"call": call, "result": result}])
    assert example_problems(contract) == []


@pytest.mark.parametrize("call", BAD_CALLS, ids=lambda call: call[:20])
def test_example_problems_when_call_is_more_than_literal_then_refuses(call: str) -> None:
    contract = _contract("def f(x)", examples=[{"call": call, "result": "1"}])
    assert [problem.where for problem in example_problems(contract)] == ["examples[0].call"]
    data = whole()
    data["contracts"][0] |= {"signature": "def f(x)", "examples": [{"call": call, "result": "1"}]}
    assert example_tests(parse_spec(json.dumps(data)), "slug") == {}


@pytest.mark.parametrize(
    "error", ["SystemExit", "print", "x y", "KeyboardInterrupt", "__doc__", ""]
)
def test_example_problems_when_error_is_no_error_class_then_refuses(error: str) -> None:
    example = Example(call="f(1)", error=error)
    contract = _contract("def f(x)").model_copy(update={"examples": (example,)})
    assert "examples[0].error" in {problem.where for problem in example_problems(contract)}


def test_example_tests_when_error_is_declared_then_imports_it() -> None:
    data = whole()
    data["contracts"][0]["examples"] = [{"call": "slugify('')", "error": "KitError"}]
    text = example_tests(Spec.model_validate(data), "slug")["tests/test_slug_examples.py"]
    assert "from kit.slug import KitError, slugify" in text
    assert "pytest.raises(KitError)" in text


def test_example_tests_in_a_src_layout_then_find_the_package() -> None:
    data = whole()
    data["modules"][0]["files"]["create"] = ["src/kit/slug.py"]
    data["contracts"][0]["path"] = "src/kit/slug.py"
    text = example_tests(Spec.model_validate(data), "slug")["tests/test_slug_examples.py"]
    assert "ROOT / 'src'" in text
    assert "from kit.slug import slugify" in text


EDGE_CASES = [
    {"scenario": "dots", "input": "slugify('...')", "expected": "'...'"},
    {"scenario": "two signs", "input": "slugify( 'A b', sep='--' )", "expected": "'a--b'"},
    {"scenario": "too many", "input": "slugify('a', 'b', 'c')", "error": "TypeError"},
]
ONLY_TEXT = [
    {"scenario": "dots", "input": "...", "expected": "'...'"},
    {"scenario": "words for a value", "input": "slugify('b')", "expected": "the letter b"},
    {"scenario": "nothing expected", "input": "slugify('b')"},
    {"scenario": "a value of the base", "input": "slugify(TEXT)", "expected": "''"},
    {"scenario": "no literal", "input": "slugify(open('/etc/passwd').read())", "expected": "''"},
    {"scenario": "another's", "input": "count_words('')", "expected": "0"},
    {"scenario": "an error in words", "input": "slugify('b')", "error": "it is refused"},
]


def with_edge_cases(cases: list[dict[str, str]], examples: object = ()) -> Spec:
    data = whole()
    data["modules"][0]["edge_cases"] = cases
    data["contracts"][0]["examples"] = list(examples)  # type: ignore[call-overload]
    return parse_spec(json.dumps(data))


def test_example_tests_when_edge_cases_are_literal_then_they_decide_too(tmp_path: Path) -> None:
    (text,) = example_tests(with_edge_cases(EDGE_CASES), "slug").values()
    right = "def slugify(text, sep='-'):\n    return sep.join(text.lower().split())\n"
    codes = {"kit": right, "other": right.replace("sep.join", "'-'.join")}
    for name, code in codes.items():
        (tmp_path / name / "kit").mkdir(parents=True)
        (tmp_path / name / "kit" / "slug.py").write_text(code)
        (tmp_path / name / "tests").mkdir()
        (tmp_path / name / "tests" / "test_slug.py").write_text(text)
    done = {
        name: subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "-rA", "--tb=no", "tests"],
            cwd=tmp_path / name,
            capture_output=True,
            text=True,
            check=False,
            env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": "/usr/bin:/bin"},
        ).stdout
        for name in codes
    }
    assert done["kit"].count("PASSED") == 3, done["kit"]
    assert "FAILED tests/test_slug.py::test_slugify_edge_case_2" in done["other"]
    assert done["other"].count("PASSED") == 2


@pytest.mark.parametrize("case", ONLY_TEXT, ids=lambda case: case["scenario"])
def test_example_tests_when_an_edge_case_is_no_literal_call_then_it_stays_text(
    case: dict[str, str],
) -> None:
    spec = with_edge_cases([case])
    assert example_tests(spec, "slug") == {}
    assert case["scenario"] in slice_of(spec, "slug").text
    assert not [p for p in check(spec).problems if p.code.startswith("contract.")]


def test_check_when_an_edge_case_says_other_than_an_example_then_both_are_named() -> None:
    examples = [
        {"call": 'slugify("...")', "result": "''"},
        {"call": "slugify('A')", "result": "'a'"},
    ]
    cases = [*EDGE_CASES, {"scenario": "one", "input": "slugify('A')", "expected": '"a"'}]
    spec = with_edge_cases(cases, examples)
    found = [p for p in check(spec).problems if p.code == "contract.contradiction"]
    assert [problem.where for problem in found] == ["modules[0].edge_cases[0]"]
    assert "contracts[0].examples[0]" in found[0].message
    # The same said twice is one test.
    (text,) = example_tests(spec, "slug").values()
    assert text.count("slugify('A')") == 1
