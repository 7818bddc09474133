"""Codex: the main agent and a spawned role of the synced team on another provider's model."""

import re

from client_case import Call, Delegate, Machine, needs, stack

pytestmark = needs("codex")

SPAWN = ("spawn_agent", {"message": "CHILDTASK write it", "agent_type": "frontend-builder"})
WRITE = ("exec_command", {"cmd": "printf by-codex > made.txt"})


def wait(text: str) -> Call:
    """Wait for the agent that the spawn's result names."""
    found = re.search(r'"agent_id": ?"([^"]+)"', text)
    assert found, text
    return "wait_agent", {"targets": [found[1]], "timeout_ms": 20_000}


async def test_codex_when_a_role_is_spawned_then_it_works_on_its_own_model(
    machine: Machine,
) -> None:
    machine.sync("codex", "user")
    brain = Delegate(SPAWN, WRITE, wait)
    async with stack(machine, brain) as one:
        ran = await one.drive(
            "codex", "exec", "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox", "GO",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        assert "ALL-DONE" in ran.out
    assert brain.main == {("openai_chat", "gpt-5.4-mini")}
    assert brain.child == {("gemini", "gemini-3.1-pro-preview")}
    assert (machine.project / "made.txt").read_text() == "by-codex"
