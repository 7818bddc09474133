"""What the tests of planning share: scripted models, a small one among them, and a repository."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from masterplan.core.errors import Problem
from masterplan.pipe import Pipe
from masterplan.policy import parse_policy
from masterplan.providers.fake import FakeProvider, Script
from masterplan.spec import Spec, Verdict
from masterplan.workflow.open import open_pipe
from masterplan.workflow.plan.planner import Planner
from masterplan.workflow.progress import Event
from masterplan.workflow.workspace.worktree import Repo

SMALL = "local/small"
POLICY = """
[models]
opus = "anthropic/claude-opus-4-6"
haiku = "anthropic/claude-haiku-4-5"
small = {{ id = "local/small", context_tokens = 8000, max_output_tokens = 2000 }}
[providers.anthropic]
dialect = "anthropic"
base_url = "{url}"
[providers.local]
dialect = "openai_chat"
base_url = "{url}/v1"
[roles.planner]
ladder = ["{planner}"]
[roles.builder]
ladder = ["haiku"]
[budgets]
run = "$5"
"""


@dataclass
class Case:
    """An open pipe, a planner over it, the provider behind it, and what was told."""

    pipe: Pipe
    planner: Planner
    fake: FakeProvider
    repo: Repo
    events: list[Event] = field(default_factory=list)


@asynccontextmanager
async def planning(
    folder: Path, script: Script, planner: str = "opus", run: str = "r1"
) -> AsyncIterator[Case]:
    """Open a planner whose models are one script; it plans into an empty folder."""
    root = folder / "project"
    root.mkdir(exist_ok=True)
    async with FakeProvider(script) as fake:
        policy = parse_policy(POLICY.format(url=fake.base_url, planner=planner))
        environ = {"MASTERPLAN_LEDGER": str(folder / "ledger.sqlite"), "HOME": str(folder)}
        async with open_pipe(policy, environ) as pipe:
            events: list[Event] = []
            made = Planner(pipe, events.append, run)
            yield Case(pipe, made, fake, Repo.create_for_run(root), events)


def asked_texts(fake: FakeProvider) -> list[str]:
    """Return what each request said last, complaints included."""
    return [one.text for one in fake.received]


@dataclass
class Gate:
    """A gate that says these verdicts, one after the other, and keeps what it was shown."""

    verdicts: list[tuple[Problem, ...]] = field(default_factory=list)
    shown: list[Spec] = field(default_factory=list)

    async def __call__(self, spec: Spec) -> Verdict:
        """Return the next verdict; content when none is left."""
        self.shown.append(spec)
        return Verdict(self.verdicts.pop(0) if self.verdicts else ())
