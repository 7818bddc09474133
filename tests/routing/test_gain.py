"""Weights at run time: arithmetic to check by hand, refused when damaged, used rarely."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.catalog import Catalog
from masterplan.core.decision import Decision
from masterplan.core.errors import InputError
from masterplan.core.model import ModelCard
from masterplan.core.task import Task
from masterplan.policy import parse_policy
from masterplan.routing import Router
from masterplan.routing.feature import BUCKETS, read_prompt
from masterplan.routing.gain import SIGHT, Domain, Group, Space, Weights, predict_gain
from masterplan.routing.gainfile import dump_weights, parse_weights, sealed

HAIKU, OPUS = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-6"
PROMPT = "Why is the theorem true?"
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


def weights_of(gain: float, limit: float = 1e9, weak: str = "haiku", **more: object) -> Weights:
    """Weights that predict one gain for all, with everything inside unless the limit says other."""
    width = len(SIGHT)
    joint = tuple(tuple(float(x == y) for y in range(width)) for x in range(width))
    space = Space(bytes([24]) * BUCKETS, bytes(1 << 14), {}, ())
    zeros, ones = (0.0,) * width, (1.0,) * width
    fields: dict[str, object] = {
        "terms": bytes(BUCKETS),
        "step": 0.01,
        "bias": gain,
        "group_share": 0.0,
        "slope": 1.0,
        "shift": 0.0,
        "doubt": 0.01,
        "space": space,
        "domain": Domain(zeros, ones, joint, limit),
        "provenance": {"data": "by hand"},
    }
    return sealed(Weights(weak, "opus", **{**fields, **more}))  # type: ignore[arg-type]


def price(card: ModelCard, into: int, out: int) -> int:
    return (into + 5 * out) * (1_000 if card.id == HAIKU else 5_000)


def route(weights: Weights | None, task: Task | None = None, text: str = POLICY) -> Decision:
    asked = Task(PROMPT, kind="review", is_one_shot=True) if task is None else task
    return Router(parse_policy(text), Catalog.load(), price, gain=weights).route(asked)


def test_gain_when_one_word_has_weight_then_it_is_its_share_of_the_prompt() -> None:
    prompt = read_prompt("theorem theorem lemma")
    bucket = next(b for b, name in prompt.names.items() if name == "theorem")
    terms = bytearray(BUCKETS)
    terms[bucket] = 50
    found = predict_gain(weights_of(0.1, terms=bytes(terms)), "theorem theorem lemma")
    length = sum(weight * weight for weight in prompt.terms.values()) ** 0.5
    assert found.gain == pytest.approx(0.1 + 0.5 * prompt.terms[bucket] / length)
    assert found.reasons == (
        f"for the strong model speak 'theorem' {0.5 * prompt.terms[bucket] / length:+.3f}",
    )


def test_gain_when_a_group_is_near_then_it_counts_by_its_share() -> None:
    prompt = read_prompt("law court")
    group = Group(0.5, 120, {bucket: 0.3 for bucket in prompt.terms}, "law, court")
    space = Space(bytes([24]) * BUCKETS, bytes(1 << 14), {}, (group,))
    found = predict_gain(weights_of(0.1, space=space, group_share=0.25), "law court")
    assert found.gain == pytest.approx(0.75 * 0.1 + 0.25 * 0.5)
    assert found.reasons[-1] == (
        "nearest are 120 trained prompts (law, court) with a gain of +0.50"
    )


def test_weights_when_written_and_read_then_they_are_the_same() -> None:
    weights = weights_of(0.2)
    read = parse_weights(dump_weights(weights), "gain.json")
    assert read == weights
    assert len(read.version) == 16
    assert read.version != weights_of(0.21).version


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"format": 2}, "gain.other_version", "gain.json: format"),
        ({"features": "words-0"}, "gain.other_version", "gain.json: features"),
        ({"bias": 0.3}, "gain.damaged", "gain.json"),
        ({"terms": "AAAA"}, "gain.damaged", "gain.json"),
        ({"digest": None}, "gain.damaged", "gain.json"),
    ],
)
def test_weights_when_changed_then_they_are_refused_with_place_and_mend(
    change: dict[str, object], code: str, place: str
) -> None:
    text = json.dumps({**json.loads(dump_weights(weights_of(0.2))), **change})
    with pytest.raises(InputError) as caught:
        parse_weights(text, "gain.json")
    assert (caught.value.code, caught.value.where) == (code, place)
    assert "masterplan train" in caught.value.mend


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_weights_when_the_text_is_anything_then_it_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_weights(text, "gain.json")


@given(st.text(max_size=3_000))
def test_gain_when_the_prompt_is_anything_then_it_is_a_gain(text: str) -> None:
    found = predict_gain(HUNDREDTH, text)
    assert -1 <= found.gain <= 1


HUNDREDTH = weights_of(0.01, terms=bytes(b % 256 for b in range(BUCKETS)))


def test_gain_when_predicted_then_it_takes_a_millisecond_at_most() -> None:
    text = "Which of these holds for a bounded operator on a lattice? " * 20
    fastest = min(_seconds(lambda: predict_gain(HUNDREDTH, text)) for _ in range(30))
    assert fastest <= 0.001


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def test_decision_when_the_gain_is_large_then_it_is_the_strong_model() -> None:
    much, none = route(weights_of(0.6)), route(weights_of(-0.1))
    assert (much.model, none.model) == (OPUS, HAIKU)
    assert any("is expected to gain +0.60 ± 0.02 over" in reason for reason in much.reasons)
    assert none.expected_success == pytest.approx((much.expected_success or 0) + 0.1, abs=1e-3)
    assert len({much.inputs_hash, none.inputs_hash, route(None).inputs_hash}) == 3


def test_decision_when_the_prompt_is_another_then_its_inputs_are_too() -> None:
    other = Task(PROMPT + "!", kind="review", is_one_shot=True)
    weights = weights_of(0.1)
    assert route(weights, other).inputs_hash != route(weights).inputs_hash
    assert route(weights) == route(weights)


def test_decision_when_the_prompt_is_outside_then_the_strengths_decide() -> None:
    found, plain = route(weights_of(-0.5, limit=0.0)), route(None)
    assert (found.model, found.expected_success) == (plain.model, plain.expected_success)
    assert any("the strengths decide" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    "task",
    [
        Task(PROMPT, kind="review"),
        Task(PROMPT, kind="codegen", is_one_shot=True),
        Task("Fix the race condition", is_one_shot=True),
        Task(PROMPT, kind="review", lane="subagent", is_one_shot=True),
        Task(PROMPT, kind="review", needs=frozenset({"tools"}), is_one_shot=True),
        Task(PROMPT, kind="review", model="opus", is_one_shot=True),
        Task("", kind="review", is_one_shot=True),
    ],
)
def test_decision_when_it_is_not_one_prompt_then_weights_are_not_asked(task: Task) -> None:
    found, plain = route(weights_of(-0.9), task), route(None, task)
    assert (found.model, found.reasons) == (plain.model, plain.reasons)


def test_decision_when_nothing_tells_the_kind_then_weights_are_asked() -> None:
    task = Task("Natalia sold 48 clips and then half as many. How many?", is_one_shot=True)
    assert route(weights_of(0.9), task).model == OPUS
    assert any("expected to gain" in reason for reason in route(weights_of(0.9), task).reasons)


def test_router_when_the_weights_name_unknown_models_then_it_says_how_to_name_them() -> None:
    with pytest.raises(InputError) as caught:
        route(weights_of(0.1, weak="mixtral-8x7b"))
    assert caught.value.code == "gain.unknown_model"
    assert 'mixtral-8x7b" = "PROVIDER/MODEL"' in caught.value.mend
    named = POLICY.replace("[roles.planner]", f'"mixtral-8x7b" = "{HAIKU}"\n[roles.planner]')
    assert route(weights_of(0.9, weak="mixtral-8x7b"), text=named).model == OPUS
