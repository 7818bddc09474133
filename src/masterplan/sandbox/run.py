"""Runs one job under a supervisor: hands over the orders, keeps the output within its cap.

The one place where a cage's description becomes a running process. Must not know which cage.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from masterplan.core.errors import CageError
from masterplan.sandbox.cage import CageJob, CageOutcome, CageResult, Limits
from masterplan.sandbox.neutralise import neutralise
from masterplan.sandbox.seccomp import machine
from masterplan.sandbox.supervisor import Bounds, Fence, Orders, Report

FLOOD_FACTOR = 50
"""Output is read on and dropped beyond its cap; a command that prints this many caps is ended."""

_SIGXCPU_EXITS = (-24, 128 + 24)
# The package's own __init__ is passed by: the supervisor starts in milliseconds, on stdlib alone.
_START = """
import sys, types
for name, folder in (("masterplan", sys.argv[1]), ("masterplan.sandbox", sys.argv[1] + "/sandbox"),
                     ("masterplan.core", sys.argv[1] + "/core")):
    module = types.ModuleType(name)
    module.__path__ = [folder]
    sys.modules[name] = module
from masterplan.sandbox.supervisor import main
main(*map(int, sys.argv[2:5]))
"""


@dataclass(frozen=True)
class Plan:
    """One job as a cage lays it out: the whole command line, environment and fences.

    ``rlimits`` are added to those every job gets; ``overhead`` is how many processes are the
    cage's own.
    """

    cage: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    rlimits: Mapping[str, int] = field(default_factory=dict)
    fence: Fence | None = None
    filter: bytes = b""
    overhead: int = 0


async def run_plan(plan: Plan, job: CageJob) -> CageResult:
    """Run a job as planned; CageError if the cage could not be built around it."""
    orders = json.dumps(_orders(plan, job)).encode()
    orders_fd, stop_read, stop_write, report_read, report_write = _pipes(orders)
    limits, output = job.limits, _Output(job.limits.output_bytes)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-c", _START, str(Path(__file__).parents[1])),
            *(str(orders_fd), str(stop_read), str(report_write)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={},
            cwd="/",
            pass_fds=(orders_fd, stop_read, report_write),
            start_new_session=True,
        )
        for number in (orders_fd, stop_read, report_write):
            os.close(number)
        orders_fd = stop_read = report_write = -1
        try:
            is_flooded = await _read_output(process, output, limits)
        finally:
            os.close(stop_write)
            stop_write = -1
            await _wait_gone(process)
        report = _read_report(report_read)
    finally:
        for number in (orders_fd, stop_read, stop_write, report_read, report_write):
            if number >= 0:
                os.close(number)
    return _result(plan, report, output, "output_limit" if is_flooded else "")


class _Output:
    """The first and the last half of what was printed."""

    def __init__(self, cap: int) -> None:
        self.half = max(cap // 2, 1)
        self.head, self.tail = bytearray(), bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self.half - len(self.head)
        self.head += data[:room]
        self.tail += data[room:] if room > 0 else data
        del self.tail[: -self.half]

    @property
    def dropped_bytes(self) -> int:
        return self.total - len(self.head) - len(self.tail)

    def text(self) -> str:
        if not self.dropped_bytes:
            return neutralise((self.head + self.tail).decode(errors="replace"))
        gap = f"\n[… {self.dropped_bytes} bytes left out …]\n"
        head, tail = (half.decode(errors="replace") for half in (self.head, self.tail))
        return neutralise(head) + gap + neutralise(tail)


async def _read_output(
    process: asyncio.subprocess.Process, output: _Output, limits: Limits
) -> bool:
    """Read until the command has ended; tell whether it printed beyond all measure."""
    assert process.stdout is not None
    while data := await process.stdout.read(65_536):
        output.add(data)
        if output.total > FLOOD_FACTOR * limits.output_bytes:
            return True
    await process.wait()
    return False


async def _wait_gone(process: asyncio.subprocess.Process) -> None:
    """Wait, whatever happens, until the supervisor has taken the tree down and left.

    A second cancellation (Ctrl-C twice) must not leave before the tree is gone.
    """
    drained = asyncio.ensure_future(_drain(process))
    cancelled: asyncio.CancelledError | None = None
    while not drained.done():
        try:
            await asyncio.shield(drained)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(15):
            while await process.stdout.read(1 << 20):
                pass
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _orders(plan: Plan, job: CageJob) -> Orders:
    limits = job.limits
    rlimits = {
        "CORE": 0,
        "FSIZE": limits.file_bytes,
        "NOFILE": limits.open_files,
        "CPU": limits.cpu_s,
        **plan.rlimits,
    }
    bounds = Bounds(
        wall_s=limits.wall_s,
        cpu_s=limits.cpu_s,
        memory_bytes=limits.memory_bytes,
        disk_bytes=limits.disk_bytes,
        processes=limits.processes + plan.overhead,
        rlimits=rlimits,
    )
    return Orders(
        argv=list(plan.argv),
        env=dict(plan.env),
        cwd=plan.cwd,
        blobs={name: base64.b64encode(data).decode() for name, data in plan.blobs.items()},
        bounds=bounds,
        growing=[str(path) for path in job.writable],
        fence=plan.fence,
        filter=base64.b64encode(plan.filter).decode(),
        machine=machine() or "",
    )


def _pipes(orders: bytes) -> tuple[int, int, int, int, int]:
    orders_fd = os.memfd_create("orders")
    os.write(orders_fd, orders)
    os.lseek(orders_fd, 0, os.SEEK_SET)
    return orders_fd, *os.pipe(), *os.pipe()


def _read_report(number: int) -> Report | None:
    text = os.read(number, 100_000)
    return cast("Report", json.loads(text)) if text else None


def _result(plan: Plan, report: Report | None, output: _Output, verdict: str) -> CageResult:
    if report is None or not report["is_started"]:
        reason = (report["error"] if report else "") or output.text().strip()[-500:]
        raise CageError(
            "cage.broke",
            f"the {plan.cage} cage could not be built: {reason or 'its supervisor died'}",
            mend="run `masterplan doctor`",
        )
    status = report["status"]
    verdict = verdict or report["verdict"]
    if not verdict and status in _SIGXCPU_EXITS:
        verdict = "cpu_limit"
    outcome = verdict or ("passed" if status == 0 else "failed")
    code = status if status is None or status >= 0 else 128 - status
    return CageResult(
        exit_code=None if verdict else code,
        outcome=cast("CageOutcome", outcome),
        output=output.text(),
        wall_s=report["wall_s"],
        is_truncated=output.dropped_bytes > 0,
        cage=plan.cage,
    )
