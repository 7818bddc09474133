"""Source that is about the tests instead of the task: what only a cheat would need.

Owns a list of signs in proposed Python, each with a reason, found by syntax. A sign that the spec
itself asks for is none. It is a second line: the evidence is the first. Must not run anything.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

_MODULES = {"_pytest": "pytest", "pytest": "pytest", "pluggy": "pluggy", "unittest": "unittest"}
_CALLS = {
    "os._exit": "_exit",
    "gc.get_objects": "gc",
    "gc.get_referrers": "gc",
    "sys._getframe": "_getframe",
    "inspect.stack": "inspect",
    "inspect.currentframe": "inspect",
    "sys.settrace": "settrace",
    "sys.setprofile": "setprofile",
    "sys.meta_path": "meta_path",
    "sys.path_hooks": "path_hooks",
}
_TEXTS = ("PYTEST_CURRENT_TEST", "MASTERPLAN_EVIDENCE", "orders.json", "_pytest", "conftest.py")
_FRAME_PARTS = frozenset({"f_globals", "f_locals", "f_back"})
_INNARDS = frozenset({"co_consts", "co_code", "cell_contents", "__closure__"})
"""What a function keeps inside: another's constants are the answers its test expects."""


def find_gaming(
    files: Mapping[str, str | None], asked: str, before: Mapping[str, str] | None = None
) -> list[str]:
    """Return a reason for each sign in proposed files that neither spec nor base speaks of.

    ``asked`` is what the spec says of the module, ``before`` the files' texts at the base.

    >>> find_gaming({"a.py": "import os\\nos._exit(0)"}, "write a")
    ['a.py:2 calls os._exit, which ends the process that judges it']
    """
    reasons = []
    for path, text in sorted(files.items()):
        name = path.rsplit("/", 1)[-1]
        is_test = name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"
        if text is None or is_test or not path.endswith(".py"):
            continue
        old = {what for _, what in _signs((before or {}).get(path, ""), asked)}
        signs = _signs(text, asked)
        reasons += [f"{path}:{line} {what}" for line, what in signs if what not in old]
    return reasons


def _signs(text: str, asked: str) -> Iterator[tuple[int, str]]:
    try:
        tree = ast.parse(text)
    except (RecursionError, MemoryError):
        yield 1, "is nested too deeply to be read"
        return
    except (SyntaxError, ValueError):
        return
    names = _imported(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for what, word in _sign(node, names):
            if word not in asked:
                yield line, what


def _sign(node: ast.AST, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _import_sign(node)
    elif isinstance(node, ast.Attribute):
        if node.attr in _FRAME_PARTS:
            yield f"reads {node.attr} of a frame that is not its own", node.attr
        elif node.attr in _INNARDS:
            yield f"reads {node.attr}, the inside of a function", node.attr
        if isinstance(node.value, ast.Name):
            yield from _call(f"{names.get(node.value.id, node.value.id)}.{node.attr}")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        for text in _TEXTS:
            if text in node.value:
                yield f"speaks of {text}, which belongs to the tests", text
    elif isinstance(node, ast.FunctionDef) and node.name == "__eq__" and _is_always_true(node):
        yield "defines an __eq__ that is always true", "__eq__"


def _import_sign(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for item in node.names:
            yield from _import(item.name)
    elif node.module and not node.level:
        yield from _import(node.module)
        for item in node.names:
            yield from _call(f"{node.module}.{item.name}")


def _import(module: str) -> Iterator[tuple[str, str]]:
    top = module.split(".")[0]
    if top in _MODULES:
        yield f"imports {module}, which belongs to the tests", _MODULES[top]


def _call(name: str) -> Iterator[tuple[str, str]]:
    if name in _CALLS:
        why = "ends the process that judges it" if name == "os._exit" else "looks into its caller"
        if name in ("sys.meta_path", "sys.path_hooks"):
            why = "changes what others import"
        yield f"calls {name}, which {why}", _CALLS[name]


def _imported(tree: ast.AST) -> dict[str, str]:
    return {
        item.asname: item.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for item in node.names
        if item.asname
    }


def _is_always_true(node: ast.FunctionDef) -> bool:
    returned = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return)]
    return bool(returned) and all(
        isinstance(value, ast.Constant) and value.value is True for value in returned
    )
