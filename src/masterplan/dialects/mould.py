"""What repeats from event to event of a stream: everything but the text.

Owns knowing an event again that differs from one already read in its text alone, so that it need
not be read again. Must not know any dialect: whether that is enough is the reader's to say.
"""

from __future__ import annotations

import re

_PIECE = re.compile(rb'[^"\\\x00-\x1f]+')
_PADDING = re.compile(rb'(?<="obfuscation":")[^"\\\x00-\x1f]*(?=")')
"""Random letters that OpenAI adds to hide the length of a text; they say nothing."""


class Mould:
    """One event, in which the text and the padding may be others."""

    def __init__(self, head: bytes, tail: bytes) -> None:
        self._head, self._tail = head, tail
        found = _PADDING.search(tail)
        self._is_padded = found is not None
        if found is not None:
            self._tail, self._end = tail[: found.start()], tail[found.end() :]

    @staticmethod
    def of(event: bytes, text: str) -> Mould | None:
        """Return the mould of an event that gave this text, ``None`` where that is not certain.

        >>> mould = Mould.of(b'data: {"text":"a"}\\n\\n', "a")
        >>> mould and mould.text(b'data: {"text":"bc"}\\n\\n', 0)
        ('bc', 21)
        """
        raw = text.encode(errors="replace")
        quoted = b'"' + raw + b'"'
        if b"\\" in event or not _PIECE.fullmatch(raw) or event.count(quoted) != 1:
            return None
        at = event.index(quoted) + 1
        return Mould(event[:at], event[at + len(raw) :])

    def text(self, data: bytes, start: int) -> tuple[str, int] | None:
        """Return the text of the event that begins at ``start`` and where that event ends."""
        if not data.startswith(self._head, start):
            return None
        found = _PIECE.match(data, start + len(self._head))
        if found is None:
            return None
        end = found.end()
        if not data.startswith(self._tail, end):
            return None
        end += len(self._tail)
        if self._is_padded:
            padding = _PIECE.match(data, end)
            end = padding.end() if padding else end
            if not data.startswith(self._end, end):
                return None
            end += len(self._end)
        try:
            return found.group().decode(), end
        except UnicodeDecodeError:
            return None
