"""Claude Code, headless: five sub-agents on three dialects, with tools in both directions."""

import json
from pathlib import Path

from client_case import Machine, needs, stack

from masterplan.providers.fake import Received, Reply

pytestmark = needs("claude")

MODELS = {
    "gem": "gemini-3.1-pro",
    "hai": "haiku",
    "opu": "opus",
    "bui": "masterplan/builder",
    "non": None,
}
SERVED = {
    "gem": ("gemini", "gemini-3.1-pro-preview"),
    "hai": ("anthropic", "claude-haiku-4-5"),
    "opu": ("anthropic", "claude-opus-4-6"),
    "bui": ("openai_chat", "gpt-5.4-mini"),
    "non": ("openai_chat", "gpt-5.4-mini"),
}
TOOLS = "Write,Agent"


def write_agents(machine: Machine) -> None:
    for name, model in MODELS.items():
        line = f"model: {model}\n" if model else ""
        text = f"---\nname: {name}\ndescription: writes\n{line}tools: Write\n---\nYou write.\n"
        machine.write(f"project/.claude/agents/{name}.md", text)


def name_in(received: Received) -> str:
    """Return which sub-agent asks, by the words of its task."""
    return next((name for name in MODELS if f"TASK-{name}" in received.text), "")


class Brain:
    """Answers as models would: the main agent delegates, each sub-agent writes one file."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, received: Received) -> Reply:
        name = name_in(received)
        self.asked.append((name, received.dialect, received.model))
        if not name:
            if "RESULT-" in received.text:
                return Reply("ALL-DONE")
            return Reply("", tool_calls=tuple(self._delegate(name) for name in MODELS))
        if "File created" in received.text or "has been" in received.text:
            return Reply(f"RESULT-{name}")
        path = str(self.project / f"{name}.txt")
        return Reply("", tool_calls=(("Write", json.dumps({"file_path": path, "content": name})),))

    def _delegate(self, name: str) -> tuple[str, str]:
        asked = {"description": "write", "subagent_type": name, "prompt": f"TASK-{name}"}
        return "Agent", json.dumps(asked | {"run_in_background": False})


async def test_claude_code_when_five_subagents_then_each_on_its_own_model(machine: Machine) -> None:
    write_agents(machine)
    brain = Brain(machine.project)
    async with stack(machine, brain) as one:
        ran = await one.drive(
            "claude", "-p", "GO", "--output-format", "json", "--allowedTools", TOOLS
        )
        assert ran.code == 0, ran.err + ran.out
        assert ran.json["result"] == "ALL-DONE"
    for name in MODELS:
        assert (machine.project / f"{name}.txt").read_text() == name
        asked = {(dialect, model) for who, dialect, model in brain.asked if who == name}
        assert asked == {SERVED[name]}
