"""Drive one ledger from forked processes, kill them at random moments, and say what was promised.

usage: crash.py LEDGER KILLS SEED [TASKS]. With TASKS each process has so many tasks at one group
instead of a plain ledger. Prints one JSON object: every acknowledged reservation,
settlement and step. A settlement's cost follows from its attempt's id, so that one whose
acknowledgement was lost can be told from one that was made up.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from masterplan.core.money import Cost
from masterplan.core.usage import Usage
from masterplan.ledger import Cap, Group, Intent, Ledger, Settlement

WORST = 1_000


def cost_of(attempt: str) -> int:
    """Return what the attempt of this id costs."""
    return int(attempt.rpartition("-")[2]) % WORST


def call(number: int) -> Intent:
    """Return a call under the run's cap."""
    return Intent(
        run="r1",
        role="builder",
        kind="codegen",
        provider="p",
        model="p/m",
        requested_model="m",
        worst_case_nano=WORST,
        caps=(Cap("run", "", 10**12),),
        decision_json=f'{{"number": {number % 3}}}',
    )


def end(attempt: str) -> Settlement:
    """Return how the attempt of this id ends."""
    cost = Cost(cost_of(attempt), "reported")
    return Settlement(outcome="complete", usage=Usage(1, 1, source="reported"), cost=cost)


async def work_together(path: Path, out: int, tasks: int) -> None:
    """Reserve and settle for ever in many tasks; tell only what has returned."""
    parent = os.getppid()

    async def pairs(group: Group) -> None:
        number = 0
        while os.getppid() == parent:
            number += 1
            attempt = await group.reserve(call(number))
            os.write(out, f"R {attempt}\n".encode())
            await group.settle(attempt, end(attempt))
            os.write(out, f"S {attempt}\n".encode())

    with Ledger.open(path, must_exist=True) as ledger:
        ledger.recover()
        group = Group(ledger)
        await asyncio.gather(*(pairs(group) for _ in range(tasks)))


def work(path: Path, out: int, name: str) -> None:
    """Reserve, settle and record for ever; tell only what has returned."""
    parent = os.getppid()
    with Ledger.open(path, must_exist=True) as ledger:
        ledger.recover()
        number = 0
        while os.getppid() == parent:  # nobody is left to kill it
            number += 1
            attempt = ledger.reserve(call(number))
            os.write(out, f"R {attempt}\n".encode())
            key = f"{name}-{number}"
            ledger.record_step("r1", key, "step", attempt)
            os.write(out, f"T {key} {attempt}\n".encode())
            for _ in range(1 + number % 2):
                ledger.settle(attempt, end(attempt))
            os.write(out, f"S {attempt}\n".encode())


def spawn(path: Path, out: int, name: str, tasks: int) -> int:
    """Fork a worker and return its process id."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work_together(path, out, tasks)) if tasks else work(path, out, name)
        finally:
            os._exit(3)
    return child


def kill(worker: int) -> None:
    """Kill a worker that must still be running."""
    os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    if os.WIFEXITED(status):
        raise SystemExit("a worker failed by itself")


def main(path: Path, kills: int, seed: int, tasks: int) -> None:
    """Keep two workers running, kill one after the other."""
    chance = random.Random(seed)
    acked: dict[str, list[list[str]]] = {"R": [], "S": [], "T": []}
    read, write = os.pipe()
    os.set_blocking(read, False)
    workers = [spawn(path, write, f"{seed}-w{number}", tasks) for number in range(2)]
    said = b""
    killed = 0
    while killed < kills or said.count(b"S ") < kills:  # a busy machine gets more time
        time.sleep(chance.choice((0.002, 0.02, 0.08)) * chance.random())
        kill(workers.pop(chance.randrange(2)))
        workers.append(spawn(path, write, f"{seed}-k{killed}", tasks))
        killed += 1
        while chunk := _read(read):
            said += chunk
    for worker in workers:
        kill(worker)
        killed += 1
    while chunk := _read(read):
        said += chunk
    for line in said.decode().splitlines():
        what, *rest = line.split()
        acked[what].append(rest)
    print(json.dumps(acked | {"kills": killed}))


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 16)
    except BlockingIOError:
        return b""


if __name__ == "__main__":
    path, *numbers = sys.argv[1:]
    main(Path(path), *map(int, [*numbers, "0"][:3]))
