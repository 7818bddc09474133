"""The trees of a run as the engine needs them: the base with some files laid over it.

Owns laying out and committing, one git command at a time. Must not know what the files mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from masterplan.workflow.workspace.worktree import RunTree
from masterplan.workflow.workspace.write import read_beneath, write_beneath

Files = Mapping[str, str | None]
"""Whole files by path; ``None`` deletes."""


@dataclass
class Trees:
    """A run's worktrees; safe to share between modules that are built at once."""

    run: RunTree
    base: str
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _texts: dict[str, str | None] = field(default_factory=dict)

    async def lay(self, name: str, files: Files, granted: frozenset[str] = frozenset()) -> Path:
        """Make a fresh checkout of the base with ``files`` over it; the engine's own writing.

        ``granted`` are frozen tests, which may have names that no module may write.
        """
        async with self._lock:
            return await asyncio.to_thread(self._lay, name, files, granted)

    def _lay(self, name: str, files: Files, granted: frozenset[str]) -> Path:
        tree = self.run.module_tree(name, self.base)
        write_beneath(tree, to_bytes(files), frozenset(files), granted=granted)
        return tree

    async def add(self, tree: Path, files: Files, granted: frozenset[str] = frozenset()) -> None:
        """Write more files into a tree that was laid out before."""
        names = frozenset(files)
        await asyncio.to_thread(write_beneath, tree, to_bytes(files), names, granted=granted)

    async def commit(self, tree: Path, paths: Sequence[str], message: str) -> str:
        """Commit ``paths`` of a tree on the base; the same files give the same commit."""
        async with self._lock:
            return await asyncio.to_thread(self.run.commit_files, tree, paths, message)

    async def merge(self, commits: Sequence[str]) -> str:
        """Merge verified commits in the order given; return the integration commit."""
        async with self._lock:
            return await asyncio.to_thread(self.run.merge, commits)

    async def changed_in(self, tree: Path) -> tuple[str, ...]:
        """List what differs from the base in a tree."""
        async with self._lock:
            return await asyncio.to_thread(self.run.changed_in, tree)

    async def base_text(self, path: str) -> str | None:
        """Return a file's text at the base, ``None`` if there is none."""
        if path not in self._texts:
            data = await asyncio.to_thread(self.run.repo.read_at, self.base, path)
            self._texts[path] = None if data is None else data.decode(errors="replace")
        return self._texts[path]

    async def remove(self, *names: str) -> None:
        """Remove worktrees; their commits stay."""
        async with self._lock:
            for name in names:
                await asyncio.to_thread(self.run.remove_tree, name)


def to_bytes(files: Files) -> dict[str, bytes | None]:
    """Return files as they are written; what is no character becomes a question mark."""
    return {
        path: None if text is None else text.encode("utf-8", "replace")
        for path, text in files.items()
    }


def read_text(tree: Path, path: str) -> str | None:
    """Return a file's text beneath a tree, ``None`` if there is none."""
    data = read_beneath(tree, path)
    return None if data is None else data.decode(errors="replace")
