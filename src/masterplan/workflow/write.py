"""Writes and reads files strictly beneath one folder, whatever their names or symlinks say.

The kernel resolves every path (openat2), not a check on its text; text checks only come first for
a clear message. Must not know git, specs or who proposed the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


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
    raise NotImplementedError


def read_beneath(root: Path, path: str) -> bytes | None:
    """Return a file's bytes, ``None`` if there is none; WorkspaceError if it is not beneath."""
    raise NotImplementedError


def is_protected(path: str) -> bool:
    """Tell whether a path steers tools (CI, hooks, lock files, conftest.py …) and needs a grant."""
    raise NotImplementedError
