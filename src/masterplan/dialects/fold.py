"""A stream folded into a response, and a response unfolded into a stream.

Both keep every part, signature and extra. Must not know any wire format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from masterplan.core.errors import DialectError, ProviderError
from masterplan.core.message import (
    Failed,
    Finished,
    Json,
    Opaque,
    Part,
    PartDelta,
    PartEnded,
    PartStarted,
    Reasoning,
    Response,
    Started,
    StreamEvent,
    Text,
    ToolCall,
)


def collect(events: Iterable[StreamEvent]) -> Response:
    """Fold a whole stream into its response.

    Raises ``ProviderError`` where it ends with ``Failed``, ``DialectError`` where it has no end.
    """
    started: Started | None = None
    parts: dict[int, Growing] = {}
    for event in events:
        if isinstance(event, Started):
            started = event
        elif isinstance(event, PartStarted):
            parts[event.index] = Growing(event.part)
        elif isinstance(event, PartDelta):
            parts[event.index].add(event)
        elif isinstance(event, Failed):
            raise ProviderError(event.code, event.message, body=_as_text(event.raw))
        elif isinstance(event, Finished):
            return _response(started, parts, event)
    raise DialectError("dialect.no_end", "the stream has no last event")


def unfold(response: Response) -> Iterator[StreamEvent]:
    """Yield the events of a stream that carries exactly this response."""
    yield Started(response.id, response.model, response.usage, response.extra)
    for index, part in enumerate(response.parts):
        yield from _unfold_part(index, part)
    yield Finished(response.stop, response.usage, response.stop_detail)


def _unfold_part(index: int, part: Part) -> Iterator[StreamEvent]:
    if isinstance(part, Text):
        yield PartStarted(index, replace(part, text=""))
        yield PartDelta(index, part.text)
    elif isinstance(part, Reasoning) and not part.is_redacted:
        yield PartStarted(index, replace(part, text="", signature=None))
        yield PartDelta(index, part.text, part.signature)
    elif isinstance(part, ToolCall):
        yield PartStarted(index, replace(part, arguments=""))
        yield PartDelta(index, part.arguments)
    else:
        yield PartStarted(index, part)
    yield PartEnded(index)


def _response(started: Started | None, parts: dict[int, Growing], finished: Finished) -> Response:
    if started is None:
        raise DialectError("dialect.no_start", "the stream has no first event")
    return Response(
        id=started.id,
        model=started.model,
        parts=tuple(parts[index].whole() for index in sorted(parts)),
        stop=finished.stop,
        usage=finished.usage,
        stop_detail=finished.stop_detail,
        extra={**started.extra, **finished.extra},
    )


class Growing:
    """A part and the texts that came for it, joined once at the end."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._texts: list[str] = []
        self._signature: str | None = None
        self._extra: dict[str, dict[str, Json]] = {}

    def add(self, delta: PartDelta) -> None:
        self._texts.append(delta.text)
        if delta.signature is not None:
            self._signature = (self._signature or "") + delta.signature
        for dialect, fields in delta.extra.items():
            _merge(self._extra.setdefault(dialect, {}), fields)

    def whole(self) -> Part:
        text = "".join(self._texts)
        part = self._part
        if isinstance(part, Text):
            return replace(part, text=part.text + text, extra=self._extra_of(part.extra))
        if isinstance(part, Reasoning):
            signature = self._signature or part.signature
            extra = self._extra_of(part.extra)
            return replace(part, text=part.text + text, signature=signature, extra=extra)
        if isinstance(part, ToolCall):
            return replace(
                part,
                arguments=part.arguments + text,
                signature=self._signature or part.signature,
                extra=self._extra_of(part.extra),
            )
        if isinstance(part, Opaque) and text:
            return replace(part, raw={**part.raw, "input": json.loads(text)})
        return part

    def _extra_of(self, own: dict[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
        if not self._extra:
            return own
        names = {*own, *self._extra}
        return {name: {**own.get(name, {}), **self._extra.get(name, {})} for name in names}


def _merge(into: dict[str, Json], fields: dict[str, Json]) -> None:
    for name, value in fields.items():
        before = into.get(name)
        into[name] = [*before, *value] if isinstance(before, list) else value


def _as_text(raw: Json) -> str:
    return "" if raw is None else json.dumps(raw, ensure_ascii=False)
