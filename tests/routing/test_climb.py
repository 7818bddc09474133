"""Escalation by the failure table, the handoff guard, and substitutions held to the task."""

import pytest

from masterplan.catalog import Catalog, Prices
from masterplan.core.errors import GuardError
from masterplan.core.task import Task
from masterplan.policy import Found, Policy, parse_policy
from masterplan.routing import Evidence, Router

CATALOG = Catalog.load()
PRICES = Prices.load()
POLICY = Policy.builtin(Found(keys=frozenset({"anthropic", "google"})))
ROUTER = Router(POLICY, CATALOG, PRICES)
TASK = Task("x", kind="codegen", complexity=0.3)
FIRST = ROUTER.route(TASK)
REPORT = "test_a failed: expected 3, got 4"


def test_climb_when_the_first_try_fails_then_the_same_model_with_the_failure() -> None:
    again = ROUTER.next_rung(FIRST, Evidence("code", "sig", handoff=REPORT))
    assert again is not None
    assert (again.model, again.rung) == (FIRST.model, FIRST.rung)
    assert again.inputs_hash != FIRST.inputs_hash


def test_climb_when_tries_are_used_up_then_the_next_rung_to_the_top_and_no_further() -> None:
    models, decision = [], FIRST
    while True:
        above = ROUTER.next_rung(decision, Evidence("code", "s", tries_on_rung=3, handoff=REPORT))
        if above is None:
            break
        models.append(above.model)
        decision = above
    assert models == ["google/gemini-3.1-pro", "anthropic/claude-opus-4-6"]
    assert decision.expected_cost_nano is not None
    assert decision.expected_cost_nano > (FIRST.expected_cost_nano or 0)


def test_climb_when_the_same_failure_comes_twice_then_skips_to_the_next_rung() -> None:
    evidence = Evidence("code", "sig", seen=("sig",), handoff=REPORT)
    above = ROUTER.next_rung(FIRST, evidence)
    assert above is not None
    assert above.rung == FIRST.rung + 1
    assert "the same failure twice" in above.reasons[-1]


def test_climb_when_the_model_has_more_effort_then_effort_before_another_model() -> None:
    text = '[roles.builder]\nladder = ["gemini-3.1-pro@low", "claude-opus-4-6"]'
    router = Router(parse_policy(text), CATALOG, PRICES)
    first = router.route(Task("x", kind="docs", complexity=0.1))
    second = router.next_rung(first, Evidence("code", "s", tries_on_rung=2, handoff=REPORT))
    assert second is not None
    assert (second.model, second.effort) == (first.model, "medium")


def test_climb_when_the_transport_failed_then_no_rung_is_used_up() -> None:
    again = ROUTER.next_rung(FIRST, Evidence("transport", tries_on_rung=9))
    assert again is not None
    assert again.rung == FIRST.rung


@pytest.mark.parametrize("cause", ["spec", "intent"])
def test_climb_when_no_model_can_help_then_nobody(cause: str) -> None:
    assert ROUTER.next_rung(FIRST, Evidence(cause, handoff=REPORT)) is None  # type: ignore[arg-type]


def test_handoff_when_missing_then_no_other_model_takes_over() -> None:
    with pytest.raises(GuardError) as error:
        ROUTER.next_rung(FIRST, Evidence("code", "s", tries_on_rung=3))
    assert error.value.code == "guard.handoff"
    off = POLICY.model_copy(update={"guards": POLICY.guards.model_copy(update={"handoff": "off"})})
    free = Router(off, CATALOG, PRICES)
    assert free.next_rung(free.route(TASK), Evidence("code", "s", tries_on_rung=3)) is not None


# --- guard: models are not interchangeable ---

PLAN = ROUTER.route(Task("x", kind="planning"))


def test_substitution_when_the_same_model_is_dated_then_no_substitution() -> None:
    verdict = ROUTER.check_substitution(FIRST, "claude-haiku-4-5-20251001", TASK)
    assert (verdict.is_same, verdict.is_fit) == (True, True)


def test_substitution_when_a_weaker_model_plans_then_refused_with_both_names() -> None:
    verdict = ROUTER.check_substitution(PLAN, "claude-haiku-4-5", Task("x", kind="planning"))
    assert (verdict.is_same, verdict.is_fit) == (False, False)
    assert verdict.requested == "anthropic/claude-opus-4-6"
    assert verdict.served == "claude-haiku-4-5"
    assert any("floor" in reason for reason in verdict.reasons)


def test_substitution_when_it_lacks_what_the_task_needs_then_refused() -> None:
    task = Task("x", kind="codegen", needs=frozenset({"vision"}))
    decision = ROUTER.route(task)
    verdict = ROUTER.check_substitution(decision, "openrouter/deepseek/deepseek-v4-pro", task)
    assert not verdict.is_fit
    assert "lacks vision" in verdict.reasons[0]


def test_substitution_when_it_is_unknown_then_refused() -> None:
    assert not ROUTER.check_substitution(FIRST, "mystery-1", TASK).is_fit


def test_substitution_when_it_fits_then_explained() -> None:
    verdict = ROUTER.check_substitution(FIRST, "gemini-3.1-pro-preview", TASK)
    assert (verdict.is_same, verdict.is_fit) == (False, True)
    assert "stands in for" in verdict.reasons[0]
    assert len(verdict.reasons) > 1
