"""Canonical events, written as a Responses stream for a client.

Sequence numbers have no gaps, each item is whole before the next begins, and the last event holds
the whole answer. Must not know who made the events, nor an item's own events (``stream_out``).
"""

from __future__ import annotations

from masterplan.core.message import (
    Failed,
    Finished,
    Json,
    Loss,
    PartDelta,
    PartEnded,
    PartStarted,
    Ping,
    Request,
    Started,
    StreamEvent,
)
from masterplan.dialects.fault import status_of
from masterplan.dialects.loss import Losses
from masterplan.dialects.openai.fault import error_object, type_of
from masterplan.dialects.openai_responses.content import DIALECT
from masterplan.dialects.openai_responses.item_write import note
from masterplan.dialects.openai_responses.response import head, write_stop, write_usage
from masterplan.dialects.openai_responses.stream_out import ItemStream

_OVERFLOW = "provider.context_overflow"


class ResponsesWriter:
    """Writes one stream; see ``StreamWriter``."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._losses = Losses(DIALECT)
        self._items = ItemStream(self._losses)
        self._head: dict[str, Json] | None = None

    @property
    def losses(self) -> list[Loss]:
        """What could not be carried so far."""
        return self._losses.found

    def write(self, event: StreamEvent) -> bytes:
        """Return the bytes for one event, possibly none."""
        if isinstance(event, PartDelta):
            return self._items.delta(event)
        if isinstance(event, PartStarted):
            return self._items.begin(event)
        if isinstance(event, PartEnded):
            return self._items.end(event.index)
        if isinstance(event, Started):
            return self._started(event)
        if isinstance(event, Finished):
            return self._finished(event)
        if isinstance(event, Failed):
            return self.fail(event.code, event.message)
        return b": ping\n\n" if isinstance(event, Ping) else b""

    def fail(self, code: str, message: str) -> bytes:
        """Return the failed answer; it is begun first where it was not, as clients insist on it."""
        out = b"" if self._head is not None else self._started(Started("resp_failed", ""))
        error = error_object(type_of(status_of(code)), message, code)
        return out + self._last("failed", {"error": error})

    def _started(self, event: Started) -> bytes:
        request = self._request
        own = self._losses.own(event.extra, "$")
        self._items.start(event.id)
        repeated = note(event.extra, "repeated")
        self._head = {**head(event.id, event.model or request.model, repeated), **own}
        body = {**self._head, "status": "in_progress", "output": [], "usage": None}
        created = self._items.event("response.created", {"response": body})
        return created + self._items.event("response.in_progress", {"response": body})

    def _finished(self, event: Finished) -> bytes:
        usage = {"usage": write_usage(event.usage), **self._losses.own(event.extra, "$")}
        if event.stop == "context_overflow":
            # Clients shorten their conversation on this code, and on nothing else.
            self._losses.add(f"stop {event.stop}", "$.stop", "replaced")
            message = "the answer ended because the model's context is full"
            error = error_object("invalid_request_error", message, _OVERFLOW)
            return self._last("failed", {"error": error, **usage})
        is_said = self._items.has_refusal
        stop = write_stop(event.stop, event.stop_detail, self._losses, is_said=is_said)
        return self._last(stop["status"], {**stop, **note(event.extra, "repeated"), **usage})

    def _last(self, status: str, fields: dict[str, Json]) -> bytes:
        output = self._items.output
        body = {**(self._head or {}), "status": status, "output": output, "usage": None, **fields}
        return self._items.event(f"response.{status}", {"response": body})
