"""The written handoff of a lane: what takes the place of its history when another model goes on.

Owns where the history is cut, what the engine adds from its own knowledge, and that the same
request is always rewritten to the same bytes. Must not decide whether a lane switches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from masterplan.core.decision import Decision
from masterplan.core.message import Message, Request
from masterplan.core.task import Task
from masterplan.pipe import Pipe


@dataclass(frozen=True)
class Handoff:
    """A handoff as the lane keeps it.

    ``replaces`` counts the leading canonical messages it stands for (system ones are kept);
    ``prefix_hash`` knows them again; ``written_s`` is the time in seconds it was written at.
    """

    text: str
    replaces: int
    prefix_hash: str
    source: Literal["plan", "model"]
    written_s: float


@dataclass(frozen=True)
class Rewritten:
    """A client's request and what was really sent for it, where an earlier handoff holds."""

    request: Request
    sent: Request


def apply(request: Request, handoff: Handoff) -> Request:
    """Return the request with its old history replaced, or unchanged (see ``misfit``)."""
    raise NotImplementedError


def misfit(request: Request, handoff: Handoff) -> str:
    """Say why a handoff does not fit a request (compacted, rewound), or return an empty text."""
    raise NotImplementedError


def approved_plan(messages: Sequence[Message]) -> str | None:
    """Return the plan that the user approved last; ``None`` if none or the last was refused."""
    raise NotImplementedError


def from_plan(request: Request, *, now_s: float) -> Handoff | None:
    """Return the handoff that an approved plan is; it replaces all up to the approval."""
    raise NotImplementedError


async def write(
    pipe: Pipe, task: Task, request: Request | Rewritten, decision: Decision, *, limit_s: float
) -> Handoff | None:
    """Ask the leaving model (``decision``) for the handoff; ``None`` if not made in time."""
    raise NotImplementedError
