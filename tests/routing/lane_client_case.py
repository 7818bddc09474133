"""Small requests as each client sends them, made by hand: only what tells their lane."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from masterplan.core.model import Dialect
from masterplan.dialects.peek import Peek, peek
from masterplan.routing.lane import Lane, find_lane

SESSION = "3a1d5288-8845-40ed-8bee-ed8950539303"
MARK = {"type": "ephemeral"}
IDENTITY = {"type": "text", "text": "You are Claude Code.", "cache_control": MARK}
PROMPT = {
    "type": "text",
    "text": "\nYou are an agent working with the user toward their goals, and so on.",
    "cache_control": MARK,
}


def billing(*, is_subagent: bool = False, version: str = "2.1.330.e84") -> dict[str, str]:
    more = " cc_is_subagent=true;" if is_subagent else ""
    text = f"x-anthropic-billing-header: cc_version={version}; cc_entrypoint=cli;{more}"
    return {"type": "text", "text": text}


def says(role: str, text: str, *, mark: bool = False) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": text}
    return {"role": role, "content": [block | ({"cache_control": MARK} if mark else {})]}


@dataclass(frozen=True)
class Case:
    """A request: its dialect, headers, body and path."""

    dialect: Dialect
    headers: Mapping[str, str]
    body: dict[str, Any]
    path: str = ""

    def with_headers(self, **more: str) -> Case:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return replace(self, headers={**self.headers, **named})

    def with_body(self, **more: Any) -> Case:
        return replace(self, body={**self.body, **more})

    def without(self, *names: str) -> Case:
        return replace(self, headers={k: v for k, v in self.headers.items() if k not in names})

    @property
    def peek(self) -> Peek:
        return peek(self.dialect, json.dumps(self.body).encode(), path=self.path)

    def lane(
        self,
        *,
        known_agents: Mapping[str, str] | None = None,
        spawned: Mapping[str, str] | None = None,
    ) -> Lane:
        return find_lane(self.headers, self.peek, known_agents=known_agents, spawned=spawned)


CLAUDE = Case(
    "anthropic",
    {
        "user-agent": "claude-cli/2.1.330 (external, cli)",
        "x-claude-code-session-id": SESSION,
    },
    {
        "model": "claude-opus-4-6",
        "max_tokens": 32000,
        "system": [billing(), IDENTITY, PROMPT],
        "messages": [says("user", "fix the parser", mark=True)],
        "tools": [{"name": "Agent"}, {"name": "Bash"}, {"name": "Read"}],
        "stream": True,
    },
)
CLAUDE_SUB = replace(
    CLAUDE,
    body=CLAUDE.body
    | {
        "system": [
            billing(is_subagent=True),
            IDENTITY,
            {"type": "text", "text": "You are the reviewer of the house. Judge.\n\nMore."},
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "<system-reminder>context</system-reminder>"},
                    {"type": "text", "text": "judge the diff"},
                ],
            }
        ],
    },
)
CLAUDE_TITLE = CLAUDE.with_body(
    system=[billing(), IDENTITY, {"type": "text", "text": "You are naming a coding session so."}],
    tools=[],
    messages=[says("user", "<session>fix the parser</session>")],
    output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
)
CLAUDE_SEARCH = CLAUDE.with_body(
    system=[
        billing(),
        IDENTITY,
        {"type": "text", "text": "You run a web search for another Claude model, which waits."},
    ],
    tools=[{"type": "web_search_20250305", "name": "web_search"}],
    messages=[says("user", "Perform a web search for the query: docs")],
)
COMPACT = "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\nSummarize."
CLAUDE_COMPACTION = CLAUDE.with_body(
    messages=[
        says("user", "fix the parser"),
        says("assistant", "done", mark=True),
        {"role": "user", "content": COMPACT},
    ]
)
RECAP = "The user stepped away and is coming back. Recap in under 40 words."
CLAUDE_RECAP = CLAUDE.with_body(
    messages=[says("user", "fix the parser"), says("assistant", "done"), says("user", RECAP)]
)
CLAUDE_PROBE = CLAUDE.with_body(
    system=[billing()], tools=[], max_tokens=1, messages=[{"role": "user", "content": "quota"}]
)
PLANNING = "# Environment\n\nPlan mode is active. The user does not want you to execute yet."
CLAUDE_PLAN = CLAUDE.with_body(
    messages=[says("user", "plan the move"), says("system", PLANNING, mark=True)]
)

CODEX_HEADERS = {
    "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)",
    "originator": "codex_exec",
    "session-id": "s-1",
    "thread-id": "s-1",
}


def item(role: str, text: str, **more: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]} | {
        **more
    }


CODEX = Case(
    "openai_responses",
    CODEX_HEADERS,
    {
        "model": "gpt-5.4",
        "input": [
            item("developer", "You are a coding agent running in the Codex CLI.", id="msg_0"),
            item("user", "fix the parser", id="msg_1"),
        ],
        "tools": [{"type": "function", "name": "exec_command"}],
        "stream": True,
    },
)
CHECKPOINT = "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary."
CODEX_COMPACTION = CODEX.with_body(tools=[], input=[*CODEX.body["input"], item("user", CHECKPOINT)])

GEMINI = Case(
    "gemini",
    {"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.1-pro (linux; x64; terminal)"},
    {
        "systemInstruction": {
            "parts": [{"text": "You are Gemini CLI, now operating in **Default** mode. Help."}]
        },
        "contents": [{"role": "user", "parts": [{"text": "fix the parser"}]}],
        "tools": [{"functionDeclarations": [{"name": "read_file"}, {"name": "invoke_agent"}]}],
    },
    "/v1beta/models/gemini-3.1-pro:streamGenerateContent",
)


def gemini(system: str, *tools: str, schema: bool = False) -> Case:
    body: dict[str, Any] = {"systemInstruction": {"parts": [{"text": system}]}, "tools": []}
    if tools:
        body["tools"] = [{"functionDeclarations": [{"name": name} for name in tools]}]
    if schema:
        body["generationConfig"] = {"responseJsonSchema": {"type": "OBJECT"}}
    return GEMINI.with_body(**body)


OPENCODE = Case(
    "openai_chat",
    {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23", "x-session-id": "ses_main"},
    {
        "model": "big",
        "messages": [
            {"role": "system", "content": "You are opencode, an interactive tool."},
            {"role": "user", "content": '"fix the parser"'},
        ],
        "tools": [{"type": "function", "function": {"name": "task"}}],
    },
)
OPENCODE_REMINDER = "<system-reminder>\n# Plan Mode - System Reminder\n\nCRITICAL"


def chat(agent: str, system: str, text: str = "go") -> Case:
    """A request without tools of a client that has only its words."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return Case("openai_chat", {"user-agent": agent}, {"model": "m", "messages": messages})


AIDER_AGENT = "OpenAI/Python 2.20.0"
ANTIGRAVITY = Case(
    "gemini",
    {"user-agent": "google-antigravity-sdk/0.1.22 linux"},
    {
        "sessionId": "a-1",
        "systemInstruction": {"parts": [{"text": "You are Antigravity."}]},
        "contents": [{"role": "user", "parts": [{"text": "build the shop"}]}],
        "tools": [{"functionDeclarations": [{"name": "invoke_subagent"}]}],
    },
    "/v1beta/models/claude-opus-4-6:streamGenerateContent",
)
