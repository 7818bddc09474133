"""Cache breakpoints: at most four where the protocol counts them, and some where a client has none.

Must not know prices, nor when a cache pays.
"""

from __future__ import annotations

from dataclasses import replace

from masterplan.core.message import Json, Message, Request, Text, ToolResult
from masterplan.dialects.loss import Losses

MOST = 4


def limited(body: dict[str, Json], losses: Losses) -> None:
    """Leave at most four breakpoints in a Messages body: the first, and the last three."""
    marked = [*_marked(body.get("tools")), *_marked(body.get("system"))]
    for turn in body.get("messages") or []:
        marked += _marked(turn.get("content"))
    if len(marked) <= MOST:
        return
    for number, block in enumerate(marked[1 : 1 - MOST]):
        del block["cache_control"]
        losses.add("cache breakpoint over the fourth", f"$.cache_control[{number}]")


def _marked(blocks: Json) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = []
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, dict):
            found += _marked(block.get("content"))
            if block.get("cache_control") is not None:
                found.append(block)
    return found


def with_breakpoints(request: Request) -> Request:
    """Return the request with breakpoints behind system and last turn, if it has tools and none.

    For clients whose protocol has no breakpoints, towards a provider that caches nothing unasked.
    """
    if not request.tools or _is_marked(request):
        return request
    turns = [*request.messages]
    wanted = [index for index, turn in enumerate(turns[:-1]) if turn.role == "system"][-1:]
    for index in {*wanted, len(turns) - 1} if turns else ():
        turns[index] = _with_mark(turns[index])
    return replace(request, messages=tuple(turns))


def _is_marked(request: Request) -> bool:
    parts = [part for message in request.messages for part in message.parts]
    return any(getattr(item, "cache", None) for item in (*request.tools, *parts))


def _with_mark(message: Message) -> Message:
    parts = [*message.parts]
    for index in reversed(range(len(parts))):
        part = parts[index]
        if (isinstance(part, Text) and part.text) or isinstance(part, ToolResult):
            parts[index] = replace(part, cache="5m")
            break
    return replace(message, parts=tuple(parts))
