"""Many callers at one group: the same books as single calls, one sync, and no money left behind."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from ledger_case import MakeIntent, MakeSettlement

from masterplan.core.errors import BudgetError, LedgerError
from masterplan.ledger import Cap, Group, Ledger, total

ABOVE_ALL = (Cap("run", "", 10**9),)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something that happens in another thread has happened."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


class Blocker:
    """Another process's write that holds the ledger until it is let go."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        self.connection.execute("ROLLBACK")
        self.connection.close()


async def outcome(movement: Awaitable[object]) -> str:
    """Return the code of the error that a movement ends in, or that it was done."""
    try:
        await movement
    except (LedgerError, BudgetError) as error:
        return error.code
    return "done"


def commits(path: Path) -> int:
    """Return how many transactions the log beside the ledger holds; each was synced once."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    return sum(log[at + 4 : at + 8] != bytes(4) for at in range(32, len(log), page + 24))


async def test_group_when_64_callers_wait_then_they_share_their_syncs(
    disk_path: Path, intent: MakeIntent, settled: MakeSettlement
) -> None:
    with Ledger.open(disk_path) as ledger:
        group = Group(ledger)

        async def pair(number: int) -> None:
            attempt = await group.reserve(intent(run=f"r{number % 7}", caps=ABOVE_ALL))
            await group.settle(attempt, settled(number))

        await group.reserve(intent())
        before = commits(disk_path)
        await asyncio.gather(*(pair(number) for number in range(64)))
        assert commits(disk_path) - before <= 16
        await group.close()
        assert total(ledger.attempts()).reported_nano == sum(range(64))
        assert ledger.verify() == []


async def test_group_when_some_are_refused_then_the_others_are_not(
    path: Path, intent: MakeIntent, settled: MakeSettlement
) -> None:
    with Ledger.open(path) as ledger:
        group, caps = Group(ledger), (Cap("run", "", 250),)
        blocker = Blocker(path)
        said = [
            asyncio.create_task(outcome(movement))
            for movement in (
                group.reserve(intent(caps=caps)),
                group.reserve(intent(caps=caps, worst_case_nano=200)),
                group.reserve(intent(lane="a\nb")),
                group.settle("nothing-1", settled()),
                group.settle("\ud800", settled()),
                group.reserve(intent(caps=(Cap("team", "", 5),))),
                group.reserve(intent(caps=caps, worst_case_nano=150)),
                group.reserve(intent(caps=caps, worst_case_nano=1)),
            )
        ]
        strange = asyncio.create_task(group.reserve(None))  # type: ignore[arg-type]
        await asyncio.sleep(0.02)
        blocker.let_go()
        assert [await one for one in said] == [
            "done", "budget.exhausted", "ledger.bad_text", "ledger.no_attempt", "ledger.bad_text",
            "ledger.bad_cap", "done", "budget.exhausted",
        ]  # fmt: skip
        with pytest.raises((TypeError, AttributeError)):
            await strange
        [room] = await group.room(intent(caps=caps))
        assert room.left_nano == 0
        await group.close()
        assert len(ledger.attempts()) == 2
        assert ledger.verify() == []


async def test_reserve_when_the_caller_leaves_while_waiting_then_nothing_stays_held(
    path: Path, intent: MakeIntent
) -> None:
    with Ledger.open(path) as ledger:
        group, blocker = Group(ledger), Blocker(path)
        written = asyncio.create_task(group.reserve(intent(caps=ABOVE_ALL)))
        await asyncio.sleep(0.02)  # the writer has taken it and waits for the other process
        queued = asyncio.create_task(group.reserve(intent(caps=ABOVE_ALL)))
        await asyncio.sleep(0)
        for left in (written, queued):
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left
        blocker.let_go()
        await until(lambda: [row.outcome for row in ledger.attempts()] == ["cancelled"])
        [room] = await group.room(intent(caps=ABOVE_ALL))
        assert (room.spent_nano, room.reserved_nano) == (0, 0)
        [row] = ledger.attempts()
        assert (row.cost.nano, row.error_code) == (0, "ledger.caller_left")
        await group.close()
        assert ledger.verify() == []


async def test_reserve_when_the_caller_leaves_as_it_is_told_then_nothing_stays_held(
    path: Path, intent: MakeIntent
) -> None:
    with Ledger.open(path) as ledger:
        group, blocker = Group(ledger), Blocker(path)
        second: asyncio.Task[str]

        async def first() -> str:
            attempt = await group.reserve(intent())
            second.cancel()  # it has its answer already, and is about to go on
            return attempt

        leader = asyncio.create_task(first())
        second = asyncio.create_task(group.reserve(intent()))
        warmed = asyncio.create_task(group.reserve(intent()))
        await asyncio.sleep(0.02)
        blocker.let_go()
        with pytest.raises(asyncio.CancelledError):
            await second
        await asyncio.gather(leader, warmed)
        await group.close()  # writes what is owed before it returns
        assert sorted(str(row.outcome) for row in ledger.attempts()) == [
            "None",
            "None",
            "cancelled",
        ]


async def test_reserve_when_voiding_fails_at_first_then_it_is_made_up_for(
    path: Path, intent: MakeIntent
) -> None:
    with Ledger.open(path, busy_s=0.2) as ledger:
        group, blocker = Group(ledger), Blocker(path)
        task = asyncio.create_task(group.reserve(intent()))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        blocker.let_go()
        await until(lambda: ledger.attempts() != [])
        blocker = Blocker(path)
        assert await outcome(group.reserve(intent())) == "ledger.busy"
        blocker.let_go()
        await group.close()
        assert [row.outcome for row in ledger.attempts()] == ["cancelled"]


async def test_settle_when_the_caller_leaves_then_it_is_recorded(
    path: Path, intent: MakeIntent, settled: MakeSettlement
) -> None:
    with Ledger.open(path) as ledger:
        group = Group(ledger)
        attempt = await group.reserve(intent())
        blocker = Blocker(path)
        task = asyncio.create_task(group.settle(attempt, settled(7)))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        blocker.let_go()
        await group.close()
        assert total(ledger.attempts()).reported_nano == 7


async def test_close_when_callers_wait_then_ends_are_recorded_and_reservations_refused(
    path: Path, intent: MakeIntent, settled: MakeSettlement
) -> None:
    with Ledger.open(path) as ledger:
        group = Group(ledger)
        attempt = await group.reserve(intent())
        blocker = Blocker(path)
        taken = asyncio.create_task(outcome(group.reserve(intent())))
        await asyncio.sleep(0.02)
        waiting = [
            asyncio.create_task(outcome(movement))
            for movement in (group.settle(attempt, settled(3)), group.reserve(intent()))
        ]
        await asyncio.sleep(0)
        closing = asyncio.create_task(group.close())
        await asyncio.sleep(0.02)
        blocker.let_go()
        await closing
        assert [await taken, *[await one for one in waiting]] == ["done", "done", "ledger.closed"]
        assert await outcome(group.reserve(intent())) == "ledger.closed"
        assert await outcome(group.settle(attempt, settled(3))) == "ledger.closed"
        await group.close()
        assert [row.cost.nano for row in ledger.attempts()] == [3, None]


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (lambda path: path.unlink(), "ledger.replaced"),
    "log deleted": (lambda path: Path(f"{path}-wal").unlink(), "ledger.replaced"),
    "cut short": (lambda path: os.truncate(path, 0), "ledger."),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_group_when_the_ledger_breaks_then_every_caller_hears_of_it(
    path: Path, intent: MakeIntent, settled: MakeSettlement, case: str
) -> None:
    with Ledger.open(path) as ledger:
        group = Group(ledger)
        attempt = await group.reserve(intent())
        blocker = Blocker(path)
        movements = [group.reserve(intent()) for _ in range(20)]
        said = [asyncio.create_task(outcome(movement)) for movement in movements]
        said.append(asyncio.create_task(outcome(group.settle(attempt, settled()))))
        await asyncio.sleep(0.02)
        spoil, code = BROKEN[case]
        spoil(path)
        blocker.let_go()
        assert {(await one)[: len(code)] for one in said} == {code}
        assert (await outcome(group.reserve(intent()))).startswith("ledger.")
        await group.close()


async def test_group_when_another_process_writes_for_too_long_then_all_fail_and_later_ones_do_not(
    path: Path, intent: MakeIntent
) -> None:
    with Ledger.open(path, busy_s=0.2) as ledger:
        group, blocker = Group(ledger), Blocker(path)
        errors = await asyncio.gather(
            *(group.reserve(intent()) for _ in range(5)), return_exceptions=True
        )
        assert {error.code for error in errors if isinstance(error, LedgerError)} == {"ledger.busy"}
        assert len({id(error) for error in errors}) == 5  # each caller raises its own
        blocker.let_go()
        await group.reserve(intent())
        await group.close()
        assert len(ledger.attempts()) == 1


async def test_group_when_the_ledger_was_closed_then_every_caller_hears_of_it(
    path: Path, intent: MakeIntent
) -> None:
    ledger = Ledger.open(path)
    group = Group(ledger)
    await group.reserve(intent())
    ledger.close()
    said = await asyncio.gather(*(outcome(group.reserve(intent())) for _ in range(5)))
    assert set(said) == {"ledger.closed"}
    await group.close()


def test_group_when_forked_or_in_another_loop_then_raises(path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path; from masterplan.ledger import *\n"
        "from masterplan.core.errors import LedgerError\n"
        "call = Intent(run='r', role='builder', kind='tests', provider='p', model='p/m',\n"
        "    requested_model='m', worst_case_nano=2)\n"
        "group = Group(Ledger.open(Path(sys.argv[1])))\n"
        "asyncio.run(group.reserve(call))\n"
        "child = os.fork()\n"
        "try:\n"
        "    asyncio.new_event_loop().run_until_complete(group.reserve(call))\n"
        "except LedgerError as error:\n"
        "    os.write(1, error.code.encode() + b' ')\n"
        "if child == 0: os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, path],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert sorted(done.stdout.split()) == ["ledger.forked", "ledger.other_loop"], done.stderr
