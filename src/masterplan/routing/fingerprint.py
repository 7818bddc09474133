"""What requests of known clients look like where no header says what they are for: a table.

Every entry rests on something that the client alone controls (its system blocks, the tools it
leaves out, where it marks the cache): a text that a user can type never decides by itself. Must
not know headers, nor how a request is compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FingerprintLane = Literal["plan", "build", "subagent", "compaction", "auxiliary"]
Mark = Literal["", "on the turn before", "on the system only", "last item has no id"]


@dataclass(frozen=True)
class Fingerprint:
    """One tell-tale: all that is stated must hold.

    ``system`` begins a system block that is the client's own and ``opening`` stands near its
    beginning; ``tools`` are the only ones (``()``: none; ``None``: any); ``turn`` begins the last
    text of the last turn that is not the system's, and counts only together with ``mark``.
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
