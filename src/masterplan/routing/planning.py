"""Whether a coding agent is in plan mode, from what it tells its model.

Reads what the client itself writes: the mode it reports to its safety review, system turns inside
the conversation, reminders behind the user's words. Must not know what follows from it.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Literal

from masterplan.core.message import Message, Text, ToolResult
from masterplan.dialects.peek import Peek, tail
from masterplan.dialects.peeking.turn import role_of, turn_of

if TYPE_CHECKING:
    from msgspec import Raw

PlanMode = Literal["active", "left", ""]
ACTIVE = "Plan mode is active."
LEFT = "You have exited plan mode."
APPROVED = "User has approved your plan"
_TALK = tuple(b'{"role":%s"%s"' % at for at in product((b"", b" "), (b"user", b"assistant")))
"""How nearly all turns begin, in both usual ways of writing JSON: a long conversation has many."""
_OPENCODE_ACTIVE = "<system-reminder>\n# Plan Mode - System Reminder"


def plan_mode(peek: Peek) -> PlanMode:
    """Tell whether Claude Code plans now, has left plan mode, or never planned here.

    ``left`` follows an approved plan or the user's own leaving; it holds for the whole rest of
    the conversation, whatever mode the client reports.
    """
    mode = peek.metadata.get("permission_mode", "")
    if mode == "plan":
        return "active"
    said = _last_word(peek)
    return "left" if said == "active" and mode else said


def is_claude_code_plan(peek: Peek) -> bool:
    """Tell whether Claude Code plans now; the conversation is read only where no mode is told."""
    mode = peek.metadata.get("permission_mode", "")
    return mode == "plan" if mode else _last_word(peek) == "active"


def is_opencode_plan(peek: Peek) -> bool:
    """Tell whether opencode's plan agent stands behind the last words of the user."""
    for raw in reversed(peek.messages):
        if role_of(raw) == "user":
            texts = turn_of(raw).texts
            return len(texts) > 1 and texts[-1].startswith(_OPENCODE_ACTIVE)
    return False


def _last_word(peek: Peek) -> PlanMode:
    """What the last system turn about plan mode says, or an approval after it."""
    for index in range(len(peek.messages) - 1, -1, -1):
        raw = peek.messages[index]
        if bytes(raw).startswith(_TALK) or role_of(raw) != "system":
            continue
        said = "\n".join(turn_of(raw).texts)
        if LEFT in said:
            return "left"
        if ACTIVE in said:
            later = range(index + 1, len(peek.messages))
            return "left" if any(_approves(peek, at) for at in later) else "active"
    return ""


def _approves(peek: Peek, index: int) -> bool:
    raw: Raw = peek.messages[index]
    if APPROVED.encode() not in bytes(raw):
        return False
    return any(_is_approval(message) for message in tail(peek, index)[:1])


def _is_approval(message: Message) -> bool:
    """Tell whether a tool's result, and no text of the user's, says that the plan is approved."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    return any(
        isinstance(part, Text) and part.text.startswith(APPROVED)
        for result in results
        if not result.is_error
        for part in result.parts
    )
