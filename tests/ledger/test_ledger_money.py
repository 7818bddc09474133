"""Reserving, settling and what of it counts against a budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ledger_case import Clock, MakeIntent, MakeSettlement

from masterplan.core.errors import BudgetError, LedgerError
from masterplan.core.money import UNKNOWN, Cost
from masterplan.core.usage import Usage
from masterplan.ledger import Cap, Intent, Ledger

RUN_CAP = (Cap("run", "", 250),)


def left(ledger: Ledger, intent: Intent) -> tuple[int, int]:
    [room] = ledger.room(intent)
    return room.spent_nano, room.reserved_nano


def test_reserve_when_the_cap_is_full_then_names_every_figure(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    call = intent(caps=(Cap("run", "", 2_500_000_000),), worst_case_nano=1_000_000_000)
    ledger.settle(ledger.reserve(call), settled(600_000_000))
    ledger.reserve(call)
    with pytest.raises(BudgetError) as caught:
        ledger.reserve(call)
    assert caught.value.code == "budget.exhausted"
    assert caught.value.message == (
        "the run budget of $2.50 has no room: $0.60 spent, $1.00 reserved, $1.00 needed"
    )
    assert len(ledger.attempts()) == 2


def test_reserve_when_the_last_nano_fits_then_admits(ledger: Ledger, intent: MakeIntent) -> None:
    call = intent(caps=(Cap("run", "", 200),))
    ledger.reserve(call)
    ledger.reserve(call)
    with pytest.raises(BudgetError):
        ledger.reserve(replace(call, worst_case_nano=1))
    assert left(ledger, call) == (0, 200)


def test_reserve_when_two_caps_are_full_then_lists_both(ledger: Ledger, intent: MakeIntent) -> None:
    call = intent(caps=(Cap("run", "", 50), Cap("day", "", 60), Cap("month", "", 10**9)))
    with pytest.raises(BudgetError) as caught:
        ledger.reserve(call)
    assert [problem.where for problem in caught.value.problems] == ["run r1", "day 2026-02-02"]


def test_reserve_when_a_cap_comes_later_in_the_day_then_earlier_spend_counts(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, clock: Clock
) -> None:
    ledger.settle(ledger.reserve(intent(run="r0")), settled(70))
    call = intent(caps=(Cap("day", "", 150),))
    with pytest.raises(BudgetError):
        ledger.reserve(call)
    clock.now += 86_400
    ledger.reserve(call)


def test_reserve_when_another_run_has_the_same_module_then_budgets_are_apart(
    ledger: Ledger, intent: MakeIntent
) -> None:
    for key in ("", "slug"):
        caps = (Cap("module", key, 100),)
        ledger.reserve(intent(run=f"a{key}", caps=caps))
        ledger.reserve(intent(run=f"b{key}", caps=caps))
        with pytest.raises(BudgetError):
            ledger.reserve(intent(run=f"a{key}", caps=caps))


def test_reserve_when_a_cap_is_given_twice_then_the_lower_holds(
    ledger: Ledger, intent: MakeIntent
) -> None:
    with pytest.raises(BudgetError):
        ledger.reserve(intent(caps=(Cap("run", "", 99), Cap("run", "r1", 500))))


def test_reserve_when_the_price_is_unknown_then_a_cap_refuses_unless_allowed(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    call = intent(worst_case_nano=None, caps=RUN_CAP)
    with pytest.raises(BudgetError) as caught:
        ledger.reserve(call)
    assert caught.value.code == "budget.unpriced"
    ledger.settle(ledger.reserve(replace(call, allow_unpriced=True)), settled(None))
    ledger.reserve(replace(call, caps=()))
    assert [row.cost for row in ledger.attempts()] == [UNKNOWN, UNKNOWN]


def test_reserve_when_the_model_is_free_then_a_spent_budget_does_not_block_it(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    ledger.settle(ledger.reserve(intent(caps=RUN_CAP)), settled(999))
    with pytest.raises(BudgetError):
        ledger.reserve(intent(caps=RUN_CAP, worst_case_nano=0))
    free = intent(caps=RUN_CAP, worst_case_nano=0, is_free=True)
    ledger.settle(ledger.reserve(free), settled(0))
    with pytest.raises(BudgetError):
        ledger.reserve(replace(free, worst_case_nano=1))


@pytest.mark.parametrize(
    "change",
    [
        {"run": "../x"},
        {"run": "a..b"},
        {"run": "x" * 10_000},
        {"run": "a\x00b"},
        {"module": "m\n"},
        {"lane": "\ud800"},
        {"role": "wizard"},
        {"kind": "magic"},
        {"effort": "extreme"},
        {"worst_case_nano": -1},
        {"worst_case_nano": 2**63},
        {"worst_case_nano": 0.1},
        {"expires_after_s": float("nan")},
        {"caps": (Cap("team", "", 5),)},
        {"caps": (Cap("module", "", 5),), "module": ""},
    ],
    ids=str,
)
def test_reserve_when_the_intent_is_bad_then_refuses_and_writes_nothing(
    ledger: Ledger, intent: MakeIntent, change: dict[str, object]
) -> None:
    with pytest.raises(LedgerError) as caught:
        ledger.reserve(intent(**change))
    assert caught.value.mend or caught.value.code != "ledger.bad_amount"
    assert ledger.attempts() == []


def test_attempts_when_settled_then_show_intent_and_settlement_joined(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, clock: Clock
) -> None:
    call = intent(decision_json='{"why": "Ü"}', effort="high", retry_of="x-1", try_number=2)
    first = ledger.reserve(call)
    second = ledger.reserve(replace(call, module="other", decision_json=""))
    clock.now += 2
    usage = Usage(10, 5, 4, 3, 2, 1, "reported")
    ledger.settle(first, settled(40, usage=usage, duration_s=2, first_token_s=0.25))
    [row] = ledger.attempts(run="r1", module="slug")
    assert (row.id, row.decision_json, row.effort, row.retry_of) == (
        first, '{"why": "Ü"}', "high", "x-1",
    )  # fmt: skip
    assert (row.usage, row.cost, row.duration_s) == (usage, Cost(40, "reported"), 2.0)
    assert (row.ended_at or 0) - row.started_at == 2
    assert (row.is_open, row.is_held) == (False, False)
    other = ledger.attempts()[1]
    assert (other.id, other.outcome, other.cost, other.is_held) == (second, None, UNKNOWN, True)
    assert ledger.attempts(run="r2") == []


def test_settle_when_delivered_again_then_counts_once(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    call = intent(caps=RUN_CAP)
    attempt = ledger.reserve(call)
    for _ in range(5):
        ledger.settle(attempt, settled(40, duration_s=1))
    assert left(ledger, call) == (40, 0)


@pytest.mark.parametrize(
    "change", [{"outcome": "cut"}, {"nano": 41}, {"nano": None}, {"served_model": "other"}], ids=str
)
def test_settle_when_a_second_one_differs_then_raises_and_the_first_stands(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, change: dict[str, object]
) -> None:
    call = intent(caps=RUN_CAP)
    attempt = ledger.reserve(call)
    ledger.settle(attempt, settled())
    with pytest.raises(LedgerError) as caught:
        ledger.settle(attempt, settled(**change))
    assert caught.value.code == "ledger.settled_twice"
    assert left(ledger, call) == (40, 0)


def test_settle_when_out_of_order_then_each_finds_its_own(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    ids = [ledger.reserve(intent(caps=(Cap("run", "", 10_000),))) for _ in range(4)]
    for number in (2, 0, 3, 1):
        ledger.settle(ids[number], settled(number + 1))
    assert [row.cost.nano for row in ledger.attempts()] == [1, 2, 3, 4]


def test_settle_when_the_attempt_is_not_there_then_raises(
    ledger: Ledger, settled: MakeSettlement
) -> None:
    with pytest.raises(LedgerError) as caught:
        ledger.settle("nope-1", settled())
    assert caught.value.code == "ledger.no_attempt"


@pytest.mark.parametrize(
    "change",
    [
        {"nano": -1},
        {"nano": 2**70},
        {"outcome": "great"},
        {"usage": Usage(10**30, 0)},
        {"duration_s": float("inf")},
        {"status": -5},
    ],
    ids=str,
)
def test_settle_when_the_figures_are_absurd_then_raises_and_the_attempt_stays_open(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, change: dict[str, object]
) -> None:
    attempt = ledger.reserve(intent())
    with pytest.raises(LedgerError) as caught:
        ledger.settle(attempt, settled(**change))
    assert caught.value.mend or caught.value.code != "ledger.bad_amount"
    assert ledger.attempts()[0].is_open


def test_settle_when_the_provider_sends_odd_text_then_it_is_recorded_all_the_same(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    attempt = ledger.reserve(intent())
    odd = settled(served_model="x\x00\ud800'; DROP TABLE attempts; --", error_code="e" * 5_000)
    ledger.settle(attempt, odd)
    ledger.settle(attempt, odd)
    [row] = ledger.attempts()
    assert row.served_model == "x\N{REPLACEMENT CHARACTER}?'; DROP TABLE attempts; --"


def test_recover_when_the_owner_is_gone_then_unknown_is_held_until_expiry_and_stays_unknown(
    ledger: Ledger, intent: MakeIntent, clock: Clock
) -> None:
    call = intent(caps=RUN_CAP, expires_after_s=60)
    attempt = ledger.reserve(call)
    assert ledger.recover() == []  # this very process may still settle it
    assert ledger.recover(live_owner=lambda owner: False) == [attempt]
    assert ledger.recover(live_owner=lambda owner: False) == []
    [row] = ledger.attempts()
    assert (row.outcome, row.cost, row.is_held) == ("unknown", UNKNOWN, True)
    assert left(ledger, call) == (0, 100)
    clock.now += 60
    ledger.recover()
    [row] = ledger.attempts()
    assert (row.outcome, row.is_held, row.worst_case_nano) == ("unknown", False, 100)
    assert left(ledger, call) == (0, 0)


@pytest.mark.parametrize("wait_s", [0, 61])
def test_settle_when_recovered_or_expired_then_once_more_is_allowed(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, clock: Clock, wait_s: float
) -> None:
    call = intent(caps=RUN_CAP, expires_after_s=60)
    attempt = ledger.reserve(call)
    ledger.recover(live_owner=lambda owner: False)
    clock.now += wait_s
    ledger.recover()
    ledger.settle(attempt, settled(40))
    ledger.settle(attempt, settled(40))
    with pytest.raises(LedgerError):
        ledger.settle(attempt, settled(41))
    [row] = ledger.attempts()
    assert (row.outcome, row.cost.nano, row.is_held) == ("complete", 40, False)
    assert left(ledger, call) == (40, 0)


def test_settle_when_the_outcome_is_unknown_then_money_is_held_until_expiry(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, clock: Clock
) -> None:
    call = intent(caps=RUN_CAP, expires_after_s=60)
    ledger.settle(ledger.reserve(call), settled(None, outcome="unknown"))
    ledger.reserve(call)
    with pytest.raises(BudgetError):
        ledger.reserve(call)
    clock.now += 60  # the second one is still open in a living process and keeps its hold
    ledger.reserve(call)
    assert left(ledger, call) == (0, 200)


def test_reserve_when_the_clock_jumps_then_a_live_call_keeps_its_hold(
    ledger: Ledger, intent: MakeIntent, clock: Clock
) -> None:
    call = intent(caps=(Cap("run", "", 100),))
    ledger.reserve(call)
    for jump in (10**8, -(2 * 10**8)):
        clock.now += jump
        with pytest.raises(BudgetError):
            ledger.reserve(call)


def test_reserve_when_refused_then_what_had_expired_is_released_all_the_same(
    ledger: Ledger, intent: MakeIntent, clock: Clock
) -> None:
    call = intent(caps=RUN_CAP, expires_after_s=60)
    ledger.reserve(call)
    ledger.recover(live_owner=lambda owner: False)
    clock.now += 60
    with pytest.raises(BudgetError) as caught:
        ledger.reserve(replace(call, worst_case_nano=251))
    assert "$0.00 reserved" in caught.value.message
    assert left(ledger, call) == (0, 0)


def test_settle_when_it_cost_more_than_was_held_then_it_counts_whole(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    call = intent(caps=RUN_CAP)
    ledger.settle(ledger.reserve(call), settled(1_000))
    [room] = ledger.room(call)
    assert (room.spent_nano, room.left_nano) == (1_000, -750)


def test_estimated_when_settled_then_counts_as_spent_and_is_labelled(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, path: Path
) -> None:
    call = intent(caps=RUN_CAP)
    attempt = ledger.reserve(call)
    ledger.settle(attempt, settled(70, cost=Cost(70, "estimated", "4 bytes a token")))
    assert left(ledger, call) == (70, 0)
    assert ledger.attempts()[0].cost == Cost(70, "estimated", "4 bytes a token")
