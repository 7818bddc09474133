"""Which model made which reasoning, and what of it a request may carry to the next model.

Owns the bounded memory of signatures and the rule where each is valid. Must not know how a
dialect writes reasoning, nor keep a signature's text where a digest will do.
"""

from __future__ import annotations

from collections.abc import Iterable

from masterplan.core.message import Loss, Part, Request, StreamEvent
from masterplan.core.model import Dialect


class Carriers:
    """Remembers who produced signed parts: a client's request does not say."""

    def note(self, parts: Iterable[Part], model: str) -> None:
        """Remember the signed parts of an answer by ``model`` (a catalog id)."""
        raise NotImplementedError

    def note_event(self, key: str, event: StreamEvent, model: str) -> None:
        """Remember from a stream as it passes; ``key`` names the stream."""
        raise NotImplementedError

    def producer(self, signature: str) -> str | None:
        """Return the model that made this signature, or ``None`` where it is not known."""
        raise NotImplementedError


def for_model(
    request: Request,
    model: str,
    dialect: Dialect,
    *,
    carriers: Carriers | None = None,
    unknown: str | None = None,
) -> tuple[Request, tuple[Loss, ...]]:
    """Return the request with only the reasoning that ``model`` (a catalog id) takes.

    ``unknown`` is the model that reasoning of unknown origin is taken to be from (the lane's
    model so far); ``None`` leaves it to the dialect's writer.
    """
    raise NotImplementedError
