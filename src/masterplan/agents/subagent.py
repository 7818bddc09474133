"""The team: planner, researcher, builders, debugger, reviewer, each with model and handoff rule.

Owns who is in it, what each is told (``prompts/``) and which model it asks for. Must not know any
agent's file format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from masterplan.core.task import Kind, Role
from masterplan.policy import Policy


@dataclass(frozen=True)
class Subagent:
    """One member: what it is for, what it is told, its model, and whether it may change files.

    ``ladder`` is what the policy gives it today, for people to read.
    """

    name: str
    description: str
    instructions: str
    model: str
    is_writer: bool
    ladder: str


@dataclass(frozen=True)
class _Member:
    """A place in the team: whose ladder it climbs, and for one kind only where it names one."""

    role: Role
    description: str
    is_writer: bool = False
    kind: Kind | None = None


TEAM: dict[str, _Member] = {
    "planner": _Member(
        "planner",
        "Plans before anything is built: architecture, contracts between modules, order of work. "
        "Use it first for every task that touches more than one file.",
    ),
    "researcher": _Member(
        "researcher",
        "Finds out how the code base or a foreign API works and reports facts with their places. "
        "Use it for broad searches and for reading documentation.",
    ),
    "builder": _Member(
        "builder",
        "Writes the code and the tests of one module from a written plan. Use it for "
        "implementation, refactoring and boilerplate once it is decided what to build.",
        is_writer=True,
    ),
    "frontend-builder": _Member(
        "builder",
        "Builds user interfaces from a written plan: components, styles, accessibility. Use it "
        "for everything that people see.",
        is_writer=True,
        kind="frontend",
    ),
    "debugger": _Member(
        "debugger",
        "Finds and mends the cause of a failure from its raw output. Use it when a check fails "
        "twice or a failure has no plain cause.",
        is_writer=True,
    ),
    "reviewer": _Member(
        "reviewer",
        "Reads a finished change against its plan and reports defects by file and line. Use it "
        "before a change is called done.",
    ),
}


def subagents(policy: Policy) -> tuple[Subagent, ...]:
    """Return the team with the policy's models; who has no ladder at all is left out."""
    handoff = prompt("handoff")
    return tuple(
        Subagent(
            name,
            member.description,
            f"{prompt(name)}\n{handoff}",
            f"masterplan/{member.kind or member.role}",
            member.is_writer,
            ", ".join(ladder),
        )
        for name, member in TEAM.items()
        if (ladder := _ladder(policy, member))
    )


def prompt(name: str) -> str:
    """Return one of the package's prompts."""
    return prompt_file(f"{name}.md")


def prompt_file(name: str) -> str:
    """Return a file of ``prompts/``."""
    return resources.files("masterplan.agents").joinpath("prompts", name).read_text("utf-8")


def _ladder(policy: Policy, member: _Member) -> Sequence[str]:
    for rule in policy.rules if member.kind else ():
        if member.kind in rule.when.kind:
            return [str(policy.rung(text)) for text in rule.use]
    has_ladder = policy.has_ladder(member.role)
    return [str(rung) for rung in policy.ladder(member.role)] if has_ladder else []
