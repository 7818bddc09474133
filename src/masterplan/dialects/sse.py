"""Server-sent events from bytes, as the WHATWG text says, whatever the chunking.

Works on bytes, so that U+2028 and its like inside data never end a line. Must not know what the
events mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from masterplan.core.errors import DialectError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_LF, _CR = b"\n\r"  # as numbers: looking for bytes in bytes is several times as slow
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class SseEvent:
    """One dispatched event: its name (``message`` if none was given) and its data.

    Not frozen only because freezing is most of what making one costs. Nobody changes it.
    """

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
        self._is_clean = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return the events whose blank line is now in; raises ``DialectError`` over the cap."""
        return [*self.events(chunk)]

    def events(self, chunk: bytes) -> Iterable[SseEvent]:
        """Give what ``feed`` returns one by one: events before a mistake are not lost with it."""
        if self._is_clean and chunk.endswith(b"\n\n") and len(chunk) <= self._max_bytes:
            event = _plain(chunk[:-2])  # one whole event, as nearly all chunks are
            if event is not None:
                return (event,)
        return self._lines(chunk)

    def _lines(self, chunk: bytes) -> Iterator[SseEvent]:
        if not chunk:
            return
        self._is_clean = False
        if self._ended_with_cr:
            # A CR at the end of a chunk already ended its line; an LF behind it is the same end.
            self._ended_with_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if _LF not in chunk and _CR not in chunk:
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
        self._is_clean = self.is_between_events and not self._ended_with_cr

    @property
    def is_between_events(self) -> bool:
        """True where no half-received event is waiting."""
        return not self._pending and not self._data and not self._name

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


def _plain(block: bytes) -> SseEvent | None:
    """Return the event of one line of data, named or not; None for every other form."""
    name = b""
    if block.startswith(b"event: "):
        name, _, block = block[7:].partition(b"\n")
    if not block.startswith(b"data: ") or _LF in block or _CR in block or _CR in name:
        return None
    return _event(name, block[6:])


def _event(name: bytes, data: bytes) -> SseEvent:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DialectError(
            "dialect.not_utf8", f"an event of the stream is not UTF-8 ({error.reason})"
        ) from None
    return SseEvent(name.decode(errors="replace") if name else "message", text)
