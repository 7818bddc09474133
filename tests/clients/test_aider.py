"""aider in architect mode: the planner's words become an edit by the builder."""

from client_case import Machine, needs, stack

from masterplan.providers.fake import Received, Reply

pytestmark = needs("aider")

EDIT = "made.py\n```python\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```\n"
FLAGS = ("--yes-always", "--no-pretty", "--no-gitignore", "--no-detect-urls", "--no-stream",
         "--auto-accept-architect", "--map-tokens", "0")  # fmt: skip


def brain(received: Received) -> Reply:
    """Plan as the planner, edit as the builder, name the commit as the housekeeper."""
    if "commit message" in received.text and "CHANGE-X" not in received.text:
        return Reply("set x")
    return Reply("CHANGE-X: set x to 2") if "opus" in received.model else Reply(EDIT)


async def test_aider_when_architect_mode_then_planner_builder_and_housekeeper(
    machine: Machine,
) -> None:
    path = machine.write("project/made.py", "x = 1\n")
    async with stack(machine, brain) as one:
        ran = await one.drive("aider", *FLAGS, "--message", "make x two", "made.py")
        assert ran.code == 0, ran.err
        assert path.read_text() == "x = 2\n", ran.out
        assert one.seen() == {
            ("anthropic", "claude-opus-4-6"),
            ("openai_chat", "gpt-5.4-mini"),
            ("anthropic", "claude-haiku-4-5"),
        }
