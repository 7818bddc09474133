"""What the user's own runs have shown: kept as text, moving chances slowly, left out by policy."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.catalog import Catalog
from masterplan.core.decision import Decision
from masterplan.core.errors import InputError
from masterplan.core.model import ModelCard
from masterplan.core.task import Task
from masterplan.policy import Policy, parse_policy
from masterplan.routing import Router
from masterplan.routing.known import Known, OwnStrength, dump_known, parse_known

HAIKU, OPUS = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-6"
POLICY = f"""
[models]
haiku = "{HAIKU}"
opus = "{OPUS}"
[roles.planner]
ladder = ["opus"]
[roles.builder]
ladder = ["haiku", "opus"]
[roles.reviewer]
ladder = ["haiku", "opus"]
"""
TASK = Task("", kind="codegen", complexity=0.5)


def price(card: ModelCard, into: int, out: int) -> int:
    return (into + 5 * out) * (1_000 if card.id == HAIKU else 5_000)


def route(known: Known, task: Task = TASK, text: str = POLICY) -> Decision:
    policy: Policy = parse_policy(text)
    return Router(policy, Catalog.load(), price, known).route(task)


def own(succeeded: float, tried: float, expected: float = -1) -> Known:
    expected = 0.6 * tried if expected < 0 else expected
    return Known((OwnStrength(HAIKU, "codegen", succeeded, tried, expected, round(tried)),))


def test_chance_when_own_results_are_few_then_it_moves_little() -> None:
    before = route(Known()).expected_success or 0
    after = route(own(0, 3)).expected_success or 0
    assert 0 < before - after < 0.12


def test_chance_when_own_results_are_many_then_they_decide() -> None:
    bad, good = route(own(6, 100)), route(own(98, 100))
    assert bad.model == OPUS
    assert good.model == HAIKU
    assert (good.expected_success or 0) > 0.8
    assert any("own runs: 98.0 of 100.0 where 60.0 were expected" in r for r in good.reasons)


def test_chance_when_results_are_as_expected_then_it_stays() -> None:
    before, after = route(Known()), route(own(60, 100))
    assert after.expected_success == pytest.approx(before.expected_success, abs=1e-3)
    assert before.inputs_hash != after.inputs_hash


def test_decision_when_the_policy_does_not_learn_then_it_is_as_without() -> None:
    text = POLICY + "[routing]\nlearn = false\n"
    known = Known(own(0, 100).strengths, 0.9, 50)
    assert route(known, text=text) == route(Known(), text=text)


def test_start_when_checks_let_much_through_then_it_is_higher() -> None:
    leaky, tight = route(Known((), 0.95, 40)), route(Known((), 0.01, 40))
    assert (leaky.model, tight.model) == (OPUS, HAIKU)
    assert "your checks let 95% of wrong work through (measured on 40)" in leaky.reasons
    assert len({leaky.inputs_hash, tight.inputs_hash, route(Known()).inputs_hash}) == 3


def test_decision_when_nothing_verifies_the_work_then_it_says_that_there_is_no_ladder() -> None:
    review = route(Known(), Task("", kind="review", complexity=0.5))
    assert any("nothing verifies a reviewer's work" in reason for reason in review.reasons)
    assert not any("nothing verifies" in reason for reason in route(Known()).reasons)


@given(
    st.lists(
        st.builds(
            lambda model, kind, done, more: OwnStrength(model, kind, done, done + more, done, 1),
            st.text(max_size=20),
            st.sampled_from(["codegen", "tests"]),
            st.floats(0, 1e4),
            st.floats(0, 1e4),
        ),
        max_size=4,
        unique_by=lambda one: (one.model, one.kind),
    ),
    st.none() | st.floats(0, 1),
)
def test_known_when_written_and_read_then_it_is_the_same(
    strengths: list[OwnStrength], rate: float | None
) -> None:
    known = Known(tuple(strengths), rate, 3)
    read = parse_known(dump_known(known))
    assert dump_known(read) == dump_known(known)
    assert read.version == known.version


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_known_when_the_text_is_anything_then_it_is_read_or_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_known(text)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": 2}, "known.other_version"),
        ({"false_acceptance": 2}, "known.damaged"),
        ({"false_acceptance": "nan"}, "known.damaged"),
        ({"strengths": [{"model": "m"}]}, "known.damaged"),
        ({"strengths": [{**vars(own(5, 4).strengths[0])}]}, "known.damaged"),
        ({"strengths": [{**vars(own(1, 4).strengths[0]), "kind": "magic"}]}, "known.damaged"),
        ({"wrong_seen": None}, "known.damaged"),
    ],
)
def test_known_when_a_figure_is_impossible_then_it_is_refused(
    change: dict[str, object], code: str
) -> None:
    text = json.dumps({**json.loads(dump_known(Known())), **change}, default=str)
    with pytest.raises(InputError) as caught:
        parse_known(text, "learned.json")
    assert (caught.value.code, caught.value.where) == (code, "learned.json")
    assert "masterplan models learn" in caught.value.mend
