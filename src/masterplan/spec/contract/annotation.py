"""Annotations compared loosely: only a difference that is sure to matter counts.

Owns the families of types that stand in for each other. Must not resolve names: an alias or a
class of the project is taken on trust.
"""

from __future__ import annotations

import ast

_FAMILIES = {
    "list": "list Sequence MutableSequence Iterable Collection List Iterator Generator",
    "dict": "dict Mapping MutableMapping Dict TypedDict OrderedDict defaultdict Counter",
    "set": "set frozenset Set FrozenSet AbstractSet MutableSet",
    "tuple": "tuple Tuple NamedTuple",
    "str": "str Text LiteralString",
    "bytes": "bytes bytearray memoryview",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "None": "None NoneType",
    "complex": "complex",
}
_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names.split()}
# A wider reading that Python itself allows: an int passes for a float, a tuple for a sequence.
_PASSES_FOR = {("int", "float"), ("bool", "int"), ("tuple", "list"), ("set", "list")}


def is_accepted(agreed: ast.expr | None, built: ast.expr | None) -> bool:
    """Tell whether a parameter as built takes what was agreed; missing or unknown ones do."""
    given, taken = _families(agreed), _families(built)
    return given is None or taken is None or _flows(given - {"None"}, taken)


def is_returned(agreed: ast.expr | None, built: ast.expr | None) -> bool:
    """Tell whether a result as built is what was agreed; missing or unknown ones are."""
    wanted, given = _families(agreed), _families(built)
    return wanted is None or given is None or _flows(given, wanted)


def _flows(given: frozenset[str], taken: frozenset[str]) -> bool:
    return all(
        name in taken or any((name, other) in _PASSES_FOR for other in taken) for name in given
    )


def _families(node: ast.expr | None) -> frozenset[str] | None:
    return None if node is None else _outer(node)


def _outer(node: ast.expr) -> frozenset[str] | None:
    """Return the families at the top level of an annotation, ``None`` if any is not built in."""
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right])
    if isinstance(node, ast.Subscript):
        name = _name(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Optional":
            return _union([*inner, ast.Constant(None)])
        if name == "Union":
            return _union(inner)
        if name in {"Annotated", "Final", "ClassVar"}:
            return _outer(inner[0])
        return _outer(node.value)
    family = _FAMILY_OF.get(_name(node) or "")
    return frozenset({family}) if family else None


def _constant(value: object) -> frozenset[str] | None:
    if value is None:
        return frozenset({"None"})
    if not isinstance(value, str):
        return None
    try:
        return _outer(ast.parse(value, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _union(nodes: list[ast.expr]) -> frozenset[str] | None:
    found: frozenset[str] = frozenset()
    for node in nodes:
        outer = _outer(node)
        if outer is None:
            return None
        found |= outer
    return found


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None
