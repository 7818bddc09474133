"""A contract's Python signature as syntax, as people and models write it.

Owns the forgiving reading of ``f(x: int) -> str`` and of class outlines without bodies. Must not
know what a signature is compared with.
"""

from __future__ import annotations

import ast
import re
import textwrap

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def parse_signature(text: str) -> list[Definition]:
    """Return the functions and classes a signature declares; ``ValueError`` says what is wrong."""
    body = textwrap.dedent(text.replace("\t", "    ")).strip().strip("`").strip()
    if not body:
        raise ValueError("the signature is empty")
    for attempt in (body, _with_bodies(body), "def " + body, _with_bodies("def " + body)):
        definitions = _definitions(attempt)
        if definitions:
            return definitions
    raise ValueError(f"{body.splitlines()[0][:80]!r} is not a Python signature")


def names_of(text: str) -> frozenset[str]:
    """Return the names a signature declares; none where it cannot be read."""
    try:
        return frozenset(definition.name for definition in parse_signature(text))
    except ValueError:
        return frozenset()


def _definitions(text: str) -> list[Definition]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [node for node in tree.body if isinstance(node, Definition)]


def _with_bodies(text: str) -> str:
    """Give every ``def`` and ``class`` line that has no body one of ``...``."""
    lines = _joined(text.splitlines())
    done = []
    for index, line in enumerate(lines):
        following = next((later for later in lines[index + 1 :] if later.strip()), "")
        head = re.match(r"\s*(?:async\s+def|def|class)\s+\w+", line)
        has_block = bool(following) and _indent(following) > _indent(line)
        if head is None or line.rstrip().endswith("..."):
            done.append(line)
        else:
            end = ":" if has_block else ": ..."
            done.append(line.rstrip().rstrip(":").rstrip() + end)
    return "\n".join(done)


def _joined(lines: list[str]) -> list[str]:
    """Join lines that stand inside open brackets."""
    joined: list[str] = []
    depth = 0
    for line in lines:
        if depth > 0 and joined:
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
        depth += sum(line.count(c) for c in "([{") - sum(line.count(c) for c in ")]}")
    return joined


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
