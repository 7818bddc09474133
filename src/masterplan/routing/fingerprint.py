"""What requests of known clients look like where no header says what they are for: a table.

Every entry rests on something that the client alone controls (its system blocks, the tools it
leaves out, where it marks the cache): a text that a user can type never decides by itself. Must
not know headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from masterplan.dialects.peek import Peek
from masterplan.dialects.peeking.turn import Turn, turn_of
from masterplan.routing.client import ATTRIBUTION

FingerprintLane = Literal["plan", "build", "subagent", "compaction", "auxiliary"]
Mark = Literal["", "on the turn before", "on the system only", "last item has no id"]
OPENING_CHARS = 400


@dataclass(frozen=True)
class Fingerprint:
    """One tell-tale: all that is stated must hold.

    ``system`` begins a system block that is the client's own and ``opening`` stands near its
    beginning; ``tools`` are the only ones (``()``: none; ``None``: any); ``turn`` begins the last
    turn's last text and counts only together with ``mark``.
    """

    client: str
    versions: tuple[str, ...]
    what: str
    lane: FingerprintLane
    confidence: float
    agent: str = ""
    system: str = ""
    opening: str = ""
    tools: tuple[str, ...] | None = None
    has_tool: str = ""
    lacks_tool: str = ""
    has_schema: bool | None = None
    max_output_tokens: int | None = None
    turn: str = ""
    mark: Mark = ""
    has_no_prompt: bool = False


_CLAUDE = ("2.1.330",)
_GEMINI = ("0.61.0",)
_OPENCODE = ("1.18.33",)
_AIDER = ("0.86.2",)

FINGERPRINTS: tuple[Fingerprint, ...] = (
    Fingerprint(
        "claude-code",
        _CLAUDE,
        "session title",
        "auxiliary",
        0.97,
        system="You are naming a coding session",
        tools=(),
        has_schema=True,
    ),
    Fingerprint(
        "claude-code",
        _CLAUDE,
        "web search for the main agent",
        "auxiliary",
        0.97,
        system="You run a web search for another Claude model",
        tools=("web_search",),
    ),
    Fingerprint(
        "claude-code",
        _CLAUDE,
        "compaction",
        "compaction",
        0.9,
        turn="CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.",
        mark="on the turn before",
    ),
    Fingerprint(
        "claude-code",
        _CLAUDE,
        "recap for a user who comes back",
        "auxiliary",
        0.9,
        turn="The user stepped away and is coming back. Recap in under",
        mark="on the system only",
    ),
    Fingerprint(
        "claude-code",
        _CLAUDE,
        "probe of quota or model",
        "auxiliary",
        0.95,
        tools=(),
        max_output_tokens=1,
        has_no_prompt=True,
    ),
    Fingerprint(
        "codex",
        ("0.169.0",),
        "compaction",
        "compaction",
        0.95,
        tools=(),
        turn="You are performing a CONTEXT CHECKPOINT COMPACTION.",
        mark="last item has no id",
    ),
    Fingerprint(
        "gemini-cli",
        _GEMINI,
        "its own model router",
        "auxiliary",
        0.97,
        system="You are a specialized Task Routing AI.",
        tools=(),
        has_schema=True,
    ),
    Fingerprint(
        "gemini-cli",
        _GEMINI,
        "loop detection",
        "auxiliary",
        0.95,
        system="You are a diagnostic agent that determines whether a conversational AI assistant",
        tools=(),
        has_schema=True,
    ),
    Fingerprint(
        "gemini-cli",
        _GEMINI,
        "compaction",
        "compaction",
        0.95,
        system="You are a specialized system component responsible for distilling chat history",
        tools=(),
    ),
    Fingerprint(
        "gemini-cli",
        _GEMINI,
        "sub-agent",
        "subagent",
        0.95,
        has_tool="complete_task",
        lacks_tool="invoke_agent",
    ),
    Fingerprint(
        "gemini-cli",
        _GEMINI,
        "plan mode",
        "plan",
        0.95,
        system="You are Gemini CLI,",
        opening="operating in **Plan** mode",
        has_tool="exit_plan_mode",
    ),
    Fingerprint(
        "opencode",
        _OPENCODE,
        "session title",
        "auxiliary",
        0.97,
        system="You are a title generator.",
        tools=(),
    ),
    Fingerprint(
        "opencode",
        _OPENCODE,
        "compaction",
        "compaction",
        0.97,
        system="You are a context summarization agent.",
        tools=(),
    ),
    Fingerprint(
        "aider",
        _AIDER,
        "architect",
        "plan",
        0.9,
        system="Act as an expert architect engineer and provide direction to your editor engineer.",
        tools=(),
    ),
    Fingerprint(
        "aider",
        _AIDER,
        "editor",
        "build",
        0.9,
        system="Act as an expert software developer and make changes to source code.",
        tools=(),
    ),
    Fingerprint(
        "aider",
        _AIDER,
        "editor",
        "build",
        0.9,
        system="Act as an expert software developer who edits source code.",
        tools=(),
    ),
    Fingerprint(
        "aider",
        _AIDER,
        "commit message",
        "auxiliary",
        0.95,
        system="You are an expert software engineer that generates concise, one-line Git commit",
        tools=(),
    ),
    Fingerprint(
        "aider",
        _AIDER,
        "summary of the history",
        "compaction",
        0.95,
        system="*Briefly* summarize this partial conversation about programming.",
        tools=(),
    ),
)

BUILTIN_AGENTS: tuple[tuple[str, str, str], ...] = (
    ("claude-code", "Explore", "You are a file search specialist for Claude Code"),
    ("claude-code", "Plan", "You are a software architect and planning specialist for Claude Code"),
    ("claude-code", "general-purpose", "You are an agent for Claude Code, Anthropic's official"),
    ("claude-code", "statusline-setup", "You are a status line setup agent for Claude Code"),
    ("claude-code", "claude-code-guide", "You are the Claude guide agent."),
    ("claude-code", "fork", "You are an agent working with the user toward their goals"),
    ("codex", "review", "# Review guidelines:"),
    ("gemini-cli", "codebase_investigator", "You are **Codebase Investigator**,"),
    ("gemini-cli", "generalist", "You are Gemini CLI,"),
    ("opencode", "explore", "You are a file search specialist."),
)
"""Sub-agents that clients bring: client, name, how their prompt begins."""


def match(client: str, peek: Peek) -> Fingerprint | None:
    """Return the first entry for this client that the request has all tell-tales of."""
    own = tuple(entry for entry in FINGERPRINTS if entry.client == client)
    return next((entry for entry in own if _fits(entry, peek)), None)


def own_blocks(peek: Peek) -> tuple[str, ...]:
    """Return the system blocks that are the client's: the first two behind its attribution.

    What a user appends to the system prompt comes after them.
    """
    blocks = [text.lstrip() for text in peek.system[:3] if not text.startswith(ATTRIBUTION)]
    return tuple(blocks[:2])


def _fits(entry: Fingerprint, peek: Peek) -> bool:
    return _has_tools(entry, peek) and _has_shape(entry, peek) and _has_texts(entry, peek)


def _has_tools(entry: Fingerprint, peek: Peek) -> bool:
    return (
        (entry.tools is None or entry.tools == peek.tools)
        and (not entry.has_tool or entry.has_tool in peek.tools)
        and (not entry.lacks_tool or entry.lacks_tool not in peek.tools)
    )


def _has_shape(entry: Fingerprint, peek: Peek) -> bool:
    cap = peek.max_output_tokens
    return (
        (entry.has_schema is None or entry.has_schema == peek.has_schema)
        and (entry.max_output_tokens is None or (cap or 1 << 60) <= entry.max_output_tokens)
        and (not entry.has_no_prompt or (not own_blocks(peek) and len(peek.messages) == 1))
    )


def _has_texts(entry: Fingerprint, peek: Peek) -> bool:
    if entry.system and not any(_opens(entry, block) for block in own_blocks(peek)):
        return False
    if not entry.turn:
        return True
    if not peek.messages or entry.turn.encode() not in bytes(peek.messages[-1]):
        return False
    last = turn_of(peek.messages[-1])
    return (
        last.role == "user"
        and last.last_text.startswith(entry.turn)
        and _is_marked(entry.mark, last, peek)
    )


def _opens(entry: Fingerprint, block: str) -> bool:
    return block.startswith(entry.system) and entry.opening in block[:OPENING_CHARS]


def _is_marked(mark: Mark, last: Turn, peek: Peek) -> bool:
    """Tell whether the request stands as the client, and no user, can make it stand.

    A prompt that a user types has the cache mark on itself or on a turn after it, and an id.
    """
    if mark == "on the turn before":
        return not last.is_marked and next(_before(peek), Turn()).is_marked
    if mark == "on the system only":
        return peek.is_cached and not last.is_marked and not any(t.is_marked for t in _before(peek))
    if mark == "last item has no id":
        return not last.id and bool(turn_of(peek.messages[0]).id)
    return False


def _before(peek: Peek) -> Iterator[Turn]:
    """The turns before the last, backwards."""
    return (turn_of(raw) for raw in reversed(peek.messages[:-1]))
