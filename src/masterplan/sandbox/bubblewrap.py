"""The first choice of cage: bubblewrap, which gives a command a file system and kernel of its own.

No network, no other processes, no capabilities, an empty environment. Must not know how a run is
supervised, only what is laid out.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from masterplan.sandbox import view
from masterplan.sandbox.cage import MIB, CageJob, CageResult
from masterplan.sandbox.run import Plan, run_plan
from masterplan.sandbox.seccomp import build_filter, machine
from masterplan.sandbox.supervisor import THREADS_PER_PROCESS

UID = 1000
_FILES = {
    "/etc/passwd": f"builder:x:{UID}:{UID}:builder:/tmp/home:/bin/sh\n",
    "/etc/group": f"builder:x:{UID}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
# dash knows the limit on tasks as -p, bash as -u; for user 0 it has no effect and a cgroup has.
_LIMITED = '{{ ulimit -u {0} || ulimit -p {0}; }} 2>/dev/null; exec /bin/sh -c "$0"'


@dataclass(frozen=True)
class BubblewrapCage:
    """Runs commands under ``bwrap``; ``program`` is where it is."""

    program: str
    name: str = field(default="bubblewrap", init=False)

    @staticmethod
    def locate(path: str | None = None) -> BubblewrapCage | None:
        """Return the cage if the program is on ``path`` or ``PATH`` and there is a filter."""
        program = shutil.which("bwrap", path=path)
        return BubblewrapCage(program) if program and machine() else None

    async def run(self, command: str, *, job: CageJob) -> CageResult:
        """Run ``command`` by ``/bin/sh -c`` inside; see ``Cage.run``."""
        return await run_plan(_plan(self.program, command, job), job)


def _plan(program: str, command: str, job: CageJob) -> Plan:
    chip = machine() or "x86_64"
    blobs = {f"file{i}": text.encode() for i, text in enumerate(_FILES.values())}
    words = [
        *(program, "--unshare-all", "--unshare-user"),
        *("--uid", str(UID), "--gid", str(UID), "--hostname", "cage"),
        *("--cap-drop", "ALL", "--clearenv", "--die-with-parent", "--new-session"),
        *("--json-status-fd", "@status", "--seccomp", "@filter"),
        *_system(),
        *_own(job),
        *_folders(job),
    ]
    blobs["filter"] = build_filter(chip, has_namespaces=True)
    for name, value in view.environment(job, "/tmp/home", "/tmp").items():
        words += ["--setenv", name, value]
    words += ["--remount-ro", "/", "--chdir", str(job.workdir), "--"]
    tasks = job.limits.processes * THREADS_PER_PROCESS
    words += ["/bin/sh", "-c", _LIMITED.format(tasks), command]
    limits = {"DATA": job.limits.memory_bytes}
    return Plan("bubblewrap", tuple(words), {}, "/", blobs, limits, overhead=2)


def _system() -> list[str]:
    words: list[str] = []
    for path in view.SYSTEM:
        if Path(path).is_symlink():
            words += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).is_dir():
            words += ["--ro-bind", path, path]
    for path in view.SETTINGS:
        words += ["--ro-bind-try", path, path]
    for i, path in enumerate(_FILES):
        words += ["--ro-bind-data", f"@file{i}", path]
    return words


def _own(job: CageJob) -> list[str]:
    """Lay out what is the cage's own: processes, devices, and memory for passing files."""
    temp = str(min(job.limits.disk_bytes, job.limits.memory_bytes))
    shared = str(max(job.limits.memory_bytes // 4, MIB))
    return [
        # For user 0 the kernel's settings stay writable, capabilities or not.
        *("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"),
        *("--perms", "1777", "--size", shared, "--tmpfs", "/dev/shm"),
        *("--remount-ro", "/dev"),
        *("--perms", "1777", "--size", temp, "--tmpfs", "/tmp", "--dir", "/tmp/home"),
    ]


def _folders(job: CageJob) -> list[str]:
    """Bind the job's folders at their own paths, outer ones first, and cover ``.git``."""
    binds = {path: "--ro-bind" for path in view.readable(job)}
    binds[job.workdir] = "--ro-bind"
    binds |= {path: "--bind" for path in job.writable}
    words: list[str] = []
    for path in sorted(binds, key=lambda path: len(path.parts)):
        words += [binds[path], str(path), str(path)]
    git = job.workdir / ".git"
    if git.is_dir() and not git.is_symlink():
        words += ["--size", "4096", "--tmpfs", str(git), "--remount-ro", str(git)]
    elif git.exists() or git.is_symlink():
        words += ["--ro-bind", "/dev/null", str(git)]
    return words
