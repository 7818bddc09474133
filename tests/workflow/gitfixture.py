"""A small repository of a user's, and a look at every byte of it that is theirs."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHO = (
    "-c",
    "user.name=A User",
    "-c",
    "user.email=user@example.org",
    "-c",
    "init.defaultBranch=main",
)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Give a folder in memory where there is one: hundreds of syncs to a disk take their time."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def git(folder: Path, *words: str) -> str:
    """Run git as the user does and return what it prints."""
    done = subprocess.run(
        ["git", *WHO, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def make_repository(root: Path) -> Path:
    """Make a repository with three files and one commit."""
    (root / "dir").mkdir(parents=True)
    for name, text in {"a.txt": "one\n", "other.txt": "other\n", "dir/b.txt": "b\n"}.items():
        (root / name).write_text(text)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and bytes of every file of the user's, git's own included."""
    found = {}
    for folder, folders, names in os.walk(root):
        if Path(folder) == root and ".masterplan" in folders:
            folders.remove(".masterplan")
        for name in names:
            path = Path(folder, name)
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(root))] = (path.lstat().st_mode, data)
    return found
