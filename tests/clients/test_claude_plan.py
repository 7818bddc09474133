"""Claude Code in its window: plan mode on the planner, the approved plan for the builder."""

import json
import re
from pathlib import Path

from client_case import BINS, CACHE, Machine, call, has_result, needs, stack
from terminal_case import terminal

from masterplan.providers.fake import Received, Reply

pytestmark = needs("claude")

PLAN = "# PLAN-X\n1. write made.txt\n"
PLANNER, BUILDER = "claude-opus-4-6", "gpt-5.4-mini"


class Brain:
    """The planner reads, writes the plan's file and asks for approval; the builder builds it."""

    def __init__(self, project: Path) -> None:
        self.made = project / "made.txt"
        self.built: list[Received] = []

    def __call__(self, received: Received) -> Reply:
        if received.model == PLANNER:
            return self._plan(received)
        if received.model != BUILDER:
            return Reply('{"name": "a-name", "title": "a title"}')
        self.built.append(received)
        if self.made.exists():
            return Reply("BUILT")
        return call(received, ("Write", {"file_path": str(self.made), "content": "by the plan"}))

    def _plan(self, received: Received) -> Reply:
        path = re.search(r"/\S+/\.claude/plans/\S+?\.md", received.text)
        assert path, "plan mode names no file"
        if not any(has_result(message) for message in received.request.messages):
            return call(received, ("Bash", {"command": "echo SECRET-OF-THE-SEARCH"}))
        if not Path(path[0]).exists():
            return call(received, ("Write", {"file_path": path[0], "content": PLAN}))
        if "ExitPlanMode" not in {tool.name for tool in received.request.tools}:
            return call(received, ("ToolSearch", {"query": "select:ExitPlanMode"}))
        return call(received, ("ExitPlanMode", {}))


async def test_claude_code_when_a_plan_is_approved_then_the_builder_gets_the_plan_not_the_talk(
    machine: Machine,
) -> None:
    trusted = {"projects": {str(machine.project): {"hasTrustDialogAccepted": True}}}
    machine.write("home/.claude.json", json.dumps({"hasCompletedOnboarding": True, **trusted}))
    brain = Brain(machine.project)
    async with stack(machine, brain) as one:
        env = one.env_of("claude") | {"TERM": "xterm-256color"}
        program = str(CACHE / BINS["claude"] / "claude")
        words = ("--permission-mode", "plan", "--allowedTools", "Bash(echo:*)", "--", "GO")
        async with terminal(env, machine.project, program, *words) as window:
            await window.until(lambda: "Wouldyouliketoproceed?" in window.shown)
            assert {received.model for received in one.fake.received} <= {
                PLANNER,
                "claude-haiku-4-5",  # the housekeeper names the session
            }
            await window.until(brain.made.exists, typing="\r")
    first = brain.built[0]
    assert "PLAN-X" in first.text
    assert "SECRET-OF-THE-SEARCH" not in first.text
    assert not any(has_result(message) for message in first.request.messages)
    assert brain.made.read_text() == "by the plan"
