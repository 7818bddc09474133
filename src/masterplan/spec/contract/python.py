"""Produced Python compared with a contract: every call the contract allows must be possible.

Owns that comparison, on syntax alone: nothing is imported or run. Must not know how a contract
came to be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from masterplan.core.errors import Problem
from masterplan.spec.contract.annotation import is_accepted, is_returned
from masterplan.spec.contract.signature import Definition, Function, parse_signature
from masterplan.spec.schema import Contract


def check_python(source: str, contract: Contract) -> list[Problem]:
    """Return how the source breaks the contract: names, parameters, defaults, methods, async."""
    where = f"contract {contract.id}"
    try:
        agreed = parse_signature(contract.signature)
    except ValueError as error:
        mend = "Write it like: def name(text: str) -> str"
        return [Problem("contract.bad_signature", str(error), where, mend)]
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        mend = "Write the whole file again as valid Python."
        return [Problem("contract.syntax", f"the file is not valid Python: {error}", where, mend)]
    built = {node.name: node for node in _top_level(tree.body)}
    found: list[Problem] = []
    for definition in agreed:
        found += _definition(definition, built.get(definition.name), built, where)
    return found


@dataclass(frozen=True)
class _Parameter:
    """One parameter as a caller sees it."""

    name: str
    kind: str
    default: ast.expr | None
    annotation: ast.expr | None


def _top_level(body: list[ast.stmt]) -> Iterator[Definition]:
    """Yield definitions that importing the file makes, also inside ``if`` and ``try``."""
    for node in body:
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for field in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from _top_level(handler.body)


def _definition(
    agreed: Definition, built: Definition | None, scope: dict[str, Definition], where: str
) -> list[Problem]:
    word = "class" if isinstance(agreed, ast.ClassDef) else "function"
    if built is None:
        mend = f"Define the {word} {agreed.name!r} in this file, at the top level."
        return [Problem("contract.missing", f"{word} {agreed.name!r} is missing", where, mend)]
    if isinstance(agreed, ast.ClassDef) != isinstance(built, ast.ClassDef):
        mend = f"Make it a {word}."
        message = f"{agreed.name!r} must be a {word}"
        return [Problem("contract.wrong_sort", message, where, mend)]
    if isinstance(agreed, ast.ClassDef):
        assert isinstance(built, ast.ClassDef)
        return _class(agreed, built, scope, where)
    assert not isinstance(built, ast.ClassDef)
    return _function(agreed, built, agreed.name, where)


def _class(
    agreed: ast.ClassDef, built: ast.ClassDef, scope: dict[str, Definition], where: str
) -> list[Problem]:
    found = []
    line = _lineage(built, scope)
    bases = {_last_name(base) for node in line for base in node.bases}
    for base in agreed.bases:
        if _last_name(base) not in bases | {"object"}:
            message = f"class {agreed.name!r} does not derive from {ast.unparse(base)}"
            mend = f"Write: class {agreed.name}({ast.unparse(base)}):"
            found.append(Problem("contract.wrong_base", message, where, mend))
    has_foreign_base = any(
        base not in scope and base not in {"object", "ABC", "Protocol", "Generic"} for base in bases
    )
    members = _members(line)
    for member in agreed.body:
        name = f"{agreed.name}.{_member_name(member)}"
        if isinstance(member, Function):
            method = members.get(member.name)
            if method is None and member.name == "__init__":
                method = _generated_init(line)
            if isinstance(method, Function):
                found += _function(member, method, name, where)
            elif method is None and not has_foreign_base:
                mend = f"Add the method {member.name!r} to class {agreed.name!r}."
                found.append(Problem("contract.missing", f"{name!r} is missing", where, mend))
        elif (
            isinstance(member, ast.AnnAssign)
            and not has_foreign_base
            and _member_name(member) not in members.keys() | _assigned(line)
        ):
            mend = f"Set it in class {agreed.name!r} or in its __init__."
            found.append(Problem("contract.missing", f"{name!r} is missing", where, mend))
    return found


def _lineage(node: ast.ClassDef, scope: dict[str, Definition]) -> list[ast.ClassDef]:
    """Return the class and its bases as far as this file defines them, nearest first."""
    line, front = [node], [node]
    while front and len(line) < 50:
        current = front.pop(0)
        for base in current.bases:
            parent = scope.get(_last_name(base))
            if isinstance(parent, ast.ClassDef) and parent not in line:
                line.append(parent)
                front.append(parent)
    return line


def _members(line: list[ast.ClassDef]) -> dict[str, ast.stmt]:
    members: dict[str, ast.stmt] = {}
    for node in reversed(line):
        for member in node.body:
            if isinstance(member, ast.Assign):
                members |= {t.id: member for t in member.targets if isinstance(t, ast.Name)}
            else:
                members[_member_name(member)] = member
    return members


def _assigned(line: list[ast.ClassDef]) -> set[str]:
    """Return every name that some method stores on ``self``."""
    return {
        inner.attr
        for node in line
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.ctx, ast.Store)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == "self"
    }


def _generated_init(line: list[ast.ClassDef]) -> ast.FunctionDef | None:
    """Return the ``__init__`` that ``dataclass`` or ``NamedTuple`` makes, or ``None``."""
    node = line[0]
    marks = {_last_name(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list}
    marks |= {_last_name(base) for base in node.bases}
    if not marks & {"dataclass", "NamedTuple", "define", "frozen"}:
        return None
    fields = [m for part in reversed(line) for m in part.body if isinstance(m, ast.AnnAssign)]
    names = [ast.arg("self"), *(ast.arg(_member_name(f), f.annotation) for f in fields)]
    defaults = [field.value for field in fields if field.value is not None]
    arguments = ast.arguments([], names, None, [], [], None, defaults)
    return ast.FunctionDef("__init__", arguments, [], [], None, None)


def _function(agreed: Function, built: Function, name: str, where: str) -> list[Problem]:
    found = []
    if isinstance(agreed, ast.AsyncFunctionDef) != isinstance(built, ast.AsyncFunctionDef):
        word = "async def" if isinstance(agreed, ast.AsyncFunctionDef) else "def"
        mend = f"Write it with `{word}`."
        found.append(Problem("contract.async", f"{name!r} must be `{word}`", where, mend))
    for mark in ("staticmethod", "classmethod", "property"):
        has = [mark in {_last_name(d) for d in node.decorator_list} for node in (agreed, built)]
        if has[0] != has[1]:
            mend = f"{'Add' if has[0] else 'Remove'} @{mark}."
            message = f"{name!r} must {'' if has[0] else 'not '}be a {mark}"
            found.append(Problem("contract.wrong_sort", message, where, mend))
    asked = f"Write exactly: {_head(agreed)}"
    for message in _parameter_faults(_parameters(agreed), _parameters(built)):
        found.append(Problem("contract.parameter", f"{name!r}: {message}", where, asked))
    if not is_returned(agreed.returns, built.returns):
        assert agreed.returns is not None
        message = f"{name!r} must return {ast.unparse(agreed.returns)}"
        found.append(Problem("contract.returns", message, where, asked))
    return found


def _parameter_faults(agreed: list[_Parameter], built: list[_Parameter]) -> Iterator[str]:
    there = {parameter.name: parameter for parameter in built}
    wanted = {parameter.name for parameter in agreed}
    takes_rest = {parameter.kind for parameter in built} & {"*", "**"}
    for parameter in agreed:
        match = there.get(parameter.name)
        if parameter.kind in {"*", "**"}:
            if parameter.kind not in takes_rest:
                yield f"the parameter {parameter.kind}{parameter.name} is missing"
        elif match is None:
            yield f"the parameter {parameter.name!r} is missing"
        else:
            yield from _faults_of(parameter, match)
    for parameter in built:
        is_named = parameter.kind not in {"*", "**"}
        if parameter.name not in wanted and is_named and parameter.default is None:
            yield f"the parameter {parameter.name!r} is not in the contract and has no default"
    order = [p.name for p in agreed if p.kind in {"positional", "any"}]
    placed = [p.name for p in built if p.kind in {"positional", "any"}]
    if set(order) <= set(placed) and placed[: len(order)] != order:
        yield f"the parameters must stand in the order {', '.join(order)}"


def _faults_of(agreed: _Parameter, built: _Parameter) -> Iterator[str]:
    if built.kind not in ({agreed.kind, "any"} if agreed.kind != "any" else {"any"}):
        words = {"positional": "by position", "keyword": "by name", "any": "by position and name"}
        yield f"the parameter {agreed.name!r} must be passed {words[agreed.kind]}"
    if agreed.default is not None and not _same_value(agreed.default, built.default):
        yield f"the parameter {agreed.name!r} must default to {ast.unparse(agreed.default)}"
    if not is_accepted(agreed.annotation, built.annotation):
        assert agreed.annotation is not None
        yield f"the parameter {agreed.name!r} must be {ast.unparse(agreed.annotation)}"


def _parameters(node: Function) -> list[_Parameter]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    gap = len(positional) - len(arguments.defaults)
    defaults = [None] * gap + list(arguments.defaults)
    kinds = ["positional"] * len(arguments.posonlyargs) + ["any"] * len(arguments.args)
    found = [
        _Parameter(argument.arg, kind, default, argument.annotation)
        for argument, kind, default in zip(positional, kinds, defaults, strict=True)
    ]
    if arguments.vararg:
        found.append(_Parameter(arguments.vararg.arg, "*", None, None))
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_Parameter(argument.arg, "keyword", value, argument.annotation))
    if arguments.kwarg:
        found.append(_Parameter(arguments.kwarg.arg, "**", None, None))
    # A method's first parameter is bound by Python; contracts often leave it out.
    return [p for p in found if p.name not in {"self", "cls"}]


def _same_value(agreed: ast.expr, built: ast.expr | None) -> bool:
    if built is None:
        return False
    if isinstance(agreed, ast.Constant) and agreed.value is ...:
        return True
    try:
        first, second = ast.literal_eval(agreed), ast.literal_eval(built)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        # A name or a call: it cannot be told from here whether both are the same value.
        return True
    return bool(first == second)


def _head(node: Function) -> str:
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"{word} {node.name}({ast.unparse(node.args)}){returns}:"


def _member_name(member: ast.stmt) -> str:
    if isinstance(member, Definition):
        return member.name
    if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
        return member.target.id
    return ""


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
