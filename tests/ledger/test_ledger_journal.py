"""Runs and steps: recorded once, found again, never changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ledger_case import Clock

from masterplan.core.errors import LedgerError
from masterplan.ledger import Ledger, RunRecord, StepRow

RUN = RunRecord(
    id="2026-03-01-a1",
    started_at=1_770_000_000.125,
    brief_digest="b" * 64,
    spec_digest="s" * 64,
    policy_hash="p" * 64,
    catalog_version="7",
    price_version="2026-02-28",
    version="0.1.0",
    cage="bubblewrap",
    notes="line one\nline two: ünïcode",
)


def test_runs_when_started_and_ended_then_the_last_end_counts(ledger: Ledger, clock: Clock) -> None:
    ledger.start_run(RUN)
    ledger.start_run(RUN)
    assert ledger.run(RUN.id) == RUN
    ledger.end_run(RUN.id, "failed", "budget reached")
    clock.now += 5
    ledger.end_run(RUN.id, "done")
    ended = replace(RUN, status="done", ended_at=clock.now)
    ledger.start_run(RUN)  # a resume
    other = RunRecord("other", 1.0)
    ledger.start_run(other)
    assert ledger.runs() == [ended, other]
    assert ledger.run("nope") is None


def test_runs_when_the_same_id_has_other_inputs_then_raises(ledger: Ledger) -> None:
    ledger.start_run(RUN)
    with pytest.raises(LedgerError) as caught:
        ledger.start_run(replace(RUN, policy_hash="q"))
    assert caught.value.code == "ledger.run_differs"
    with pytest.raises(LedgerError):
        ledger.end_run("nope", "done")


@pytest.mark.parametrize("bad", ["", "../x", "x" * 10_000, "a b", "a\n", "é", "-x"])
def test_runs_when_the_id_is_bad_then_raises(ledger: Ledger, bad: str) -> None:
    with pytest.raises(LedgerError):
        ledger.start_run(RunRecord(bad, 1.0))
    with pytest.raises(LedgerError):
        ledger.record_step(bad, "k", "n", "{}")
    assert ledger.runs() == []


def test_steps_when_recorded_then_found_after_opening_again(path: Path, clock: Clock) -> None:
    with Ledger.open(path, clock=clock) as ledger:
        ledger.record_step("r1", "k1", "plan", '{"spec": "ü"}')
        clock.now += 1
        ledger.record_step("r1", "k1", "plan", '{"spec": "ü"}')
        ledger.record_step("r1", "k2", "build", "{}")
        ledger.record_step("r2", "k1", "plan", "[]")
    with Ledger.open(path) as ledger:
        first = StepRow("r1", "k1", "plan", '{"spec": "ü"}', clock.now - 1)
        assert ledger.find_step("r1", "k1") == first
        assert ledger.find_step("r1", "k3") is None
        assert ledger.steps("r1") == [first, StepRow("r1", "k2", "build", "{}", clock.now)]


def test_steps_when_the_result_differs_then_raises_and_the_first_stands(ledger: Ledger) -> None:
    ledger.record_step("r1", "k1", "plan", "1")
    for name, result in (("plan", "2"), ("build", "1"), ("plan", "\ud800")):
        with pytest.raises(LedgerError):
            ledger.record_step("r1", "k1", name, result)
    [step] = ledger.steps("r1")
    assert (step.name, step.result_json) == ("plan", "1")
