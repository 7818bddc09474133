"""No cage: what the user explicitly asks for by ``--no-sandbox``, and never a fallback.

Still an empty environment, bounded time, memory, processes and output, and a tree that is killed
whole. Must not pretend: its name is ``"none"`` and goes into the report.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from masterplan.sandbox import view
from masterplan.sandbox.cage import CageJob, CageResult
from masterplan.sandbox.landlock import kept_git, task_limit
from masterplan.sandbox.run import Plan, run_plan


@dataclass(frozen=True)
class UncagedCage:
    """Runs commands with the user's own rights: it can read and change all that the user can."""

    name: str = field(default="none", init=False)

    async def run(self, command: str, *, job: CageJob) -> CageResult:
        """Run ``command`` by ``/bin/sh -c`` with bounds but no fence; see ``Cage.run``."""
        plan = Plan(
            self.name,
            ("/bin/sh", "-c", command),
            view.environment(job, "@temp", "@temp"),
            str(job.workdir),
            rlimits={"DATA": job.limits.memory_bytes, "NPROC": task_limit(job)},
        )
        with kept_git(job.workdir):
            return await run_plan(plan, job)
