"""What routing needs of a request's bytes, without parsing all of a large body.

Owns ``Peek`` and the changes that leave every other byte as it was. What is not needed is checked
for its JSON and skipped. Must not know lanes, models or policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from masterplan.core.message import Message
from masterplan.core.model import Dialect

if TYPE_CHECKING:
    from msgspec import Raw


@dataclass(frozen=True, slots=True)
class Peek:
    """A request's routing fields; ``messages`` are views of its body, undecoded.

    ``max_output_tokens`` is ``None`` where the client sets no cap. ``is_cached`` says that a
    system block marks a cache breakpoint.
    """

    dialect: Dialect
    model: str
    is_stream: bool
    max_output_tokens: int | None
    size_bytes: int
    system: tuple[str, ...] = ()
    messages: tuple[Raw, ...] = ()
    tools: tuple[str, ...] = ()
    has_schema: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_cached: bool = False


def peek(dialect: Dialect, body: bytes, *, path: str = "") -> Peek:
    """Read the routing fields; raises ``DialectError`` with a place where they cannot be."""
    raise NotImplementedError


def with_model(dialect: Dialect, body: bytes, peek: Peek, model: str) -> bytes:
    """Return the body with another model's name; Gemini's stands in the path."""
    raise NotImplementedError


def with_usage_asked(body: bytes) -> bytes:
    """Return a Chat Completions body that asks for usage in its stream."""
    raise NotImplementedError


def with_output_cap(dialect: Dialect, body: bytes, tokens: int) -> bytes:
    """Return the body with at most this output cap; a lower one stays."""
    raise NotImplementedError


def tail(peek: Peek, start: int) -> tuple[Message, ...]:
    """Return ``messages[start:]`` as canonical messages, read by the dialect itself."""
    raise NotImplementedError
