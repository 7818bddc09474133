"""What the scripted provider answers: replies, the requests it got, and scripts from a file.

Plain values and one loader. Must not know HTTP or any wire format.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from masterplan.core.errors import InputError
from masterplan.core.message import Json, Part, Request, Stop, Text, ToolResult
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage


@dataclass(frozen=True)
class Reply:
    """What to answer. ``text``, then ``tool_calls`` (name, JSON text), or ``parts`` instead.

    ``status`` over 399 answers an error with ``body``; ``body`` with 200 is sent as it is.
    ``cut_at`` ends the answer after that many body bytes, with FIN or RST; ``stall_at`` falls
    silent there; ``reset_before_status`` executes the request and resets the connection.
    ``model`` overrides the served name; ``usage=None`` counts words, ``"none"`` reports none.
    ``content_length`` is what the header claims of a whole answer's size.
    """

    text: str = "ok"
    tool_calls: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] | None = None
    stop: Stop | None = None
    usage: Usage | Literal["none"] | None = None
    model: str | None = None
    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    cut_at: int | None = None
    cut_with: Literal["fin", "rst"] = "fin"
    stall_at: int | None = None
    reset_before_status: bool = False
    content_length: int | None = None


@dataclass(frozen=True)
class Received:
    """One request as it came: its dialect, canonical form, raw body and headers (lower case)."""

    dialect: Dialect
    model: str
    request: Request
    body: bytes
    headers: Mapping[str, str]
    path: str

    @property
    def text(self) -> str:
        """All the request's text, tool results included: what a script looks for."""
        found: list[str] = []
        for message in self.request.messages:
            for part in message.parts:
                if isinstance(part, Text):
                    found.append(part.text)
                elif isinstance(part, ToolResult):
                    found += [inner.text for inner in part.parts if isinstance(inner, Text)]
        return "\n".join(found)


Script = Callable[[Received], Reply] | Sequence[Reply]
"""A function, or replies in order (the last one repeats; none at all answers ``ok``)."""


@checked_dataclass(frozen=True, config={"extra": "forbid"})
class _Counts:
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0


@checked_dataclass(frozen=True, config={"extra": "forbid"})
class _When:
    model: str = "*"
    contains: str = ""


@checked_dataclass(frozen=True, config={"extra": "forbid"})
class _Rule:
    when: _When = field(default_factory=_When)
    text: str = "ok"
    tool_calls: tuple[tuple[str, str], ...] = ()
    stop: Stop | None = None
    usage: _Counts | Literal["none"] | None = None
    model: str | None = None
    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    cut_at: int | None = None
    cut_with: Literal["fin", "rst"] = "fin"
    stall_at: int | None = None
    reset_before_status: bool = False
    content_length: int | None = None
    times: int | None = None

    def reply(self) -> Reply:
        """Return the reply this rule gives."""
        usage: Usage | Literal["none"] | None = None
        if isinstance(self.usage, _Counts):
            usage = Usage(**_fields_of(self.usage), source="reported")
        elif self.usage == "none":
            usage = "none"
        body = None if self.body is None else self.body.encode()
        fields = {
            name: value
            for name, value in _fields_of(self).items()
            if name not in ("when", "times", "usage", "body")
        }
        return Reply(**fields, usage=usage, body=body)


def _fields_of(value: _Counts | _Rule) -> dict[str, Json]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


_RULES = TypeAdapter(list[_Rule])


def load_script(path: Path) -> Callable[[Received], Reply]:
    """Read a JSON file of rules; the first that fits and has ``times`` left answers.

    A rule is ``{"when": {"model": "claude-*", "contains": "…"}, "text": "…", "times": 1}`` with
    the fields of ``Reply``. Raises ``InputError`` with every mistake and its place.
    """
    try:
        rules = _RULES.validate_python(json.loads(path.read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError("fake.script", f"the script cannot be read: {error}", str(path)) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InputError("fake.script", first["msg"], f"{path}: {place}") from None
    used = [0] * len(rules)

    def answer(received: Received) -> Reply:
        for index, rule in enumerate(rules):
            is_left = rule.times is None or used[index] < rule.times
            is_model = fnmatch.fnmatch(received.model, rule.when.model)
            if is_left and is_model and rule.when.contains in received.text:
                used[index] += 1
                return rule.reply()
        return Reply(status=404, body=b'{"error":{"message":"no rule of the script fits"}}')

    return answer
