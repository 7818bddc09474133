"""One pair of dialects at work: a client's request carried to a provider, its answer carried back.

Only through the codecs, as the gateway uses them. What is lost on the way is collected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from wire_body import PATHS, body, user
from wire_stream import SERVED

from masterplan.core.message import (
    Failed,
    Loss,
    Part,
    Ping,
    Reasoning,
    Request,
    Response,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.core.model import Dialect
from masterplan.dialects import codec, collect
from masterplan.dialects.codec import WireRequest
from masterplan.dialects.gate import refusal
from masterplan.dialects.names import NameMap

Json = Any
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)


@dataclass(frozen=True)
class Pair:
    """A client's dialect and a provider's."""

    client: Dialect
    provider: Dialect

    def __str__(self) -> str:
        return f"{self.client}→{self.provider}"


PAIRS = tuple(Pair(client, provider) for client in DIALECTS for provider in DIALECTS)


@dataclass(frozen=True)
class Asked:
    """A client's request and what became of it: ``again`` is what the provider understands."""

    request: Request
    wire: WireRequest
    body: Json
    losses: tuple[Loss, ...]
    again: Request
    refused: str | None


def ask(pair: Pair, sent: Json, *, model: str = "") -> Asked:
    """Carry a request over; ``model`` is the decided one."""
    path = PATHS[pair.client]
    came = codec(pair.client).parse_request(json.dumps(sent).encode(), path=path)
    request = replace(came, model=model or SERVED[pair.provider])
    wire, losses = codec(pair.provider).write_request(request)
    twice, _ = codec(pair.provider).write_request(request)
    assert twice.body == wire.body, "writing twice gives other bytes: no cache stays warm"
    again = codec(pair.provider).parse_request(wire.body, path=wire.path)
    refused = refusal(request, pair.provider)
    return Asked(request, wire, json.loads(wire.body), losses, again, refused)


@dataclass(frozen=True)
class Answered:
    """A provider's stream and what the client got of it: ``back`` is what the client reads."""

    events: Sequence[StreamEvent]
    raw: bytes
    back: Sequence[StreamEvent]
    losses: tuple[Loss, ...]

    @property
    def made(self) -> Response:
        """The answer as the provider made it."""
        return collect(self.events)

    @property
    def read(self) -> Response:
        """The answer as the client reads it."""
        return collect(self.back)

    @property
    def failed(self) -> Failed:
        """The failure that the client reads."""
        last = self.back[-1]
        assert isinstance(last, Failed), self.raw
        return last


def answer(pair: Pair, stream: bytes, sent: Json = None, *, pings: bool = False) -> Answered:
    """Carry a stream back to the client that sent ``sent``."""
    events = read_stream(pair.provider, stream)
    request = client_request(pair.client, sent)
    names = NameMap.of(request, pair.provider)
    writer = codec(pair.client).stream_writer(request)
    raw = b""
    for event, named in zip(events, names.events(events), strict=True):
        raw += writer.write(named)
        if pings and event is not events[-1]:
            raw += writer.write(Ping())
    back = read_stream(pair.client, raw)
    return Answered(events, raw, back, tuple(writer.losses))


def client_request(client: Dialect, sent: Json = None) -> Request:
    """Read what a client sent: by default a streamed hello that wants usage."""
    if sent is None:
        wants = {"stream": True, "stream_options": {"include_usage": True}}
        streamed = {"openai_chat": wants, "gemini": {}}.get(client, {"stream": True})
        sent = body(client, user(client, "hello"), **streamed)
    return codec(client).parse_request(json.dumps(sent).encode(), path=PATHS[client])


def read_stream(dialect: Dialect, *chunks: bytes) -> list[StreamEvent]:
    """Read a whole stream with the dialect's own reader."""
    reader = codec(dialect).stream_reader()
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return [*events, *reader.end()]


def whole(pair: Pair, made: Response) -> tuple[Json, tuple[Loss, ...]]:
    """Return the body of an answer that is not streamed."""
    written, losses = codec(pair.client).write_response(made)
    return json.loads(written), losses


def echo(client: Dialect, answered: Json) -> list[Json]:
    """Return an answer as the client sends it again in its history, unread."""
    if client == "anthropic":
        return [{"role": "assistant", "content": answered["content"]}]
    if client == "openai_chat":
        return [answered["choices"][0]["message"]]
    if client == "openai_responses":
        return list(answered["output"])
    return [answered["candidates"][0]["content"]]


Said = tuple[str, ...]


def said(parts: Iterable[Part]) -> list[Said]:
    """Return parts as short tuples; neighbours of a kind are one, seals are left out."""
    found: list[Said] = []
    for part in parts:
        if isinstance(part, Reasoning):
            one: Said = ("thought", part.text)
        elif isinstance(part, Text):
            one = ("text", part.text)
        elif isinstance(part, ToolCall):
            one = ("call", part.name, json.dumps(json.loads(part.arguments), sort_keys=True))
        else:
            one = ("other",)
        if one[:2] in (("thought", ""), ("text", "")):
            continue
        if found and one[0] == found[-1][0] and one[0] in ("thought", "text"):
            found[-1] = (one[0], found[-1][1] + one[1])
        else:
            found.append(one)
    return found


def called(name: str, **arguments: Json) -> Said:
    """Return a call as ``said`` gives it."""
    return ("call", name, json.dumps(arguments, sort_keys=True))


def names_of(*losses: Iterable[Loss]) -> tuple[str, ...]:
    """Return the losses' names, each once, in order."""
    return tuple(dict.fromkeys(loss.what for group in losses for loss in group))
