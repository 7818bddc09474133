"""Bytes to the canonical conversation and back, for each wire protocol, both directions.

Pure: no sockets, no clock, no keys. A dialect is one sub-package with one class that fits
``DialectCodec``; what it cannot carry it reports as a ``Loss``, never dropping it silently.
"""

from __future__ import annotations

from masterplan.core.model import Dialect
from masterplan.dialects.codec import (
    DialectCodec,
    StreamReader,
    StreamWriter,
    WireRequest,
    outcome_of,
)
from masterplan.dialects.fold import collect, unfold
from masterplan.dialects.sse import SseEvent, SseParser

__all__ = [
    "DialectCodec",
    "SseEvent",
    "SseParser",
    "StreamReader",
    "StreamWriter",
    "WireRequest",
    "codec",
    "collect",
    "outcome_of",
    "unfold",
]


def codec(name: Dialect) -> DialectCodec:
    """Return the codec of a dialect; raises ``DialectError`` where there is none.

    >>> codec("anthropic").name
    'anthropic'
    """
    if name == "anthropic":
        from masterplan.dialects.anthropic import AnthropicCodec

        return AnthropicCodec()
    if name == "openai_chat":
        from masterplan.dialects.openai_chat import OpenAIChatCodec

        return OpenAIChatCodec()
    if name == "gemini":
        from masterplan.dialects.gemini import GeminiCodec

        return GeminiCodec()
    from masterplan.core.errors import DialectError

    raise DialectError(
        "dialect.unknown",
        f"{name!r} is not a dialect that can be spoken here",
        mend="use one of anthropic, openai_chat, gemini",
    )
