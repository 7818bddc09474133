"""Bytes to the canonical conversation and back, for each wire protocol, both directions.

Pure: no sockets, no clock, no keys. A dialect is one sub-package that fills in one
``DialectCodec``; what it cannot carry it reports as a ``Loss``, never dropping it silently.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import cast

from masterplan.core.errors import DialectError
from masterplan.core.model import Dialect
from masterplan.dialects.codec import (
    DialectCodec,
    StreamReader,
    StreamWriter,
    WireRequest,
    outcome_of,
    written,
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
    "written",
]


_SPOKEN: tuple[Dialect, ...] = ("anthropic", "openai_chat", "openai_responses", "gemini")


@cache
def codec(name: Dialect) -> DialectCodec:
    """Return the codec of a dialect; raises ``DialectError`` where there is none.

    >>> codec("anthropic").name
    'anthropic'
    """
    if name in _SPOKEN:
        module = importlib.import_module(f"masterplan.dialects.{name}")
        return cast(DialectCodec, module.CODEC)
    raise DialectError(
        "dialect.unknown",
        f"{name!r} is not a dialect that can be spoken here",
        mend=f"use one of {', '.join(_SPOKEN)}",
    )
