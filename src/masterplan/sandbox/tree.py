"""The processes beneath this one: which there are, what they use, and how all of them end.

Reads /proc only, in a bare interpreter. Must not know limits or cages.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class TreeUse:
    """What a process tree uses now: processes, private memory and all CPU so far."""

    processes: int
    memory_bytes: int
    cpu_s: float


def descendants(root: int) -> list[int]:
    """List the living processes beneath ``root``, parents first."""
    found: list[int] = []
    queue = [root]
    while queue:
        children = list(_children(queue.pop()))
        found += children
        queue += children
    return found


def measure(root: int) -> TreeUse:
    """Sum up what the processes beneath ``root`` use."""
    processes, memory, ticks = 0, 0, 0
    for pid in descendants(root):
        # A process may end between being listed and being read.
        with contextlib.suppress(OSError, IndexError, ValueError):
            size = _read(f"/proc/{pid}/statm").split()
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if fields[0] == "Z":
                continue
            processes += 1
            memory += (int(size[1]) - int(size[2])) * _PAGE
            ticks += sum(int(field) for field in fields[11:15])
    return TreeUse(processes, memory, ticks / _TICKS)


def count_tasks(uid: int) -> int:
    """Count the threads that run for a user, everywhere on this machine."""
    total = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == uid:
                total += len(os.listdir(f"/proc/{name}/task"))
    return total


def kill_all(root: int, *, patience_s: float = 10) -> bool:
    """Kill everything beneath ``root`` (this process) until nothing is left; tell if so.

    Everything is stopped before it is killed, so that a fork bomb cannot run ahead.
    """
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        reap()
        living = descendants(root)
        if not living:
            return True
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in living:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
        time.sleep(0.002)
    return False


def reap() -> dict[int, int]:
    """Collect every child that has ended: pid → wait status."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = status
    return ended


def _children(pid: int) -> Iterator[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        with contextlib.suppress(OSError):
            yield from map(int, _read(f"/proc/{pid}/task/{thread}/children").split())


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
