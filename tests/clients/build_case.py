"""A module that a real agent builds by ``masterplan build --builder``, its models scripted."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from client_case import Call, Machine, Ran, has_result, run
from run_case import POLICY, make_spec, module, right

from masterplan.providers.fake import FakeProvider, Received, Reply
from masterplan.spec import dump_spec

PROVIDERS = """
[providers.anthropic]
dialect = "anthropic"
base_url = "{url}"
[providers.google]
dialect = "gemini"
base_url = "{url}"
"""
GOOD = right("a")
FILE, TEST = "pkg/a.py", "tests/test_a.py"
Write = Callable[[Path, str], Call]
"""From a file and its text to the agent's own tool for writing it."""


def by_claude(path: Path, text: str) -> Call:
    """Write by Claude Code's tool."""
    return "Write", {"file_path": str(path), "content": text}


def by_codex(path: Path, text: str) -> Call:
    """Write by Codex's shell."""
    return "exec_command", {"cmd": f"mkdir -p {path.parent}; cat > {path} <<'EOT'\n{text}EOT\n"}


def by_opencode(path: Path, text: str) -> Call:
    """Write by opencode's tool."""
    return "write", {"filePath": str(path), "content": text}


def by_antigravity(path: Path, text: str) -> Call:
    """Write by Antigravity's tool."""
    return "write_to_file", {"TargetFile": str(path), "CodeContent": text, "Overwrite": True}


WAYS: dict[str, Write] = {
    "claude": by_claude,
    "codex": by_codex,
    "opencode": by_opencode,
    "antigravity": by_antigravity,
}


@dataclass
class Coder:
    """A model that writes by its agent's tool, one file a try, and then ends."""

    machine: Machine
    write: Write
    edits: list[tuple[str, str]]

    def __call__(self, received: Received) -> Reply:
        if not received.request.tools:
            return Reply("a title")
        if any(has_result(message) for message in received.request.messages):
            return Reply("Done.")
        path, text = self.edits.pop(0) if len(self.edits) > 1 else self.edits[0]
        (tree,) = self.machine.project.glob(".masterplan/runs/*/trees/a")
        name, arguments = self.write(tree / path, text)
        return Reply("", tool_calls=((name, json.dumps(arguments)),))


def editing(received: Received) -> Reply:
    """Answer as a model that edits by text, in aider's form."""
    return Reply(f"{FILE}\n```python\n<<<<<<< SEARCH\n=======\n{GOOD}>>>>>>> REPLACE\n```\n")


@dataclass(frozen=True)
class Builds:
    """The command that builds the module with an agent, in a repository with an empty package."""

    agent: str
    machine: Machine
    policy: Path
    spec: Path

    @staticmethod
    def prepare(agent: str, machine: Machine, fake: FakeProvider) -> "Builds":
        """Write repository, spec and policy."""
        machine.write("project/pkg/__init__.py", "")
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        for words in (("add", "-A"), ("commit", "-qm", "base")):
            subprocess.run(["git", *who, *words], cwd=machine.project, check=True)
        spec = machine.write("spec.json", dump_spec(make_spec([module("a", is_held=True)])))
        policy = machine.write("policy.toml", POLICY + PROVIDERS.format(url=fake.base_url))
        return Builds(agent, machine, policy, spec)

    def command(self, *words: str) -> tuple[str, ...]:
        """Return the command line for a spec, or ``--resume``."""
        start = (sys.executable, "-m", "masterplan", "build", "--policy", str(self.policy))
        return (*start, *words, "--builder", self.agent, "--json")

    async def run(self, *words: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run it to its end; ``env`` changes the machine's variables."""
        argv = self.command(*(words or (str(self.spec),)))
        variables = {**self.machine.env_of(self.agent), **(env or {})}
        return await run(variables, self.machine.project, *argv)


def alive(mark: str) -> bool:
    """Tell whether a process carries a mark in its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


def rows_of(ran: Ran) -> dict[str, object]:
    """Return what is told of the one module."""
    told = json.loads(ran.out)
    assert told["status"] == "verified", json.dumps(told, indent=1)[:4_000] + ran.err
    found: dict[str, object] = told["modules"]["a"]
    return found
