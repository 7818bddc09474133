"""The user's repository, read only, and the private one in which a run builds.

Everything a run commits goes to a repository of its own under ``.masterplan/``, which borrows
the user's objects: the user's refs, index, stash, config and hooks are never written or run.
Must not know specs, models or how files are proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repo:
    """A folder to work on: ``root`` is its top; ``git_dir`` is the private repository's place.

    ``base_commit`` is what the user has checked out, or an empty commit where there is no git.
    """

    root: Path
    git_dir: Path
    base_commit: str
    has_git: bool

    @staticmethod
    def open(path: Path) -> Repo:
        """Open the git repository that holds ``path``; WorkspaceError if it cannot be used."""
        raise NotImplementedError

    @staticmethod
    def create_for_run(path: Path) -> Repo:
        """Open a folder without git (created if missing): its base is empty, apply adds files."""
        raise NotImplementedError

    def is_dirty(self) -> bool:
        """Tell whether the user has uncommitted work, ``.masterplan`` and the policy aside."""
        raise NotImplementedError

    def paths_at(self, commit: str) -> tuple[str, ...]:
        """List the files of a commit, sorted; submodules are left out."""
        raise NotImplementedError

    def read_at(self, commit: str, path: str) -> bytes | None:
        """Return a file's bytes at a commit, ``None`` if it is not there."""
        raise NotImplementedError


@dataclass(frozen=True)
class RunTree:
    """One run's worktrees and integration branch, under ``.masterplan/runs/<run_id>/``."""

    repo: Repo
    run_id: str
    base: str
    when: int

    @staticmethod
    def create(repo: Repo, run_id: str, base: str, when: int = 0) -> RunTree:
        """Create or reopen a run's place. ``when`` (Unix seconds) dates all its commits."""
        raise NotImplementedError

    @property
    def head(self) -> str:
        """The run's integration commit: the base and every module merged so far."""
        raise NotImplementedError

    def module_tree(self, module_id: str, base_commit: str) -> Path:
        """Make a fresh worktree for a module, replacing an older one of the same module."""
        raise NotImplementedError

    def commit_files(self, tree: Path, paths: Sequence[str], message: str) -> str:
        """Commit exactly ``paths`` as they stand in ``tree`` on top of its base; same in, same id."""
        raise NotImplementedError

    def merge(self, commits: Sequence[str]) -> str:
        """Bring verified module commits onto the integration branch; WorkspaceError on overlap."""
        raise NotImplementedError

    def remove_tree(self, module_id: str) -> None:
        """Remove a module's worktree; its commits stay."""
        raise NotImplementedError

    def close(self) -> None:
        """Remove all worktrees of the run; its commits and its branch stay."""
        raise NotImplementedError
