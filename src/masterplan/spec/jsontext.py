"""JSON text into plain values, with every limit a hostile file would try.

Owns size, depth, duplicate keys, numbers that JSON does not have, and where the text is broken.
Must not know what the JSON is about.
"""

from __future__ import annotations

import json
import re
from collections import Counter

from masterplan.core.errors import Problem

MAX_DEPTH = 32
MAX_VALUES = 100_000
# A string that is never closed counts up to the end, so that the scan stays linear.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


class _Object(dict[str, object]):
    """An object that remembers which of its keys were written more than once."""

    duplicates: tuple[str, ...] = ()


def read_json(text: str, max_bytes: int) -> tuple[object, list[Problem]]:
    """Return the value and no problems, or ``None`` and why the text cannot be read."""
    problem = _size(text, max_bytes) or _shape(text)
    if problem is not None:
        return None, [problem]
    try:
        data = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return None, [_broken(text, error)]
    except ValueError as error:
        mend = "Write an ordinary number."
        return None, [Problem("spec.bad_number", f"the spec holds a bad number: {error}", "", mend)]
    duplicates = _duplicates(data, "")
    return (None, duplicates) if duplicates else (data, [])


def _size(text: str, max_bytes: int) -> Problem | None:
    if not text.strip():
        return Problem("spec.empty", "the spec is empty", "", "Write it with `masterplan plan`.")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        message = f"the spec has {size:,} bytes, more than {max_bytes:,}"
        return Problem("spec.too_big", message, "", "Split the work into several specs.")
    return None


def _shape(text: str) -> Problem | None:
    """Refuse nesting and numbers of values that only an attack has, before anything is built."""
    depth = values = 0
    for match in _TOKENS.finditer(text):
        token = match[0]
        depth += (token in "[{") - (token in "]}")
        values += token == ","
        if depth > MAX_DEPTH:
            message = f"the spec is nested more than {MAX_DEPTH} deep at character {match.start()}"
            return Problem("spec.too_deep", message, "", "Remove the nesting.")
        if values > MAX_VALUES:
            message = f"the spec holds more than {MAX_VALUES:,} values"
            return Problem("spec.too_many", message, "", "Split the work into several specs.")
    return None


def _broken(text: str, error: json.JSONDecodeError) -> Problem:
    place = f"line {error.lineno} column {error.colno}"
    if not text[error.pos :].strip() or "Unterminated" in error.msg:
        message, mend = "the spec ends too early", "It was cut off: write the whole of it again."
        return Problem("spec.truncated", f"{message}, at {place}", "", mend)
    return Problem(
        "spec.not_json",
        f"the spec is not JSON: {error.msg} at {place}",
        "",
        "Mend the text there; JSON has no comments and no trailing commas.",
    )


def _pairs(pairs: list[tuple[str, object]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        times = Counter(key for key, _ in pairs)
        found.duplicates = tuple(key for key, count in times.items() if count > 1)
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _duplicates(data: object, place: str) -> list[Problem]:
    found = []
    if isinstance(data, _Object):
        for key in data.duplicates:
            at = f"{place}.{key}" if place else key
            message = f"the key {key!r} is written more than once"
            found.append(Problem("spec.duplicate_key", message, at, "Keep one of them."))
        for key, value in data.items():
            found += _duplicates(value, f"{place}.{key}" if place else key)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            found += _duplicates(value, f"{place}[{index}]")
    return found
