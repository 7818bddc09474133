"""What a ledger keeps in mind between transactions never outlives its truth."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_case import Clock, MakeIntent, MakeSettlement

from masterplan.core.errors import BudgetError, LedgerError
from masterplan.ledger import Cap, Ledger


@contextmanager
def files_may_not_grow(path: Path) -> Iterator[None]:
    """Let no file become longer than the ledger's log is now."""
    size_bytes = path.with_name(path.name + "-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_reserve_when_the_one_before_was_undone_then_nothing_of_it_is_remembered(
    path: Path, intent: MakeIntent, settled: MakeSettlement
) -> None:
    caps = (Cap("run", "", 250),)
    with Ledger.open(path) as ledger:
        first = ledger.reserve(intent(caps=caps))
        for number in range(40):  # a log that is long enough for whatever else is written
            ledger.reserve(intent(caps=caps, worst_case_nano=0, purpose=f"{number}"))
        with files_may_not_grow(path):
            with pytest.raises(LedgerError):
                ledger.reserve(intent(caps=caps, decision_json='{"why": 1}'))
            with pytest.raises(LedgerError):
                ledger.settle(first, settled(1))
        second = ledger.reserve(intent(caps=caps, decision_json='{"why": 1}'))
        ledger.settle(first, settled(100))
        with pytest.raises(BudgetError):
            ledger.reserve(intent(caps=caps))
        ledger.settle(second, settled(150))
        assert ledger.verify() == []


def test_reserve_when_another_ledger_wrote_meanwhile_then_its_movements_count(
    path: Path, intent: MakeIntent, settled: MakeSettlement
) -> None:
    caps = (Cap("run", "", 250),)
    with Ledger.open(path) as here, Ledger.open(path) as there:
        mine, theirs = here.reserve(intent(caps=caps)), there.reserve(intent(caps=caps))
        with pytest.raises(BudgetError):
            here.reserve(intent(caps=caps))
        there.settle(theirs, settled(10))
        here.reserve(intent(caps=caps))
        there.recover(live_owner=lambda owner: False)
        here.settle(mine, settled(20))  # known as open here, and marked as unknown there
        there.settle(mine, settled(20))
        with pytest.raises(LedgerError) as caught:
            there.settle(mine, settled(21))
        assert caught.value.code == "ledger.settled_twice"
        assert here.verify() == []


def test_reserve_when_another_ledger_wrote_meanwhile_then_what_expires_is_still_released(
    path: Path, clock: Clock, intent: MakeIntent, settled: MakeSettlement
) -> None:
    call = intent(caps=(Cap("run", "", 100),), expires_after_s=10)
    with Ledger.open(path, clock=clock) as here, Ledger.open(path, clock=clock) as there:
        here.settle(here.reserve(call), settled(None))
        there.reserve(intent(run="r2"))
        clock.now += 1
        here.reserve(intent(run="r2"))
        with pytest.raises(BudgetError):
            here.reserve(call)
        clock.now += 9
        here.reserve(call)
        assert here.verify() == []
