"""Reading a part of the books: the newest attempts, those since a time, and sums by group."""

from __future__ import annotations

from typing import get_args

import pytest
from ledger_case import Clock, MakeIntent, MakeSettlement

from masterplan.core.errors import LedgerError
from masterplan.ledger import Grouping, Ledger, spend_by

DAY_S = 86_400


def fill(ledger: Ledger, clock: Clock, intent: MakeIntent, settled: MakeSettlement) -> list[str]:
    """Book attempts of all sorts over three days; return their ids."""
    attempts = []
    for number in range(40):
        clock.now += DAY_S / 13 if number % 9 else -1_800
        attempt = ledger.reserve(intent(
            run=f"r{number % 3}",
            module="slug" if number % 2 else "",
            lane=("main", "plan", "subagent:Explore")[number % 3],
            model=f"p/{number % 4}",
            worst_case_nano=number * 7 if number % 5 else None,
        ))  # fmt: skip
        attempts.append(attempt)
        ledger.record_step(f"r{number % 3}", f"k{number}", "step", "{}")
        if number % 4 == 1:
            ledger.settle(attempt, settled(number, duration_s=number / 8))
        elif number % 4 == 2:
            ledger.settle(attempt, settled(number, "estimated", first_token_s=0.5))
        elif number % 8 == 3:
            ledger.settle(attempt, settled(None))
    ledger.recover(live_owner=lambda owner: False)
    ledger.settle(attempts[0], settled(11))
    return attempts


def test_attempts_when_there_is_a_limit_then_the_newest_come_first(
    ledger: Ledger, clock: Clock, intent: MakeIntent, settled: MakeSettlement
) -> None:
    fill(ledger, clock, intent, settled)
    every = ledger.attempts()
    assert ledger.attempts(limit=5) == every[::-1][:5]
    assert ledger.attempts(limit=100) == every[::-1]
    assert ledger.attempts(limit=0) == ledger.attempts(limit=-1) == []
    of_run = [row for row in every if row.run == "r1"]
    assert ledger.attempts(run="r1", limit=4) == of_run[::-1][:4]
    of_module = [row for row in of_run if row.module == "slug"]
    assert ledger.attempts(run="r1", module="slug", limit=3) == of_module[::-1][:3]


@pytest.mark.parametrize("shift_s", [-1.0, 0.0, 1.0])
def test_attempts_when_since_is_given_then_a_clock_set_back_hides_none(
    ledger: Ledger, clock: Clock, intent: MakeIntent, settled: MakeSettlement, shift_s: float
) -> None:
    fill(ledger, clock, intent, settled)
    every = ledger.attempts()
    starts = [row.started_at for row in every]
    assert starts != sorted(starts)
    for start in starts:
        wanted = [row for row in every if row.started_at >= start + shift_s]
        assert ledger.attempts(since=start + shift_s) == wanted
        assert ledger.attempts(since=start + shift_s, limit=3) == wanted[::-1][:3]


@pytest.mark.parametrize("by", get_args(Grouping))
def test_spend_when_the_database_sums_then_it_is_what_the_rows_say(
    ledger: Ledger, clock: Clock, intent: MakeIntent, settled: MakeSettlement, by: Grouping
) -> None:
    fill(ledger, clock, intent, settled)
    middle = ledger.attempts()[20].started_at
    assert ledger.spend(by) == spend_by(ledger.attempts(), by)
    assert ledger.spend(by, run="r1") == spend_by(ledger.attempts(run="r1"), by)
    assert ledger.spend(by, since=middle) == spend_by(ledger.attempts(since=middle), by)
    assert ledger.spend(by, run="none") == []


def test_spend_when_the_grouping_is_no_column_of_ours_then_raises(ledger: Ledger) -> None:
    with pytest.raises(LedgerError):
        ledger.spend("id; DROP TABLE attempts")  # type: ignore[arg-type]
