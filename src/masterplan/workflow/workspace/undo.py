"""The journal of one apply: old and new bytes, kept and synced before the user's files change.

Moving a file to either side is one rename of a file that already lies in the journal, so a full
disk cannot stop the way back. Must not know git or which change is applied.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from masterplan.core.errors import WorkspaceError
from masterplan.workflow.workspace.beneath import Beneath

OnStep = Callable[[str], None]
"""Called before each change of a file and after the last, with what is about to happen."""

_MOVING, _APPLIED = "moving", "applied"


@dataclass(frozen=True)
class Move:
    """One file's two sides: SHA-256 of its bytes (``None``: absent) and its mode."""

    path: str
    old: str | None
    new: str | None
    old_mode: int
    new_mode: int


@dataclass(frozen=True)
class Origin:
    """Which run was applied and when (Unix seconds), for people to tell applies apart."""

    run: str = ""
    at: float = 0.0


UNTOLD = Origin()


@dataclass(frozen=True)
class Journal:
    """One apply's folder under ``.masterplan/undo/``.

    Holds ``old/N`` and ``new/N``, a manifest, and one marker: ``moving`` while files change,
    ``applied`` when all have.
    """

    folder: Path
    serial: int
    moves: tuple[Move, ...]
    origin: Origin = UNTOLD

    @property
    def id(self) -> str:
        """The apply's id."""
        return self.folder.name

    @staticmethod
    def write(
        folder: Path,
        serial: int,
        sides: dict[Move, tuple[bytes | None, bytes | None]],
        origin: Origin,
    ) -> Journal:
        """Write a journal whole and durably, or (OSError) not at all."""
        fresh = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            for name in ("old", "new"):
                (fresh / name).mkdir(parents=True)
            for i, (move, (old, new)) in enumerate(sides.items()):
                _store(fresh / "old" / str(i), old, move.old_mode)
                _store(fresh / "new" / str(i), new, move.new_mode)
            moves = [asdict(move) for move in sides]
            manifest = {"serial": serial, "moves": moves, "origin": asdict(origin)}
            _store(fresh / "manifest.json", json.dumps(manifest).encode(), 0o600)
            _store(fresh / _MOVING, b"", 0o600)
            for name in ("old", "new", "."):
                sync(fresh / name)
            fresh.rename(folder)
            sync(folder.parent)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        return Journal(folder, serial, tuple(sides), origin)

    @staticmethod
    def read(folder: Path) -> Journal:
        """Read a journal back; WorkspaceError if it is damaged."""
        try:
            data = json.loads((folder / "manifest.json").read_bytes())
            moves = tuple(Move(**move) for move in data["moves"])
            return Journal(folder, int(data["serial"]), moves, Origin(**data.get("origin", {})))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(
                "undo.damaged", f"this undo journal cannot be read: {error}", str(folder)
            ) from error

    @property
    def is_moving(self) -> bool:
        """Tell whether an apply or undo began and did not end."""
        return (self.folder / _MOVING).exists()

    def mark(self, *, is_moving: bool) -> None:
        """Set the marker durably."""
        here, there = (_APPLIED, _MOVING) if is_moving else (_MOVING, _APPLIED)
        (self.folder / here).replace(self.folder / there)
        sync(self.folder)

    def remove(self) -> None:
        """Remove the journal; from here on the apply never happened."""
        gone = self.folder.with_name(f"{self.id}.gone")
        self.folder.rename(gone)
        sync(self.folder.parent)
        shutil.rmtree(gone, ignore_errors=True)

    def advance(self, root: Path, on_step: OnStep) -> None:
        """Bring all files to their new side; WorkspaceError if one is not on its old side."""
        self._go(root, "new", on_step)

    def go_back(self, root: Path, on_step: OnStep) -> tuple[str, ...]:
        """Bring all files to their old side; return those that were edited and so left alone."""
        return self._go(root, "old", on_step, is_lenient=True)

    def _go(
        self, root: Path, side: str, on_step: OnStep, *, is_lenient: bool = False
    ) -> tuple[str, ...]:
        edited: list[str] = []
        folders = set[Path]()
        with Beneath(root) as beneath:
            for i, move in enumerate(self.moves):
                here, there = (move.old, move.new) if side == "new" else (move.new, move.old)
                found = hash_of(beneath, move.path)
                if found == there:
                    continue
                if found != here:
                    edited.append(move.path)
                    if is_lenient:
                        continue
                    raise WorkspaceError(
                        "apply.edited", f"{move.path!r} was changed meanwhile", move.path
                    )
                on_step(move.path)
                if there is None:
                    beneath.remove(move.path)
                else:
                    beneath.adopt(self.folder / side / str(i), move.path, is_new=here is None)
                folders.add((root / move.path).parent)
        on_step("")
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):
                sync(folder)
        return tuple(edited)


def hash_of(beneath: Beneath, path: str) -> str | None:
    """Return the SHA-256 of a file, ``None`` if it is absent; OSError if it is no plain file."""
    found = beneath.read(path)
    return digest(found[0]) if found else None


def digest(data: bytes | None) -> str | None:
    """Return the SHA-256 of some bytes, ``None`` for none."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def sync(path: Path) -> None:
    """Make a folder's entries durable."""
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def locked(folder: Path, *, is_needed: bool = True) -> Iterator[bool]:
    """Hold the one lock under which files of the user's are changed; tell whether it is held.

    Where another holds it, raise WorkspaceError, or just say so if it is not needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not is_needed:
                yield False
                return
            raise WorkspaceError(
                "apply.busy", "another apply or undo is at work here", str(folder), "wait for it"
            ) from None
        yield True


def _store(path: Path, data: bytes | None, mode: int) -> None:
    if data is None:
        return
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
