"""Writes and reads files strictly beneath one folder, and only those that are allowed.

Everything is checked before the first byte is written. Must not know git, specs or who proposed
the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from masterplan.core.errors import Problem, WorkspaceError
from masterplan.spec.path import check_path, is_protected
from masterplan.workflow.workspace.beneath import Beneath

__all__ = ["check_path", "is_protected", "read_beneath", "write_beneath"]


def write_beneath(
    root: Path,
    files: Mapping[str, bytes | None],
    allowed: frozenset[str],
    *,
    granted: frozenset[str] = frozenset(),
) -> None:
    """Write ``files`` (path → bytes, ``None`` deletes) beneath ``root``, all checked first.

    Raise WorkspaceError naming every path that is not in ``allowed``, leaves ``root``, passes a
    symlink, is git's or ours, or is protected (see ``is_protected``) and not in ``granted``.
    """
    with Beneath(root) as folder:
        found = [_check(folder, path, allowed, granted) for path in files]
        problems = tuple(problem for problem in [*found, *_check_twins(files)] if problem)
        if problems:
            raise WorkspaceError(
                problems[0].code if len(problems) == 1 else "write.refused",
                problems[0].message
                if len(problems) == 1
                else f"{len(problems)} of the proposed paths are refused",
                where=", ".join(dict.fromkeys(problem.where for problem in problems)),
                mend="write only the files this module owns",
                problems=problems,
            )
        for path, data in files.items():
            try:
                if data is None:
                    folder.remove(path)
                else:
                    folder.write(path, data)
            except OSError as error:
                raise WorkspaceError(
                    "write.failed", f"cannot write {path!r}: {error.strerror}", where=path
                ) from error


def read_beneath(root: Path, path: str) -> bytes | None:
    """Return a file's bytes, ``None`` if there is none; WorkspaceError if it is not beneath."""
    problem = check_path(path)
    if problem is not None:
        raise WorkspaceError(problem.code, problem.message, problem.where, problem.mend)
    try:
        with Beneath(root) as folder:
            found = folder.read(path)
    except OSError as error:
        raise WorkspaceError(
            "read.refused", f"cannot read {path!r}: {error.strerror}", where=path
        ) from error
    return found[0] if found else None


def _check(
    folder: Beneath, path: str, allowed: frozenset[str], granted: frozenset[str]
) -> Problem | None:
    problem = check_path(path)
    if problem is not None:
        return problem
    if path not in allowed:
        return Problem("write.not_owned", f"{path!r} is not a file of this module", path)
    if is_protected(path) and path not in granted:
        return Problem(
            "write.protected", f"{path!r} steers tools and was not granted", path, "grant it"
        )
    try:
        folder.check(path)
    except OSError as error:
        return Problem("write.escapes", f"{path!r} cannot be written: {error.strerror}", path)
    return None


def _check_twins(files: Mapping[str, bytes | None]) -> list[Problem]:
    """Refuse paths that are one file where letter case does not count, or file and folder."""
    problems, seen = [], dict[str, str]()
    written = {path.casefold() for path, data in files.items() if data is not None}
    for path in files:
        twin = seen.setdefault(path.casefold(), path)
        above = path.casefold()
        is_beneath = any(
            (above := above.rpartition("/")[0]) in written for _ in range(path.count("/"))
        )
        if twin != path or is_beneath:
            problems.append(Problem("write.twins", f"{path!r} collides with another path", path))
    return problems
