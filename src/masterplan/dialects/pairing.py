"""Tool calls and their results, brought together where a conversation was cut between them.

Every protocol refuses a result without its call and a call without its result; compaction and
broken clients leave both. Must not know any wire format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from masterplan.core.message import Media, Message, Part, Text, ToolCall, ToolResult
from masterplan.dialects.loss import Losses

BEGINNING = "[the beginning of the conversation is not here]"
MISSING = "[no result: the conversation went on without it]"


def paired(messages: Sequence[Message], losses: Losses) -> tuple[Message, ...]:
    """Return the messages with every result behind its call; what was mended is a loss."""
    turns: list[Message] = []
    open_calls: dict[str, ToolCall] = {}
    answered_at = -1
    for index, message in enumerate(messages):
        where = f"$.messages[{index}]"
        if message.role == "assistant":
            if answered_at >= 0:
                _close(turns, open_calls, answered_at, losses, where)
                open_calls = {}
            answered_at = -1
            message = _continued(turns, open_calls, message)
            open_calls |= {p.id: p for p in message.parts if isinstance(p, ToolCall)}
        elif message.role == "user":
            if answered_at < 0:
                answered_at = len(turns)
            message = _answered(message, open_calls, losses, where)
        turns.append(message)
    if answered_at >= 0:
        _close(turns, open_calls, answered_at, losses, f"$.messages[{len(messages) - 1}]")
    return tuple(turns)


def _continued(turns: list[Message], open_calls: dict[str, ToolCall], message: Message) -> Message:
    """Take an assistant's turn with open calls into the one that follows it at once."""
    if not open_calls or turns[-1].role != "assistant":
        return message
    before = turns.pop()
    extra = {**before.extra, **message.extra}
    return replace(message, parts=(*before.parts, *message.parts), extra=extra)


def _answered(
    message: Message, open_calls: dict[str, ToolCall], losses: Losses, where: str
) -> Message:
    """Take the calls this turn answers; a result of no open call becomes text."""
    parts: list[Part] = []
    is_mended = False
    for part in message.parts:
        if isinstance(part, ToolResult) and open_calls.pop(part.call_id, None) is None:
            losses.add("tool result without its call", where, "replaced")
            parts += _as_text(part)
            is_mended = True
        else:
            parts.append(part)
    return replace(message, parts=tuple(parts)) if is_mended else message


def _as_text(part: ToolResult) -> list[Text | Media]:
    name = f" of {part.name}" if part.name else ""
    return [Text(f"[result{name}, whose call is no longer in the conversation]"), *part.parts]


def _close(
    turns: list[Message], open_calls: dict[str, ToolCall], at: int, losses: Losses, where: str
) -> None:
    """Answer the calls that were left open, before the rest of the turn behind them."""
    if not open_calls:
        return
    made = tuple(
        ToolResult(call.id, (Text(MISSING),), is_error=True, name=call.name)
        for call in open_calls.values()
    )
    losses.add("tool call without its result", where, "replaced")
    before = [p for p in turns[at].parts if isinstance(p, ToolResult)]
    after = [p for p in turns[at].parts if not isinstance(p, ToolResult)]
    turns[at] = replace(turns[at], parts=(*before, *made, *after))
