"""What a builder is: anything that turns an assignment into files inside its allow-list.

This small Protocol is the manual for builders from outside the package (entry points
``masterplan.builders``); the built-in one, ``direct``, comes in through the same door. A builder
must not judge its own work: what it returns is held to its files and verified by the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from masterplan.core.decision import Decision
from masterplan.core.task import Task
from masterplan.pipe import Pipe
from masterplan.sandbox import Cage


@dataclass(frozen=True)
class Assignment:
    """All that one builder is given: its slice, its files, what it may read, and what failed.

    ``slice_text`` is the written handoff (Markdown). ``writable`` is the allow-list of paths.
    ``current`` holds the texts of those paths as they stand (stubs, files to modify, the previous
    try), ``read`` the only other files shown. ``failure_report`` is the raw output of the failed
    check with the builder's own diff, empty on the first try. ``tree`` is the worktree on disk
    for builders that work in place; the engine reads back only ``writable`` from it. ``cage`` is
    what such a builder runs programs in, with the project's own tools of ``tool_dirs``.
    """

    module: str
    slice_text: str
    writable: tuple[str, ...]
    current: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)
    failure_report: str = ""
    tree: Path | None = None
    try_number: int = 1
    cage: Cage | None = None
    tool_dirs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What a builder hands back: whole files by path (``None`` deletes), never a verdict.

    ``cannot_meet`` is the builder's word that a contract cannot be met; it becomes a change
    request to the planner. ``question`` is what only a person can say: the run waits for the
    answer, which is in the slice of the next try. ``attempts`` are the ledger ids of its calls.
    """

    files: Mapping[str, str | None]
    cannot_meet: str = ""
    attempts: tuple[str, ...] = ()
    question: str = ""


class Builder(Protocol):
    """Turns an assignment into a proposal, with every model call through ``pipe``.

    ``decision`` is the rung the engine chose: pass it to ``pipe.call`` (or ``open``) unchanged.
    """

    name: str

    async def build(
        self, assignment: Assignment, *, task: Task, decision: Decision, pipe: Pipe
    ) -> Proposal:
        """Return the files; raise ProviderError, BudgetError or LedgerError as the pipe does."""
        ...


@runtime_checkable
class Particular(Protocol):
    """A builder that cannot work everywhere: it is asked before anything is spent."""

    def ensure_ready(self, cage: Cage) -> object:
        """Raise InputError or CageError, with what mends it, where it cannot build here."""
        ...
