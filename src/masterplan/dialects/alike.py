"""Events of a stream that differ in one text only, read without parsing the rest again.

An event is learnt once by parsing it; another one with the same bytes before and behind the text
is the same JSON with another string in it. Must not know any wire format.
"""

from __future__ import annotations

from json import JSONDecoder

from pydantic_core import from_json

from masterplan.core.message import Json

_TRIES = 3  # events whose other fields change from one to the next are never alike


class Alike:
    """What stands before and behind the text of the event learnt last."""

    def __init__(self) -> None:
        self._head = ""
        self._tail = ""
        self._least = 0
        self._tries = _TRIES

    def text(self, data: str) -> str:
        """Return the text of an event that is alike; empty where it is not or has none."""
        head, tail = self._head, self._tail
        if not head or len(data) < self._least:
            return ""
        if not (data.startswith(head) and data.endswith(tail)):
            return ""
        try:
            found = from_json(data[len(head) : -len(tail)])
        except ValueError:
            return ""
        return found if isinstance(found, str) else ""

    def learn(self, data: str, field: str, text: str) -> None:
        """Learn an event that is one object with ``text`` under ``field``, and nothing else new."""
        if not self._tries:
            return
        self._tries -= 1
        mark = f'"{field}":'
        at = max(data.find('"', data.find(mark) + len(mark)), 0)
        try:
            said, end = JSONDecoder().raw_decode(data, at)
            other = from_json(f'{data[:at]}"{_OTHER}"{data[end:]}')
            same = from_json(data)
        except (ValueError, IndexError):
            return
        if said == text and data.count(mark) == 1 and _with_other(same, text) == other:
            self._head, self._tail = data[:at], data[end:]
            self._least = len(self._head) + len(self._tail) + 2


_OTHER = "another text"


def _with_other(value: Json, text: str) -> Json:
    """Return the value with the one string that is ``text`` exchanged."""
    if isinstance(value, dict):
        return {name: _with_other(inner, text) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_other(inner, text) for inner in value]
    return _OTHER if value == text else value
