"""Examples of contracts, and edge cases like them, as tests: literal calls in a pytest file.

Owns which expressions an example may be and how a test is worded. Must not run anything: what is
not plainly a call with literal arguments is refused, because planners' text becomes code here.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass

from masterplan.core.errors import Problem
from masterplan.spec.contract.place import language_of
from masterplan.spec.contract.signature import names_of
from masterplan.spec.schema import Contract, EdgeCase, Example, Module, Spec

_MAX_NODES = 400


def example_problems(contract: Contract, errors: frozenset[str] = frozenset()) -> list[Problem]:
    """Return what keeps a Python contract's examples from being tests; places are relative.

    ``errors`` are the error classes the spec declares beside those built in.
    """
    found = []
    names = names_of(contract.signature)
    for index, example in enumerate(contract.examples):
        for field, message, mend in _faults(example, names, errors | names):
            place = f"examples[{index}].{field}"
            found.append(Problem("contract.bad_example", message, place, mend))
    return found


def example_tests(spec: Spec, module_id: str) -> dict[str, str]:
    """Return a pytest file by path made of the contracts' examples; ``{}`` where there are none.

    The module's edge cases that are calls with literal values (see ``edge_example``) are in it too.
    The path is ``tests/test_<module>_examples.py``; it imports from the contracts' own files.
    """
    module = spec.module(module_id)
    if module is None:
        return {}
    pieces = [piece for contract in spec.contracts for piece in _piece(spec, module, contract)]
    if not pieces:
        return {}
    name = module_id.replace("-", "_")
    return {f"tests/test_{name}_examples.py": _file(module_id, pieces)}


@dataclass(frozen=True)
class _Piece:
    """The tests of one contract and the import they need."""

    origin: str
    root: str
    names: tuple[str, ...]
    tests: tuple[str, ...]


def _piece(spec: Spec, module: Module, contract: Contract) -> list[_Piece]:
    if contract.module != module.id or language_of(contract) != "python" or not contract.path:
        return []
    origin = import_name(contract.path)
    names = names_of(contract.signature)
    errors = declared_errors(spec)
    if origin is None or not names:
        return []
    tests, used = [], set(names)
    for number, example in enumerate(contract.examples, 1):
        if _faults(example, names, errors | names):
            continue
        tests.append(_test(f"test_{_identifier(contract.id)}_example_{number}", example))
        used |= _imported(example)
    known = {plain_code(example.call) for example in contract.examples}
    for number, case in enumerate(module.edge_cases, 1):
        found = edge_example(case, contract, errors)
        if found is not None and plain_code(found.call) not in known:
            tests.append(_test(f"test_{_identifier(contract.id)}_edge_case_{number}", found))
            used |= _imported(found)
    root = contract.path.split("/")[0] if contract.path.startswith(("src/", "lib/")) else ""
    return [_Piece(origin, root, tuple(sorted(used)), tuple(tests))] if tests else []


def edge_example(
    case: EdgeCase, contract: Contract, errors: frozenset[str] = frozenset()
) -> Example | None:
    """Return an edge case as an example of a Python contract; ``None`` where it is only text.

    It is one where ``input`` is a call of the contract with literal arguments, and ``expected`` a
    literal or ``error`` an error class: built in, or one of ``errors``.
    """
    names = names_of(contract.signature)
    outcome = {"error": case.error} if case.error else {"result": case.expected or None}
    found = Example(call=case.input, **outcome)
    return None if not names or _faults(found, names, errors | names) else found


def plain_code(text: str) -> str:
    """Return an expression in one way of writing it; what is none stays as it is."""
    tree = _expression(text)
    return ast.unparse(tree) if tree is not None else text.strip()


def declared_errors(spec: Spec) -> frozenset[str]:
    """Return the error classes that the spec names: shared ones and those of contracts."""
    named = {name for name in spec.shared.errors if name.isidentifier()}
    for contract in spec.contracts:
        named |= {error for error in contract.errors if error.isidentifier()}
    return frozenset(named)


def import_name(path: str) -> str | None:
    """Return the dotted name a Python file is imported by, ``None`` where it has none.

    >>> import_name("src/kit/slug.py"), import_name("my-kit/slug.py")
    ('kit.slug', None)
    """
    parts = path.removesuffix(".py").split("/")
    if len(parts) > 1 and parts[0] in {"src", "lib"}:
        parts = parts[1:]
    if len(parts) > 1 and parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts) if path.endswith(".py") and all(map(str.isidentifier, parts)) else None


def _faults(
    example: Example, names: frozenset[str], errors: frozenset[str]
) -> list[tuple[str, str, str]]:
    found = []
    start = min(names, default="name")
    call = _expression(example.call)
    if call is None or not _is_call(call, names):
        message = f"{example.call[:60]!r} is not a call of {start} with literal arguments"
        found.append(("call", message, f"Write it like: {start}('text', 3)"))
    if (example.result is None) == (example.error is None):
        mend = "Give result, or error if the call raises one; not both."
        found.append(("result", "an example has either a result or an error", mend))
    if example.result is not None:
        result = _expression(example.result)
        if result is None or not _is_plain(result, names):
            message = f"{example.result[:60]!r} is not a literal value"
            mend = "Write a Python value such as 'text', 3 or ['a', 'b']; quote texts."
            found.append(("result", message, mend))
    if example.error is not None and not _is_error(example.error, errors):
        message = f"{example.error[:60]!r} is no known error class"
        mend = "Write a built-in error such as ValueError, or declare it in shared.errors."
        found.append(("error", message, mend))
    return found


def _expression(text: str) -> ast.expr | None:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree.body if sum(1 for _ in ast.walk(tree)) <= _MAX_NODES else None


def _is_plain(node: ast.expr, names: frozenset[str]) -> bool:
    """Tell whether an expression is a literal, or a call of the contract's own names."""
    match node:
        case ast.Constant():
            return node.value is not ...
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=value)):
            return isinstance(value, int | float)
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return all(_is_plain(item, names) for item in items)
        case ast.Dict(keys=keys, values=values):
            return all(k is not None and _is_plain(k, names) for k in keys) and all(
                _is_plain(value, names) for value in values
            )
        case ast.Call(func=ast.Name(id="set" | "frozenset"), args=[], keywords=[]):
            return True
    return _is_call(node, names)


def _is_call(node: ast.expr, names: frozenset[str]) -> bool:
    if isinstance(node, ast.Attribute):
        return not node.attr.startswith("_") and _is_call(node.value, names)
    if not isinstance(node, ast.Call):
        return False
    target = node.func
    is_own = isinstance(target, ast.Name) and target.id in names
    is_method = isinstance(target, ast.Attribute) and (
        not target.attr.startswith("_")
        and (
            _is_call(target.value, names)
            or (isinstance(target.value, ast.Name) and target.value.id in names)
        )
    )
    return (
        (is_own or is_method)
        and all(
            _is_plain(argument, names)
            for argument in (
                *node.args,
                *(keyword.value for keyword in node.keywords if keyword.arg),
            )
        )
        and all(keyword.arg for keyword in node.keywords)
    )


def _is_error(name: str, errors: frozenset[str]) -> bool:
    built_in = getattr(builtins, name, None) if name.isidentifier() else None
    is_built_in = isinstance(built_in, type) and issubclass(built_in, Exception)
    return is_built_in or (name in errors and name.isidentifier() and not name.startswith("_"))


def _test(name: str, example: Example) -> str:
    call = ast.unparse(ast.parse(example.call.strip(), mode="eval"))
    if example.error is not None:
        body = f"    with pytest.raises({example.error}):\n        {call}\n"
        return f"def {name}():\n{body}"
    assert example.result is not None
    result = ast.parse(example.result.strip(), mode="eval").body
    lines = [f"    found = {call}", *_assertions(result)]
    return f"def {name}():\n" + "\n".join(lines) + "\n"


def _imported(example: Example) -> set[str]:
    """Return the error class that a test must import from the contract's file."""
    is_own = example.error and not hasattr(builtins, example.error)
    return {example.error} if is_own and example.error else set()


def _assertions(result: ast.expr) -> Iterable[str]:
    """Word the comparison so that an object which claims to equal everything still fails."""
    text = ast.unparse(result)
    try:
        value = ast.literal_eval(result)
    except (ValueError, TypeError, SyntaxError):
        return [f"    assert found == {text}"]
    if value is None or isinstance(value, bool):
        return [f"    assert found is {text}"]
    if isinstance(value, float):
        return [
            "    assert type(found) in (int, float)",
            f"    assert found == pytest.approx({text})",
        ]
    if isinstance(value, int):
        return ["    assert type(found) in (int, float)", f"    assert found == {text}"]
    return [
        f"    expected = {text}",
        "    assert found == expected",
        "    assert type(expected).__eq__(expected, found) is True",
    ]


def _file(module_id: str, pieces: list[_Piece]) -> str:
    roots = sorted({piece.root for piece in pieces})
    tests = "\n\n".join(test for piece in pieces for test in piece.tests)
    imports: dict[str, set[str]] = {}
    for piece in pieces:
        imports.setdefault(piece.origin, set()).update(piece.names)
    places = ", ".join(f"str(ROOT / {root!r})" if root else "str(ROOT)" for root in roots)
    lines = [
        f'"""Examples and edge cases of module {module_id}, written from the spec."""',
        "",
        "import sys",
        "from pathlib import Path",
        *(["", "import pytest"] if "pytest." in tests else []),
        "",
        "ROOT = Path(__file__).resolve().parents[1]",
        f"sys.path[:0] = [{places}]",
        "",
        *(
            f"from {origin} import {', '.join(sorted(imports[origin]))}"
            for origin in sorted(imports)
        ),
    ]
    return "\n".join(lines) + "\n\n\n" + tests


def _identifier(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text)
