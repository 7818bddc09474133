"""Unpacking a compressed answer piece by piece, so that little sent cannot become much in memory.

Owns gzip, the one form that is asked for. Must not know what is in it.
"""

from __future__ import annotations

import zlib

from masterplan.core.errors import ProviderError

ASKED = "gzip"
PIECE_BYTES = 256 * 1024
"""Unpacked at once: a thousand times more may come out than goes in."""
_PLAIN = ("", "identity")
_MEMBER = 16 + zlib.MAX_WBITS


class Unpacker:
    """Takes what came and gives it unpacked, at most ``PIECE_BYTES`` at a time."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=_MEMBER)
        self._packed = b""

    def feed(self, data: bytes) -> None:
        """Take more of what came; ``piece`` must have given all that was there before."""
        self._packed = data

    def piece(self) -> bytes:
        """Return the next piece, empty where more must come; ``ProviderError`` where it is bad."""
        if self._inflate.eof and self._packed:
            self._inflate = zlib.decompressobj(wbits=_MEMBER)  # several members may follow
        try:
            ready = self._inflate.decompress(self._packed, PIECE_BYTES)
        except zlib.error:
            raise _unreadable("its compression is damaged") from None
        self._packed = self._inflate.unused_data or self._inflate.unconsumed_tail
        if not ready and self._inflate.eof and self._packed:
            return self.piece()
        return ready


def unpacker(encoding: str) -> Unpacker | None:
    """Return what unpacks an answer of this ``content-encoding``; ``None`` where none is needed."""
    named = encoding.strip().lower()
    if named in _PLAIN:
        return None
    if named in (ASKED, "x-gzip"):
        return Unpacker()
    raise _unreadable(f"it is packed as {named[:40]!r}, which was not asked for")


def _unreadable(what: str) -> ProviderError:
    return ProviderError("provider.bad_answer", f"the provider's answer cannot be read: {what}")
