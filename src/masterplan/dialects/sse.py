"""Server-sent events from bytes, as the WHATWG text says, whatever the chunking.

Works on bytes, so that U+2028 and its like inside data never end a line. Must not know what the
events mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from masterplan.core.errors import DialectError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """One dispatched event: its name (``message`` if none was given) and its data."""

    name: str
    data: str


class SseParser:
    """Turns chunks of bytes into events; ``max_bytes`` bounds one event.

    >>> parser = SseParser()
    >>> parser.feed(b"event: ping\\nda"), parser.feed(b"ta: {}\\r\\n\\r\\n")
    ([], [SseEvent(name='ping', data='{}')])
    """

    def __init__(self, *, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = b""
        self._is_first = True
        self._ended_with_cr = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return the events whose blank line is now in; raises ``DialectError`` over the cap."""
        return [*self.events(chunk)]

    def events(self, chunk: bytes) -> Iterator[SseEvent]:
        """Yield what ``feed`` returns, so that events before a mistake are not lost with it."""
        if self._is_plain(chunk):
            yield from self._whole(chunk)
            return
        if not chunk:
            return
        if self._ended_with_cr:
            # A CR at the end of a chunk already ended its line; an LF behind it is the same end.
            self._ended_with_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\n" not in chunk and b"\r" not in chunk:
            self._hold(chunk)
            return
        self._ended_with_cr = chunk.endswith(b"\r")
        lines = _LINE_END.split(b"".join((*self._pending, chunk)))
        self._pending, self._pending_bytes = [], 0
        rest = lines.pop()
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event
        if rest:
            self._hold(rest)

    @property
    def is_between_events(self) -> bool:
        """True where no half-received event is waiting."""
        return not self._pending and not self._data and not self._name

    def _is_plain(self, chunk: bytes) -> bool:
        """Tell whether a chunk holds whole events and nothing unusual, as nearly all do."""
        return (
            chunk.endswith(b"\n\n")
            and len(chunk) <= self._max_bytes
            and not (self._is_first or self._ended_with_cr or self._pending)
            and not (self._data or self._name)
            and b"\r" not in chunk
        )

    def _whole(self, chunk: bytes) -> Iterator[SseEvent]:
        for block in chunk[:-2].split(b"\n\n"):
            first, _, second = block.partition(b"\n")
            if second and first.startswith(b"event: "):
                name, data = first[7:], second
            else:
                name, data = b"", block
            if data.startswith(b"data: ") and b"\n" not in data:
                yield _event(name, data[6:])
                continue
            for line in block.split(b"\n"):
                event = self._line(line)
                if event is not None:
                    yield event
            event = self._dispatch()
            if event is not None:
                yield event

    def _hold(self, piece: bytes) -> None:
        self._pending.append(piece)
        self._pending_bytes += len(piece)
        self._check_size()

    def _check_size(self) -> None:
        if self._pending_bytes + self._data_bytes > self._max_bytes:
            raise DialectError(
                "dialect.event_too_large",
                f"one event of the stream is larger than {self._max_bytes} bytes",
            )

    def _line(self, line: bytes) -> SseEvent | None:
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
            self._check_size()
        elif name == b"event":
            self._name = value
        return None

    def _dispatch(self) -> SseEvent | None:
        data, name = self._data, self._name
        self._data, self._data_bytes, self._name = [], 0, b""
        if not data:
            return None
        return _event(name, b"\n".join(data))


def _event(name: bytes, data: bytes) -> SseEvent:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DialectError(
            "dialect.not_utf8", f"an event of the stream is not UTF-8 ({error.reason})"
        ) from None
    return SseEvent(name.decode(errors="replace") or "message", text)
