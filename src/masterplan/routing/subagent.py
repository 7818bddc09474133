"""Which sub-agent a request is of, and which ones a conversation starts.

Knows the tools by which each client starts a sub-agent. Must not know lanes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from masterplan.core.message import Json, Message, ToolCall
from masterplan.dialects.peek import Peek
from masterplan.routing.client import PROMPT_CHARS, prompts_of
from masterplan.routing.fingerprint import BUILTIN_AGENTS
from masterplan.routing.likeness import own_blocks

CUSTOM = "custom"
"""A sub-agent of which only that much is known."""

_STARTERS: dict[str, tuple[str, str]] = {
    "Agent": ("prompt", "subagent_type"),  # Claude Code
    "Task": ("prompt", "subagent_type"),  # Claude Code before it was called Agent
    "task": ("prompt", "subagent_type"),  # opencode
    "spawn_agent": ("message", "agent_type"),  # Codex
    "invoke_agent": ("prompt", "agent_name"),  # Gemini CLI
}
"""Tools that start one sub-agent: where its prompt stands, and its name."""
_MANY = "invoke_subagent"  # Antigravity starts several at once
_UNNAMED: dict[str, str] = {"Agent": "general-purpose", "Task": "general-purpose"}
_WRAPPED = "<objective>\n{}\n</objective>"


def spawns(messages: Sequence[Message]) -> dict[str, str]:
    """Return the prompts that these messages give to sub-agents, with the agents' names.

    >>> call = ToolCall("1", "Agent", '{"prompt": "look", "subagent_type": "Explore"}')
    >>> spawns([Message("assistant", (call,))])
    {'look': 'Explore'}
    """
    found: dict[str, str] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                found.update(_started(part))
    return found


def agent_name(
    client: str, peek: Peek, known_agents: Mapping[str, str], spawned: Mapping[str, str]
) -> str:
    """Return the sub-agent's name: by its prompt, its definition, or how a client's own begins."""
    return (
        _by_prompt(peek, spawned)
        or _by_definition(peek, known_agents)
        or next(
            (
                name
                for owner, name, start in BUILTIN_AGENTS
                if owner == client and any(b.startswith(start) for b in own_blocks(peek))
            ),
            "",
        )
    )


def is_known(peek: Peek, known_agents: Mapping[str, str], spawned: Mapping[str, str]) -> bool:
    """Tell whether the request begins as one of these sub-agents does."""
    return bool(_by_prompt(peek, spawned) or _by_definition(peek, known_agents))


def _by_prompt(peek: Peek, spawned: Mapping[str, str]) -> str:
    if not spawned:
        return ""
    said = prompts_of(peek)
    for prompt, name in spawned.items():
        given = prompt.strip()[:PROMPT_CHARS].strip()
        if given and (given in said or any(_WRAPPED.format(given) in text for text in said)):
            return name
    return ""


def _by_definition(peek: Peek, known_agents: Mapping[str, str]) -> str:
    """The name whose definition begins a system block; of several the longest."""
    blocks = [text.lstrip() for text in peek.system]
    fitting = [
        (len(body), name)
        for name, body in ((name, text.strip()) for name, text in known_agents.items())
        if body and any(block.startswith(body) for block in blocks)
    ]
    return max(fitting)[1] if fitting else ""


def _started(call: ToolCall) -> Iterator[tuple[str, str]]:
    # A namespace stands before the name (Codex); a user's own tool may be called anything.
    tool = call.name if call.name.startswith("mcp__") else call.name.rpartition("__")[2]
    if tool == _MANY:
        listed = _arguments(call).get("Subagents")
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, dict):
                yield from _pair(entry.get("Prompt"), entry.get("TypeName") or entry.get("Role"))
    elif tool in _STARTERS:
        prompt, name = _STARTERS[tool]
        given = _arguments(call)
        yield from _pair(given.get(prompt), given.get(name) or _UNNAMED.get(tool, CUSTOM))


def _pair(prompt: Json, name: Json) -> Iterator[tuple[str, str]]:
    if isinstance(prompt, str) and prompt and isinstance(name, str) and name:
        yield prompt, name


def _arguments(call: ToolCall) -> dict[str, Json]:
    try:
        given = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}
