"""Runs the git command so that nothing of a repository's own is executed.

No hooks, no file system monitor, no filters of the repository's configuration, no prompts. Must
not know runs, modules or what a commit means.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from masterplan.core.errors import WorkspaceError

_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false", "-c", "gc.auto=0"),
    *("-c", "submodule.recurse=false", "-c", "protocol.allow=never"),
)
_FILTER_KEYS = ("clean=", "smudge=", "process=", "required=false")


class GitError(WorkspaceError):
    """A git command failed; ``message`` is what it said."""


@dataclass(frozen=True)
class Change:
    """One path that differs between two trees; a mode of 0 and an empty id mean it is absent."""

    path: str
    old_mode: int
    new_mode: int
    old_id: str
    new_id: str


@dataclass(frozen=True)
class Git:
    """Git with fixed leading arguments. ``is_private`` shuts out the user's own settings too."""

    arguments: tuple[str, ...]
    is_private: bool

    def run(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Return what a git command prints; GitError if it fails."""
        command = ("git", *_SAFE, *self.arguments, *words)
        try:
            done = subprocess.run(
                command,
                input=stdin,
                capture_output=True,
                env={**self._environment(), **(env or {})},
                check=False,
            )
        except FileNotFoundError:
            raise WorkspaceError(
                "workspace.no_git_program", "git is not installed", mend="install git"
            ) from None
        if done.returncode != 0:
            raise GitError("workspace.git", done.stderr.decode(errors="replace").strip())
        return done.stdout

    def line(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Return the one line a git command prints."""
        return self.run(*words, stdin=stdin, env=env).decode(errors="surrogateescape").rstrip("\n")

    def changes(self, old: str, new: str) -> tuple[Change, ...]:
        """List what differs between two commits or trees, by path."""
        words = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev")
        fields = self.run(*words, old, new, "--").decode(errors="surrogateescape").split("\0")
        return tuple(
            _change(described, path)
            for described, path in zip(fields[0::2], fields[1::2], strict=False)
        )

    def blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of blobs by id."""
        wanted = list(dict.fromkeys(ids))
        output = self.run("cat-file", "--batch", stdin="".join(f"{i}\n" for i in wanted).encode())
        found, at = dict[str, bytes](), 0
        for blob in wanted:
            end = output.index(b"\n", at)
            header = output[at:end].split()
            if len(header) != 3:
                raise GitError("workspace.git", f"object {blob} is missing")
            size = int(header[2])
            found[blob] = output[end + 1 : end + 1 + size]
            at = end + 2 + size
        return found

    def with_filters_off(self) -> Git:
        """Return this git with the filters of the repository's own configuration disarmed."""
        words = ("config", "--show-scope", "--name-only", "-z", "--get-regexp", r"^filter\.")
        try:
            fields = self.run(*words).decode(errors="surrogateescape").split("\0")
        except GitError:  # there is none
            return self
        names = {
            key.removeprefix("filter.").rpartition(".")[0]
            for scope, key in zip(fields[0::2], fields[1::2], strict=False)
            if scope in ("local", "worktree")
        }
        off = [
            word
            for name in sorted(names)
            for key in _FILTER_KEYS
            for word in ("-c", f"filter.{name}.{key}")
        ]
        return Git((*off, *self.arguments), self.is_private)

    def _environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env |= {
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "LC_ALL": "C",
        }
        if self.is_private:
            env |= {
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_ATTR_NOSYSTEM": "1",
                "XDG_CONFIG_HOME": "/nonexistent",
                "HOME": "/nonexistent",
            }
        return env


def at(folder: Path) -> Git:
    """Return git for the user's repository around ``folder``, to be read only."""
    return Git(("-C", str(folder)), is_private=False)


def _change(described: str, path: str) -> Change:
    old_mode, new_mode, old_id, new_id, _ = described.removeprefix(":").split(" ")
    old, new = int(old_mode, 8), int(new_mode, 8)
    return Change(path, old, new, old_id if old else "", new_id if new else "")
