"""Writing sub-agent files: what is ours and unchanged is renewed, what a person touched stays.

Owns the mark with the digest of what was written, and that nothing is written outside the folder
it is for. Must not know any agent's format but how it writes a comment.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from masterplan.core.errors import WorkspaceError

State = Literal["current", "absent", "outdated", "edited", "foreign"]
"""``edited`` was ours and a person changed it; ``foreign`` was never ours. Both are left alone."""

DUE: frozenset[State] = frozenset({"absent", "outdated"})
_MARK = re.compile(r"^# masterplan agents sync, sha256 ([0-9a-f]{64})\b.*\n", re.MULTILINE)
_TAIL = "; change anything and it is left alone"
_HEAD_LINE = "---\n"


@dataclass(frozen=True)
class Synced:
    """One file: where it is, and how it stood before."""

    path: Path
    state: State


def marked(text: str) -> str:
    """Return a text with our mark: in a Markdown head its first line, else the file's."""
    line = f"# masterplan agents sync, sha256 {_digest(text)}{_TAIL}\n"
    if text.startswith(_HEAD_LINE):
        return _HEAD_LINE + line + text[len(_HEAD_LINE) :]
    return line + text


def state_of(found: str | None, wanted: str) -> State:
    """Return how a file stands that should be ``wanted`` (unmarked)."""
    if found is None:
        return "absent"
    mark = _MARK.search(found)
    if mark is None:
        return "foreign"
    body = found[: mark.start()] + found[mark.end() :]
    if _digest(body) != mark[1]:
        return "edited"
    return "current" if body == wanted else "outdated"


def inspect(root: Path, files: Mapping[str, str]) -> list[Synced]:
    """Return how each file under ``root`` stands; reads only."""
    return [Synced(root / name, state_of(_read(root, name), text)) for name, text in files.items()]


def write(root: Path, files: Mapping[str, str]) -> list[Synced]:
    """Write what is absent or outdated and return how each file stood before."""
    before = inspect(root, files)
    for synced, (name, text) in zip(before, files.items(), strict=True):
        if synced.state in DUE:
            _replace(_inside(root, name), marked(text))
    return before


def is_drifted(synced: Iterable[Synced]) -> bool:
    """Tell whether a sync would write anything."""
    return any(one.state in DUE for one in synced)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(root: Path, name: str) -> str | None:
    path = _inside(root, name)
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from None


def _inside(root: Path, name: str) -> Path:
    """Return the path of a file; a link out of ``root`` would write where nobody looks."""
    path = root / name
    real = path.parent.resolve()
    if path.is_symlink() or not real.is_relative_to(root.resolve()):
        raise _refusal(path, "is a link, or lies behind one")
    return path


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=".masterplan-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(half).chmod(0o644)
            Path(half).replace(path)
        finally:
            Path(half).unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(path, f"cannot be written: {error.strerror}") from None


def _refusal(path: Path, what: str) -> WorkspaceError:
    return WorkspaceError("agents.file", what, str(path), "mend it, or move it away")
