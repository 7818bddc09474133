"""Our own small files: read as text or JSON, and written whole, durably, or not at all.

Owns the words for a file that cannot be read or written. Must not know what is in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from masterplan.core.errors import InputError, WorkspaceError

MAX_FILE_BYTES = 64_000_000


def shown_path(path: Path) -> str:
    """Return a path as short as it is from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read_text(path: Path) -> str:
    """Return the text of a spec's file; InputError where it is none."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(
                "spec.too_large",
                f"the spec has over {MAX_FILE_BYTES // 1_000_000} MB",
                shown_path(path),
                "check that this is the spec's file; if it is, split it into several specs",
            )
        return path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            "spec.unreadable",
            f"the spec cannot be read: {reason}",
            shown_path(path),
            "check the path and the right to read it",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "spec.not_text", f"byte {error.start} is not UTF-8", shown_path(path), "save as UTF-8"
        ) from error


def load_json(path: Path) -> dict[str, object]:
    """Return a JSON object of our own; what is not there or damaged is empty."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def dump_json(value: Mapping[str, object]) -> str:
    """Return an object as JSON for a file."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Put a file in its place in one step, durably."""

    def put() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            with open(fresh, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)

    guarded(path, put)


def guarded(path: Path, act: Callable[[], object]) -> None:
    """Do something to a file; WorkspaceError where the disk refuses."""
    try:
        act()
    except OSError as error:
        raise WorkspaceError(
            "store.not_written",
            f"it cannot be written: {error.strerror or error}",
            shown_path(path),
            "make room or give the right to write there, then try again",
        ) from error
