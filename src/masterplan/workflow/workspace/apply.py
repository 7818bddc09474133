"""Brings a verified run onto the user's files, all or nothing, and takes it back again.

Old bytes are kept and synced before the first file changes, so that a kill at any moment is
rolled back by the next command. Must not commit, nor touch index, stash or refs.
"""

from __future__ import annotations

import errno
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from masterplan.core.errors import Problem, WorkspaceError
from masterplan.spec.path import check_path
from masterplan.workflow.workspace.beneath import Beneath
from masterplan.workflow.workspace.git import Change
from masterplan.workflow.workspace.repo import PRIVATE, make_private_folder
from masterplan.workflow.workspace.undo import (
    UNTOLD,
    Journal,
    Move,
    OnStep,
    Origin,
    digest,
    locked,
)
from masterplan.workflow.workspace.worktree import Repo

_PLAIN = (0o100644, 0o100755, 0)
_ID = re.compile(r"[0-9a-f]{12}(-\d+)?")


@dataclass(frozen=True)
class Applied:
    """What an apply or undo changed: the apply's id, the paths, and which run's it was when."""

    id: str
    written: tuple[str, ...]
    deleted: tuple[str, ...]
    origin: Origin = UNTOLD


@dataclass(frozen=True)
class Recovered:
    """An interrupted apply or undo that was rolled back to how it was before the apply.

    ``kept`` are files that the user edited in between; they were left alone.
    """

    id: str
    kept: tuple[str, ...]


def apply(
    repo: Repo,
    run_commit: str,
    base: str,
    *,
    origin: Origin = UNTOLD,
    on_step: OnStep = lambda _: None,
) -> Applied:
    """Bring the change from ``base`` to ``run_commit`` onto the user's files, all or nothing.

    Raise WorkspaceError, with nothing changed, where a file it touches is not as it was at base.
    """
    recover(repo)
    with locked(_folder(repo)):
        sides = _sides(repo, repo.private.changes(base, run_commit))
        journals = _journals(repo)
        if not sides:
            return Applied("", (), ())
        serial = journals[-1].serial + 1 if journals else 1
        name, taken = run_commit[:12], {journal.id for journal in journals}
        name = next(n for n in (name, *(f"{name}-{i}" for i in range(2, 10**6))) if n not in taken)
        try:
            journal = Journal.write(_folder(repo) / name, serial, sides, origin)
        except OSError as error:
            raise _failed(error) from error
        try:
            journal.advance(repo.root, on_step)
            journal.mark(is_moving=False)
        except BaseException as error:
            journal.go_back(repo.root, lambda _: None)
            journal.remove()
            if isinstance(error, OSError):
                raise _failed(error) from error
            raise
        return _applied(journal, to_old=False)


def undo(repo: Repo, apply_id: str, *, on_step: OnStep = lambda _: None) -> Applied:
    """Put back what an apply changed; WorkspaceError if one of the files was edited since."""
    recover(repo)
    with locked(_folder(repo)):
        journal = next((j for j in _journals(repo) if j.id == apply_id), None)
        if journal is None:
            raise WorkspaceError(
                "undo.unknown",
                f"there is no apply {apply_id!r} to undo",
                mend="masterplan undo --list",
            )
        with Beneath(repo.root) as beneath:
            found = [(move, _content(beneath, move.path)) for move in journal.moves]
        _refuse(
            "undo.edited",
            "some files were changed after the apply",
            [
                Problem("undo.edited", f"{move.path!r} was changed since", move.path)
                for move, (data, problem) in found
                if problem or digest(data) not in (move.old, move.new)
            ],
            "keep your changes elsewhere first, or undo a later apply before this one",
        )
        journal.mark(is_moving=True)
        try:
            journal.go_back(repo.root, on_step)
        except OSError as error:
            raise _failed(error) from error
        journal.remove()
        return _applied(journal, to_old=True)


def recover(repo: Repo) -> tuple[Recovered, ...]:
    """Roll back whatever a killed apply or undo left; call it before any command."""
    folder = _folder(repo)
    if not folder.is_dir():
        return ()
    with locked(folder, is_needed=False) as is_mine:
        if not is_mine:
            return ()  # an apply is at work this moment; there is nothing to recover
        for rest in folder.iterdir():
            if rest.suffix in (".new", ".gone"):
                shutil.rmtree(rest, ignore_errors=True)
        recovered = []
        for journal in reversed(_journals(repo)):
            if journal.is_moving:
                kept = journal.go_back(repo.root, lambda _: None)
                journal.remove()
                recovered.append(Recovered(journal.id, kept))
        return tuple(recovered)


def list_applied(repo: Repo) -> tuple[Applied, ...]:
    """List what was applied and can be undone, oldest first."""
    return tuple(_applied(journal, to_old=False) for journal in _journals(repo))


def _sides(
    repo: Repo, changes: tuple[Change, ...]
) -> dict[Move, tuple[bytes | None, bytes | None]]:
    """Gather both sides of every file to change; refuse if one is not as it was at base."""
    plain = [c for c in changes if c.old_mode in _PLAIN and c.new_mode in _PLAIN]
    blobs = repo.private.blobs(i for c in plain for i in (c.old_id, c.new_id) if i)
    sides: dict[Move, tuple[bytes | None, bytes | None]] = {}
    problems: list[Problem] = []
    with Beneath(repo.root) as beneath:
        for change in changes:
            problem = _check(beneath, change)
            if problem is not None:
                problems.append(problem)
                continue
            old, new = (blobs[i] if i else None for i in (change.old_id, change.new_id))
            found = beneath.read(change.path)
            now, mode = found if found else (None, 0o644)
            if now == new:
                continue
            if now != old:
                problems.append(
                    Problem(
                        "apply.differs",
                        f"{change.path!r} is not as it was when the run began",
                        change.path,
                        "commit or move your change away, or build again from here",
                    )
                )
                continue
            executable = change.new_mode & 0o111
            new_mode = mode | executable if executable else mode & ~0o111
            sides[Move(change.path, digest(old), digest(new), mode, new_mode)] = (old, new)
    _refuse("apply.differs", "your files differ where the run changes them", problems)
    return sides


def _check(beneath: Beneath, change: Change) -> Problem | None:
    problem = check_path(change.path)
    if problem is not None:
        return problem
    if change.old_mode not in _PLAIN or change.new_mode not in _PLAIN:
        what = "a symlink" if stat.S_IFLNK in (change.old_mode, change.new_mode) else "a submodule"
        return Problem("apply.kind", f"{change.path!r} is {what}", change.path)
    try:
        beneath.check(change.path)
        beneath.read(change.path)
    except OSError as error:
        where = change.path
        return Problem("apply.escapes", f"{where!r} cannot be written: {error.strerror}", where)
    return None


def _content(beneath: Beneath, path: str) -> tuple[bytes | None, bool]:
    """Return a file's bytes, and whether something other than a file is there."""
    try:
        found = beneath.read(path)
    except OSError:
        return None, True
    return (found[0] if found else None), False


def _refuse(code: str, message: str, problems: list[Problem], mend: str = "") -> None:
    if problems:
        where = ", ".join(problem.where for problem in problems)
        raise WorkspaceError(code, message, where, mend or problems[0].mend, tuple(problems))


def _journals(repo: Repo) -> list[Journal]:
    folder = _folder(repo)
    found = [
        Journal.read(path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if _ID.fullmatch(path.name)
    ]
    return sorted(found, key=lambda journal: journal.serial)


def _folder(repo: Repo) -> Path:
    return make_private_folder(repo.root) / "undo"


def _applied(journal: Journal, *, to_old: bool) -> Applied:
    sides = [(move.path, move.old if to_old else move.new) for move in journal.moves]
    return Applied(
        journal.id,
        tuple(path for path, side in sides if side is not None),
        tuple(path for path, side in sides if side is None),
        journal.origin,
    )


def _failed(error: OSError) -> WorkspaceError:
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return WorkspaceError(
        "apply.disk_full" if is_full else "apply.failed",
        f"nothing was applied: {error.strerror}",
        where=str(error.filename or PRIVATE),
        mend="make room on the disk and try again" if is_full else "",
    )
