"""What the tests of a build share: a spec of small modules, a builder, and a site with a fake."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from masterplan.catalog import Catalog, Prices
from masterplan.core.decision import Decision
from masterplan.core.message import Message, Request, Text
from masterplan.core.task import Task
from masterplan.ledger import Ledger
from masterplan.pipe import Pipe
from masterplan.policy import Policy, parse_policy
from masterplan.providers import Caller, Registry
from masterplan.providers.fake import FakeProvider, Received, Reply
from masterplan.routing import Router
from masterplan.sandbox import find_cage
from masterplan.spec import Spec, approve, seal
from masterplan.spec.schema import Contract, Requirement
from masterplan.workflow.builders import Assignment, Proposal
from masterplan.workflow.progress import Event
from masterplan.workflow.site import Site
from masterplan.workflow.workspace.worktree import Repo

POLICY = """
[models]
haiku = "anthropic/claude-haiku-4-5"
gemini = "google/gemini-3.1-pro"
opus = "anthropic/claude-opus-4-6"

[roles.planner]
ladder = ["opus"]
[roles.builder]
ladder = ["haiku", "gemini", "opus"]

[budgets]
run = "$5"
"""


def module(
    name: str, needs: Sequence[str] = (), *, is_held: bool = False, **more: object
) -> dict[str, object]:
    """Return a module that adds one to the sum of what it needs; ``is_held`` adds hidden tests."""
    uses = "".join(f"from pkg.{need} import {need}\n" for need in needs)
    test = (
        f"from pkg.{name} import {name}\n{uses}\n"
        f"def test_{name}():\n    assert {name}(1) == {_value(needs)}\n"
    )
    hidden = (
        f"from pkg.{name} import {name}\n{uses}\n"
        f"def test_{name}_more():\n    assert {name}(5) == {name}(4) + 1\n"
    )
    held = {
        "id": f"{name}.hidden",
        "run": f"python -m pytest -q held_out/test_{name}_more.py",
        "visibility": "held_out",
    }
    return {
        "id": name,
        "responsibility": f"Give {name}.",
        "requirements": ["r1"],
        "depends_on": list(needs),
        "consumes": [f"{need}.call" for need in needs],
        "produces": [f"{name}.call"],
        "files": {"create": [f"pkg/{name}.py"], "test": [f"tests/test_{name}.py"]},
        "test_files": {f"tests/test_{name}.py": test},
        "held_out_files": {f"held_out/test_{name}_more.py": hidden} if is_held else {},
        "acceptance": [
            {"id": f"{name}.shown", "run": f"python -m pytest -q tests/test_{name}.py"},
            *([held] if is_held else []),
        ],
        "complexity": 0.2,
        "size": "small",
        "start": "haiku",
        "ladder": ["haiku", "gemini", "opus"],
        "max_tries": 4,
        **more,
    }


def _value(needs: Sequence[str]) -> str:
    return " + ".join(["1", "1", *(f"{need}(1)" for need in needs)])


def right(name: str, needs: Sequence[str] = ()) -> str:
    """Return the source that is right for ``module``."""
    uses = "".join(f"from pkg.{need} import {need}\n" for need in needs)
    tail = "".join(f" + {need}(1)" for need in needs)
    return f"{uses}\n\ndef {name}(x: int) -> int:\n    return x + 1{tail}\n"


def make_spec(modules: Sequence[dict[str, object]], **more: object) -> Spec:
    """Return a sealed and approved spec of these modules."""
    contracts = [
        Contract(
            id=f"{one['id']}.call",
            module=str(one["id"]),
            signature=f"def {one['id']}(x: int) -> int",
            path=f"pkg/{one['id']}.py",
        )
        for one in modules
    ]
    data = {
        "id": "numbers",
        "goal": "Numbers.",
        "non_goals": ["anything else"],
        "requirements": [Requirement(id="r1", text="WHEN called it SHALL add one.")],
        "contracts": contracts,
        "modules": list(modules),
        **more,
    }
    return approve(seal(Spec.model_validate(data)), "a person", "2026-03-01T00:00:00Z")


class AskingBuilder:
    """A builder from outside the package: one call, whole files as JSON in the answer."""

    name = "asking"

    def __init__(self) -> None:
        self.assignments: list[Assignment] = []

    async def build(
        self, assignment: Assignment, *, task: Task, decision: Decision, pipe: Pipe
    ) -> Proposal:
        self.assignments.append(assignment)
        parts = [assignment.slice_text, *assignment.read.values(), assignment.failure_report]
        request = Request("", (Message("user", (Text("\n".join(parts)),)),), max_output_tokens=500)
        reply = await pipe.call(task, request, decision=decision)
        answer = json.loads(reply.response.text)
        return Proposal(answer.get("files", {}), answer.get("cannot_meet", ""), reply.attempts)


Answer = Callable[[str, int, Received], Mapping[str, object] | Reply]
"""From module, how often it was asked before, and the request to the answer's JSON or a reply."""


def answers(script: Answer) -> Callable[[Received], Reply]:
    """Turn answers by module into a script for the provider."""
    asked: dict[str, int] = {}

    def reply(received: Received) -> Reply:
        name = received.text.split("# Module ", 1)[1].split("\n", 1)[0].split(":")[0].strip()
        count = asked.get(name, 0)
        asked[name] = count + 1
        answer = script(name, count, received)
        return answer if isinstance(answer, Reply) else Reply(text=json.dumps(answer))

    return reply


def file_of(name: str, text: str) -> dict[str, object]:
    """Return the answer that proposes a module's one file."""
    return {"files": {f"pkg/{name}.py": text}}


@dataclass
class Case:
    """A site over a fresh repository, with the provider behind it and what was told."""

    site: Site
    fake: FakeProvider
    builder: AskingBuilder
    root: Path
    events: list[Event] = field(default_factory=list)

    def with_site(self, **changes: object) -> Site:
        """Return the site with some parts replaced."""
        return replace(self.site, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def open_case(
    folder: Path, script: Callable[[Received], Reply], policy: str = POLICY
) -> AsyncIterator[Case]:
    """Open a site whose models are all scripted; everything else is real."""
    root = make_repo(folder / "repo")
    async with FakeProvider(script) as fake:
        rules: Policy = parse_policy(policy)
        catalog, prices = rules.catalog(Catalog.load()), Prices.load()
        endpoints = [fake.endpoint("anthropic", "anthropic"), fake.endpoint("google", "gemini")]
        with Ledger.open(folder / "ledger.sqlite") as ledger:
            async with Caller(Registry.build(endpoints, {})) as caller:
                router = Router(rules, catalog, prices)
                pipe = Pipe(rules, catalog, prices, router, ledger, caller)
                builder, events = AskingBuilder(), list[Event]()
                site = Site(
                    repo=Repo.open(root),
                    policy=rules,
                    catalog=catalog,
                    router=router,
                    ledger=ledger,
                    pipe=pipe,
                    cage=find_cage(),
                    builder=builder,
                    listener=events.append,
                )
                yield Case(site, fake, builder, root, events)


def make_repo(root: Path) -> Path:
    """Make the repository that is built in, an empty package: always the same commit."""
    if root.exists():
        return root
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "__init__.py").write_text("")
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    dates = {f"GIT_{who}_DATE": "@1770000000 +0000" for who in ("AUTHOR", "COMMITTER")}
    env = {**os.environ, **dates}
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run(["git", *who, *words], cwd=root, env=env, check=True, capture_output=True)
    return root
