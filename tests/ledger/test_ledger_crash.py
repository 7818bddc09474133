"""Kills, races and claims between real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_case import MakeIntent, MakeSettlement

from masterplan.core.errors import LedgerError
from masterplan.ledger import Cap, Ledger, total

WORKERS = Path(__file__).with_name("workers")
KILLS = 80
WORST = 1_000


def start(worker: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKERS / worker), *map(str, arguments)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


@pytest.mark.parametrize(("seed", "tasks"), [(1, 0), (2, 0), (3, 8)])
def test_ledger_when_killed_under_load_then_nothing_acknowledged_is_lost_or_doubled(
    disk_path: Path, intent: MakeIntent, seed: int, tasks: int
) -> None:
    Ledger.open(disk_path).close()
    command = [sys.executable, WORKERS / "crash.py", disk_path, KILLS, seed, tasks]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=120, check=True
    )
    acked = json.loads(done.stdout)
    cut = acked["kills"] * max(tasks, 1)
    with Ledger.open(disk_path) as ledger:
        ledger.recover()
        assert ledger.verify() == []
        rows = {row.id: row for row in ledger.attempts()}
        steps = {step.key: step.result_json for step in ledger.steps("r1")}
        [room] = ledger.room(intent(run="r1", caps=(Cap("run", "", 10**12),)))
    reserved = [attempt for (attempt,) in acked["R"]]
    settled = {attempt for (attempt,) in acked["S"]}
    assert len(settled) >= KILLS  # there was load
    assert len(set(reserved)) == len(reserved)
    assert set(reserved) <= rows.keys()
    assert len(rows) - len(reserved) <= cut  # what a kill cut off was not acknowledged yet
    for row in rows.values():
        worth = int(row.id.rpartition("-")[2]) % WORST
        assert (row.outcome, row.cost.nano) in {("complete", worth), ("unknown", None)}, seed
    assert all(rows[attempt].outcome == "complete" for attempt in settled)
    assert all(steps[key] == attempt for key, attempt in acked["T"])
    spend = total(rows.values())
    assert room.spent_nano == spend.reported_nano
    assert room.reserved_nano == spend.unknown_count * WORST
    assert spend.unknown_count <= cut


@pytest.mark.parametrize("how", [(), ("group",)])
def test_reserve_when_100_race_for_ten_places_then_exactly_ten_are_admitted(
    disk_path: Path, how: tuple[str, ...]
) -> None:
    Ledger.open(disk_path).close()
    workers = [start("race.py", disk_path, *how) for _ in range(4)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for number in range(12):
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write(f"round{number}\n")
                worker.stdin.flush()
            admitted = [int(worker.stdout.readline()) for worker in workers if worker.stdout]
            assert sum(admitted) == 10, admitted
    finally:
        for worker in workers:
            worker.communicate(timeout=30)
    with Ledger.open(disk_path) as ledger:
        assert ledger.verify() == []
        assert len(ledger.attempts()) == 120
        assert len(ledger.recover()) == 120  # they are gone; all of it stays held
        rounds = [row for row in ledger.attempts() if row.is_held]
    assert len(rounds) == 120


def test_reserve_when_a_killed_process_held_the_money_then_it_is_free_again_after_expiry(
    path: Path, intent: MakeIntent
) -> None:
    code = (
        "import sys, os; from pathlib import Path; from masterplan.ledger import *\n"
        "ledger = Ledger.open(Path(sys.argv[1]), clock=lambda: 1000.0)\n"
        "call = Intent(run='r1', role='builder', kind='tests', provider='p', model='p/m',\n"
        "    requested_model='m', worst_case_nano=2, caps=(Cap('run', '', 100),),\n"
        "    expires_after_s=60)\n"
        "for _ in range(50): ledger.reserve(call)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert done.returncode == -signal.SIGKILL
    call = intent(worst_case_nano=2, caps=(Cap("run", "", 100),))
    with Ledger.open(path, clock=lambda: 1_059.0) as ledger:
        assert ledger.room(call)[0].left_nano == 0
        assert len(ledger.recover()) == 50
        assert ledger.room(call)[0].left_nano == 0
    with Ledger.open(path, clock=lambda: 1_060.0) as ledger:
        ledger.reserve(call)
        assert ledger.room(call)[0].left_nano == 98
        assert total(ledger.attempts()).unknown_count == 51
        assert ledger.verify() == []


def test_recover_when_nobody_recovered_then_expiry_alone_frees_dead_holds(
    path: Path, intent: MakeIntent, settled: MakeSettlement
) -> None:
    call = intent(caps=(Cap("run", "", 100),), expires_after_s=10)
    child = os.fork()
    if child == 0:
        try:
            Ledger.open(path, clock=lambda: 1_000.0).reserve(call)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    with Ledger.open(path, clock=lambda: 1_010.0) as ledger:
        ledger.reserve(call)
        lost, held = ledger.attempts()
        assert (lost.outcome, lost.is_held, held.is_held) == ("unknown", False, True)
        ledger.settle(lost.id, settled(7))
        assert total(ledger.attempts()).reported_nano == 7
        assert ledger.verify() == []


def test_claim_when_another_process_drives_the_run_then_names_it(path: Path) -> None:
    with Ledger.open(path) as ledger:
        holder = start("claim.py", path, "r1")
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LedgerError) as caught:
            ledger.claim_run("r1")
        assert caught.value.code == "ledger.run_claimed"
        assert f"process {holder.pid} on " in caught.value.message
        with ledger.claim_run("r2"), pytest.raises(LedgerError):
            ledger.claim_run("r2")  # the same process, twice
        holder.communicate(timeout=30)
        with ledger.claim_run("r1") as claim:
            rival = start("claim.py", path, "r1")
            assert f"process {os.getpid()} on " in rival.communicate(timeout=30)[0]
        claim.release()
    assert list(path.parent.glob("*.run-*")) == []


def test_claim_when_its_holder_was_killed_then_is_taken_over(path: Path) -> None:
    with Ledger.open(path) as ledger:
        for orphan in ((), ("orphan",)):
            holder = start("claim.py", path, "r1", *orphan)
            assert holder.stdout is not None
            child = int(holder.stdout.readline()) if orphan else None
            assert holder.stdout.readline() == "held\n"
            holder.kill()
            holder.wait()
            with ledger.claim_run("r1"), pytest.raises(LedgerError):
                ledger.claim_run("r1")
            if child is not None:
                os.kill(child, signal.SIGKILL)
            for pipe in (holder.stdin, holder.stdout):
                assert pipe is not None
                pipe.close()


@pytest.mark.parametrize("run", ["", "../x", "a/b", "x" * 200, "a\x00", "ü", ".hidden", "a..b"])
def test_claim_when_the_id_is_bad_then_raises(ledger: Ledger, run: str) -> None:
    with pytest.raises(LedgerError) as caught:
        ledger.claim_run(run)
    assert caught.value.code == "ledger.bad_id"


def test_open_when_many_processes_create_at_once_then_there_is_one_ledger(
    path: Path, intent: MakeIntent
) -> None:
    call, children = intent(), []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            try:
                with Ledger.open(path) as ledger:
                    ledger.reserve(call)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    with Ledger.open(path) as ledger:
        assert len(ledger.attempts()) == 6
        assert ledger.verify() == []
