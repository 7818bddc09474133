"""opencode: the main agent and a sub-agent of the synced team on another provider's model."""

from client_case import Delegate, Machine, needs, stack

pytestmark = needs("opencode")

SPAWN = (
    "task",
    {
        "description": "write it",
        "prompt": "CHILDTASK write it",
        "subagent_type": "frontend-builder",
    },
)


async def test_opencode_when_a_task_is_given_then_its_agent_works_on_its_own_model(
    machine: Machine,
) -> None:
    machine.sync("opencode", "project")
    path = str(machine.project / "made.txt")
    brain = Delegate(SPAWN, ("write", {"filePath": path, "content": "by opencode"}))
    async with stack(machine, brain) as one:
        ran = await one.drive("opencode", "run", "GO")
        assert ran.code == 0, ran.err
        assert "ALL-DONE" in ran.out, ran.err
    assert brain.main == {("openai_chat", "gpt-5.4-mini")}
    assert brain.child == {("gemini", "gemini-3.1-pro-preview")}
    assert (machine.project / "made.txt").read_text() == "by opencode"
