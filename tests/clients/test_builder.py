"""Real agents as builders: `masterplan build --builder NAME`, caged, on the rung of the engine."""

import asyncio
import os
import signal
import uuid

import pytest
from build_case import FILE, GOOD, TEST, WAYS, Builds, Coder, alive, editing, rows_of
from client_case import Machine, call, needs

from masterplan.providers.fake import FakeProvider, Received, Reply

HAIKU = ("anthropic", "claude-haiku-4-5")
GEMINI = ("gemini", "gemini-3.1-pro-preview")


@needs("claude")
async def test_claude_code_when_it_builds_then_held_to_its_files_and_escalated_with_the_report(
    machine: Machine,
) -> None:
    edits = [("notes.md", "x"), (TEST, "def test_a():\n    pass\n"), (FILE, GOOD)]
    async with FakeProvider(Coder(machine, WAYS["claude"], edits)) as fake:
        module = rows_of(await Builds.prepare("claude", machine, fake).run())
        asked = [(received.dialect, received.model) for received in fake.received]
        assert asked == [HAIKU, HAIKU, HAIKU, HAIKU, GEMINI, GEMINI]
        assert "'notes.md' was changed in the worktree" in fake.received[2].text
        assert f"'{TEST}' was changed in the worktree" in fake.received[4].text
    assert module["tries"] == 3
    assert module["served_model"] == "gemini-3.1-pro-preview"


@needs("claude")
async def test_claude_code_when_the_build_is_killed_then_nothing_runs_on_and_a_resume_goes_on(
    machine: Machine,
) -> None:
    mark = f"9{uuid.uuid4().int % 10**8}"
    coder = Coder(machine, WAYS["claude"], [(FILE, GOOD)])
    waits = [call_bash(f"python3 -c 'import time; time.sleep({mark})'")]

    def script(received: Received) -> Reply:
        return call(received, waits.pop()) if waits else coder(received)

    async with FakeProvider(script) as fake:
        builds = Builds.prepare("claude", machine, fake)
        environ = machine.env_of("claude")
        child = await asyncio.create_subprocess_exec(
            *builds.command(str(builds.spec)), cwd=machine.project, env=environ,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(40):
            while not alive(f"time.sleep({mark})'"):
                await asyncio.sleep(0.05)
            os.kill(child.pid, signal.SIGKILL)
            await child.wait()
            while alive(mark):
                await asyncio.sleep(0.05)
        module = rows_of(await builds.run("--resume"))
        assert module["tries"] == 1
        assert len(fake.received) == 3


def call_bash(command: str) -> tuple[str, dict[str, object]]:
    """Return a call of Claude Code's shell."""
    return "Bash", {"command": command, "description": "wait"}


@pytest.mark.parametrize(
    "agent",
    [pytest.param(name, marks=needs(name)) for name in (*WAYS, "aider") if name != "claude"],
)
async def test_agent_when_it_builds_then_the_module_is_verified(
    machine: Machine, agent: str
) -> None:
    script = editing if agent == "aider" else Coder(machine, WAYS[agent], [(FILE, GOOD)])
    async with FakeProvider(script) as fake:
        module = rows_of(await Builds.prepare(agent, machine, fake).run())
        assert {(received.dialect, received.model) for received in fake.received} == {HAIKU}
    assert module["tries"] == 1
    assert module["model"] == "anthropic/claude-haiku-4-5"


async def test_build_when_the_agent_is_not_installed_then_refused_before_anything_is_spent(
    machine: Machine,
) -> None:
    async with FakeProvider() as fake:
        builds = Builds.prepare("claude", machine, fake)
        ran = await builds.run(env={"PATH": os.defpath})
        assert ran.code == 2, ran.out + ran.err
        assert ran.json["error"]["code"] == "agent.not_installed"
        assert ran.json["error"]["mend"] == "npm install -g @anthropic-ai/claude-code"
        assert fake.received == []
    assert not list(machine.project.glob(".masterplan/runs/*/trees"))
