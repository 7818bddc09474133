"""Who may still settle an attempt or drive a run: one process, named so that it cannot be mixed up.

Owns the text ``host/space/pid/start`` and the question whether that process still is. ``space`` is
the boot and the process namespace: in another one a pid says nothing. Must not know the books.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


def this_owner() -> str:
    """Return the name of this process."""
    pid = os.getpid()
    return f"{_host()}/{_space()}/{pid}/{_start_of(pid) or 'unknown'}"


def is_gone(owner: str) -> bool:
    """Tell whether that process surely is no more; never true for another host's process."""
    host, space, pid, start = _parts(owner)
    if host != _host():
        return False
    if space.split("-")[0] != _space().split("-")[0]:
        return True  # the machine was started anew since
    return space == _space() and not _is_running(pid, start)


def is_here(owner: str) -> bool:
    """Tell whether that process surely runs on this host now."""
    host, space, pid, start = _parts(owner)
    return host == _host() and space == _space() and _is_running(pid, start)


def _parts(owner: str) -> tuple[str, str, int, str]:
    host, space, pid, start = [*owner.split("/"), "", "", ""][:4]
    return host, space, int(pid) if pid.isdecimal() else -1, start


def _is_running(pid: int, start: str) -> bool:
    if pid <= 0:
        return False
    if Path("/proc/self/stat").exists():
        return _start_of(pid) == start
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_of(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks; ``None`` if it is no more, or dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    after_name = stat.rpartition(")")[2].split()  # the name may hold spaces and brackets
    return None if after_name[0] in "ZX" else after_name[19]


@cache
def _host() -> str:
    return socket.gethostname().replace("/", "_") or "localhost"


@cache
def _space() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "unknown-unknown"
