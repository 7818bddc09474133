"""One value of a JSON object exchanged, added or found, every other byte left as it was.

Owns where the members of an object stand in its bytes. Must not know any dialect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from masterplan.core.errors import DialectError
from masterplan.dialects.peeking import shape

_KEY = re.compile(rb'[ \t\n\r]*"((?:[^"\\]|\\.)*)"[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_END = re.compile(rb"[ \t\n\r]*([,}])")
_OPEN = re.compile(rb"[ \t\n\r]*\{")
_EMPTY = re.compile(rb"[ \t\n\r]*\}")


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: where its value stands in the body."""

    key: str
    start: int
    end: int


def find_member(body: bytes, key: str, *, within: Member | None = None) -> Member | None:
    """Return where a value stands, in the body's object or in that of one of its members.

    Raises ``DialectError`` where the key is there twice: whoever reads it may take either.
    """
    place = f"$.{within.key}" if within else "$"
    start, end = (within.start, within.end) if within else (0, len(body))
    if is_never_written(body, key):
        return None
    found = [member for member in _members(body, start, end, place) if member.key == key]
    if len(found) > 1:
        where = f"{place}.{key}"
        raise DialectError(
            "dialect.duplicate_key", f"`{key}` is there {len(found)} times - at `{where}`", where
        )
    return found[0] if found else None


def is_never_written(body: bytes, key: str) -> bool:
    """Tell whether no object of the body can have this key, however it is spelled.

    An escaped letter needs ``\\u00``; without one a key is written as its own bytes.
    """
    return b'"' + key.encode() + b'"' not in body and b"\\u00" not in body


def with_value(body: bytes, member: Member, value: bytes) -> bytes:
    """Return the body with another value there."""
    return body[: member.start] + value + body[member.end :]


def with_member(body: bytes, key: str, value: bytes, *, within: Member | None = None) -> bytes:
    """Return the body with one member more, the first of its object."""
    opened = _OPEN.match(body, within.start if within else 0)
    if opened is None:
        raise DialectError("dialect.shape", "expected an object - at `$`", "$")
    at = opened.end()
    comma = b"" if _EMPTY.match(body, at) else b","
    return b"".join((body[:at], b'"', key.encode(), b'":', value, comma, body[at:]))


def _members(body: bytes, start: int, end: int, place: str) -> Iterator[Member]:
    """Yield the members of an object as they stand; the bytes must be JSON.

    The values' lengths come from a decoder that skips them. It knows only the last of two alike
    keys; the first shows by not being what was expected there, and is then parsed.
    """
    whole = body if (start, end) == (0, len(body)) else body[start:end]
    raws = shape.decode(shape.members, whole, place)
    at = _skip(_OPEN, body, start)
    while (found := _KEY.match(body, at)) is not None:
        key = _text(found.group(1))
        value = bytes(raws[key])
        at = found.end()
        after = _END.match(body, at + len(value)) if body.startswith(value, at) else None
        if after is None:
            stop = _parsed_end(body, at)
            after = _END.match(body, stop)
        else:
            stop = at + len(value)
        yield Member(key, at, stop)
        if after is None or after.group(1) == b"}":
            return
        at = after.end()


def _skip(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    found = pattern.match(body, at)
    return found.end() if found else at


def _text(key: bytes) -> str:
    return str(json.loads(b'"' + key + b'"')) if b"\\" in key else key.decode()


def _parsed_end(body: bytes, at: int) -> int:
    # Latin-1 gives every byte one character, and JSON's own characters are ASCII.
    return at + json.JSONDecoder().raw_decode(body[at:].decode("latin-1"))[1]
