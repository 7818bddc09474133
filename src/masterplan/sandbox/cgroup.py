"""A control group for one caged run, where this user may make one: exact memory and task limits.

Version 1 (two trees) and version 2. Without one the supervisor's own watch has to do. Must not
know what runs in it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "masterplan-"


@dataclass(frozen=True)
class Cgroup:
    """The folders of one group: one for version 2, memory and pids for version 1."""

    folders: tuple[Path, ...]

    @staticmethod
    def create(memory_bytes: int, tasks: int) -> Cgroup | None:
        """Make a group with these limits, or return ``None`` where that is not possible."""
        values = {
            "memory.limit_in_bytes": memory_bytes,
            "memory.memsw.limit_in_bytes": memory_bytes,
            "memory.max": memory_bytes,
            "memory.swap.max": 0,
            "pids.max": tasks,
        }
        for parents in _places():
            folders = [parent / f"{_PREFIX}{os.getpid()}" for parent in parents]
            try:
                for folder in folders:
                    _sweep(folder.parent)
                    folder.mkdir()
                if _limit(folders, values):
                    return Cgroup(tuple(folders))
            except OSError:
                pass
            _remove(folders)
        return None

    def join(self) -> None:
        """Move the calling process into the group."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def count_oom_kills(self) -> int:
        """Return how many processes the kernel killed here for want of memory."""
        for folder in self.folders:
            for name in ("memory.oom_control", "memory.events"):
                with contextlib.suppress(OSError):
                    for line in (folder / name).read_text().splitlines():
                        if line.startswith("oom_kill "):
                            return int(line.split()[1])
        return 0

    def remove(self) -> None:
        """Kill what is left in the group and remove it."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    os.kill(int(pid), 9)
        _remove(self.folders)


def _places() -> Iterator[list[Path]]:
    """Yield folders to try as parents: this process's own groups and those above them."""
    own: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            for name in names.split(","):
                own[name] = path.lstrip("/")
    if (_ROOT / "cgroup.controllers").exists():
        place = _ROOT / own.get("", "")
        while place.is_relative_to(_ROOT):
            yield [place]
            place = place.parent
    elif "memory" in own and "pids" in own:
        yield [_ROOT / "memory" / own["memory"], _ROOT / "pids" / own["pids"]]


def _limit(folders: list[Path], values: dict[str, int]) -> bool:
    limited = set()
    for folder in folders:
        for name, value in values.items():
            if (folder / name).exists():
                (folder / name).write_text(str(value))
                limited.add(name.split(".")[0])
    return limited == {"memory", "pids"}


def _sweep(parent: Path) -> None:
    """Remove groups whose supervisor is gone; the kernel refuses if one is still in use."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(_PREFIX)).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _remove(folders: list[Path] | tuple[Path, ...]) -> None:
    for folder in folders:
        for _ in range(100):
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.01)  # the kernel is still taking the last process down
            else:
                break
