"""The Antigravity SDK's runtime: a program with the synced team, a sub-agent on another model."""

from client_case import Delegate, Machine, needs, stack

pytestmark = needs("antigravity")

PROGRAM = """
import asyncio, os, sys
sys.path.insert(0, os.getcwd())
import masterplan_antigravity, masterplan_subagents
from google.antigravity import Agent, LocalAgentConfig
from google.antigravity.hooks import policy

async def main():
    config = LocalAgentConfig(
        models=[masterplan_antigravity.model()],
        subagents=masterplan_subagents.SUBAGENTS,
        workspaces=[os.getcwd()],
        policies=[policy.allow_all()],
    )
    async with Agent(config) as agent:
        print(await (await agent.chat("GO")).text())

asyncio.run(main())
"""


async def test_antigravity_when_a_sub_agent_is_invoked_then_it_works_on_its_own_model(
    machine: Machine,
) -> None:
    machine.sync("antigravity", "project")
    machine.write("project/program.py", PROGRAM)
    spawn = {
        "Subagents": [
            {"TypeName": "frontend-builder", "Role": "builder", "Prompt": "CHILDTASK write it"}
        ]
    }
    path = str(machine.project / "made.txt")
    write = {"TargetFile": path, "CodeContent": "by antigravity", "Overwrite": True}
    brain = Delegate(("invoke_subagent", spawn), ("write_to_file", write))
    async with stack(machine, brain) as one:
        ran = await one.drive("antigravity", "python", "program.py")
        assert ran.code == 0, ran.err
        assert "ALL-DONE" in ran.out
    assert brain.main == {("openai_chat", "gpt-5.4-mini")}
    assert brain.child == {("gemini", "gemini-3.1-pro-preview")}
    assert (machine.project / "made.txt").read_text().strip() == "by antigravity"
