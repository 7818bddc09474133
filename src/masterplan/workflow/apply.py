"""Brings a verified run onto the user's files, all or nothing, and takes it back again.

Old bytes are kept and synced before the first file changes, so that a kill at any moment is
completed or rolled back by the next command. Must not commit, nor touch index, stash or refs.
"""

from __future__ import annotations

from dataclasses import dataclass

from masterplan.workflow.worktree import Repo


@dataclass(frozen=True)
class Applied:
    """What an apply changed: its id (for ``undo``) and the paths written and deleted."""

    id: str
    written: tuple[str, ...]
    deleted: tuple[str, ...]


@dataclass(frozen=True)
class Recovered:
    """An interrupted apply or undo that was brought to an end, and which end."""

    id: str
    end: str


def apply(repo: Repo, run_commit: str, base: str) -> Applied:
    """Bring the change from ``base`` to ``run_commit`` onto the user's files, all or nothing.

    Raise WorkspaceError, with nothing changed, where a file it touches is not as it was at base.
    """
    raise NotImplementedError


def undo(repo: Repo, apply_id: str) -> Applied:
    """Put back what an apply changed; WorkspaceError if one of the files was edited since."""
    raise NotImplementedError


def recover(repo: Repo) -> tuple[Recovered, ...]:
    """Complete or roll back whatever a killed apply or undo left; call it before any command."""
    raise NotImplementedError
