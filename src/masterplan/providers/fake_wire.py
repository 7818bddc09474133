"""The scripted provider's answers as bytes, whole and streamed, in each dialect.

Written with the dialects' own writers. Must not know HTTP or scripts' rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from masterplan.core.errors import ProviderError
from masterplan.core.message import (
    Json,
    Part,
    PartDelta,
    Request,
    Response,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage
from masterplan.dialects import codec, unfold
from masterplan.dialects.names import NameMap
from masterplan.dialects.size import estimate_input_tokens
from masterplan.providers.fake_script import Received, Reply

PIECE_CHARS = 12
MOST_PIECES = 20_000
"""A text of megabytes comes in larger pieces: no model writes it by the word."""
_USAGE_FIELDS = ("usage", "usageMetadata")


def response_of(received: Received, reply: Reply, number: int) -> Response:
    """Return the canonical answer; ``number`` makes its ids unlike those of other answers."""
    parts = _parts(reply, number)
    has_call = any(isinstance(part, ToolCall) for part in parts)
    stop = reply.stop or ("tool_use" if has_call else "end_turn")
    model = reply.model or received.model
    usage = usage_of(received.request, reply, parts)
    answer = Response(f"fake_{number}", model, parts, stop, usage)
    return NameMap.of(received.request, received.dialect).response(answer)


def usage_of(request: Request, reply: Reply, parts: tuple[Part, ...]) -> Usage:
    """Return the usage on the bill: the stated one, or words counted."""
    if isinstance(reply.usage, Usage):
        return replace(reply.usage, source="reported")
    words = sum(
        len((part.text if isinstance(part, Text) else part.arguments).split())
        for part in parts
        if isinstance(part, Text | ToolCall)
    )
    return Usage(estimate_input_tokens(request), max(words, 1), source="reported")


def _parts(reply: Reply, number: int) -> tuple[Part, ...]:
    if reply.parts is not None:
        return reply.parts
    texts: list[Part] = [Text(reply.text)] if reply.text else []
    calls = [
        ToolCall(f"call_{number}_{index}", name, arguments)
        for index, (name, arguments) in enumerate(reply.tool_calls)
    ]
    return (*texts, *calls)


def whole_body(dialect: Dialect, response: Response, reply: Reply) -> bytes:
    """Return the body of an answer that is not streamed."""
    body, _ = codec(dialect).write_response(response)
    return _without_usage(json.loads(body)) if reply.usage == "none" else body


def stream_pieces(
    dialect: Dialect, request: Request, response: Response, reply: Reply
) -> Iterator[bytes]:
    """Yield the body of a streamed answer, a piece for each event."""
    writer = codec(dialect).stream_writer(request)
    for event in _small_pieces(unfold(response)):
        piece = writer.write(event)
        if piece and reply.usage == "none":
            piece = _stream_without_usage(piece)
        if piece:
            yield piece


def error_body(dialect: Dialect, status: int) -> bytes:
    """Return an error body as the dialect's provider would word it."""
    error = ProviderError("provider.scripted", f"the script answers {status}", status=status)
    return codec(dialect).write_error(error, status)


def _small_pieces(events: Iterator[StreamEvent]) -> Iterator[StreamEvent]:
    for event in events:
        if isinstance(event, PartDelta) and len(event.text) > PIECE_CHARS:
            text = event.text
            size = max(PIECE_CHARS, len(text) // MOST_PIECES)
            for start in range(0, len(text), size):
                yield PartDelta(event.index, text[start : start + size])
            if event.signature is not None:
                yield PartDelta(event.index, "", event.signature)
        else:
            yield event


def _without_usage(body: Json) -> bytes:
    for name in _USAGE_FIELDS:
        body.pop(name, None)
    for name in ("message", "response"):
        if isinstance(body.get(name), dict):
            body[name].pop("usage", None)
    return json.dumps(body).encode()


def _stream_without_usage(piece: bytes) -> bytes:
    lines: list[bytes] = []
    for line in piece.split(b"\n"):
        if not line.startswith(b"data: {"):
            lines.append(line)
            continue
        body = json.loads(line.removeprefix(b"data: "))
        if body.get("choices") == []:
            continue  # the chunk that holds nothing but usage
        lines.append(b"data: " + _without_usage(body))
    return b"\n".join(lines)
