"""Gemini CLI: the main agent and a sub-agent of the synced team on another provider's model."""

from client_case import Delegate, Machine, needs, stack

pytestmark = needs("gemini")

SPAWN = ("invoke_agent", {"agent_name": "frontend-builder", "prompt": "CHILDTASK write it"})


async def test_gemini_cli_when_an_agent_is_invoked_then_it_works_on_its_own_model(
    machine: Machine,
) -> None:
    machine.sync("gemini", "user")
    path = str(machine.project / "made.txt")
    brain = Delegate(SPAWN, ("write_file", {"file_path": path, "content": "by gemini"}))
    async with stack(machine, brain) as one:
        ran = await one.drive("gemini", "-p", "GO", "--approval-mode", "yolo")
        assert ran.code == 0, ran.err
        assert "ALL-DONE" in ran.out
    assert brain.main == {("openai_chat", "gpt-5.4-mini")}
    assert brain.child == {("gemini", "gemini-3.1-pro-preview")}
    assert (machine.project / "made.txt").read_text() == "by gemini"
