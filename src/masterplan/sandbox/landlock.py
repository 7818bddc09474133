"""The second choice of cage: Landlock and a system-call filter, where namespaces are not allowed.

Files outside the job cannot be opened, no socket can be made, no other process signalled; only
names and sizes of files can still be seen, and ``/tmp`` is not there. Must not know how a run is
supervised.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from masterplan.sandbox import restrict, tree, view
from masterplan.sandbox.cage import CageJob, CageResult
from masterplan.sandbox.run import Plan, run_plan
from masterplan.sandbox.seccomp import build_filter, machine
from masterplan.sandbox.supervisor import THREADS_PER_PROCESS, Fence


@dataclass(frozen=True)
class LandlockCage:
    """Runs commands that have locked themselves in."""

    name: str = field(default="landlock", init=False)

    @staticmethod
    def locate() -> LandlockCage | None:
        """Return the cage if this kernel's Landlock and filter are complete enough."""
        has_lock = restrict.landlock_abi() >= restrict.LANDLOCK_ABI
        return LandlockCage() if has_lock and machine() else None

    async def run(self, command: str, *, job: CageJob) -> CageResult:
        """Run ``command`` by ``/bin/sh -c`` inside; see ``Cage.run``."""
        fence = Fence(
            readable=[
                *view.SYSTEM,
                *view.SETTINGS,
                *map(str, view.readable(job)),
                str(job.workdir),
            ],
            writable=["@temp", *map(str, job.writable)],
            devices=list(view.DEVICES),
        )
        plan = Plan(
            self.name,
            ("/bin/sh", "-c", command),
            view.environment(job, "@temp", "@temp"),
            str(job.workdir),
            rlimits={"DATA": job.limits.memory_bytes, "NPROC": task_limit(job)},
            fence=fence,
            filter=build_filter(machine() or "x86_64", has_namespaces=False),
        )
        with kept_git(job.workdir):
            return await run_plan(plan, job)


def task_limit(job: CageJob) -> int:
    """Return how many tasks this user may have: those there are, and the job's own."""
    return tree.count_tasks(os.getuid()) + job.limits.processes * THREADS_PER_PROCESS


@contextmanager
def kept_git(workdir: Path) -> Iterator[None]:
    """Put a worktree's ``.git`` file back as it was: without mounts it cannot be covered."""
    git = workdir / ".git"
    before = git.read_bytes() if git.is_file() and not git.is_symlink() else None
    try:
        yield
    finally:
        if before is not None and (git.is_symlink() or not git.is_file()):
            git.rename(workdir / ".git.moved-away")
        if before is not None and (not git.exists() or git.read_bytes() != before):
            git.write_bytes(before)
