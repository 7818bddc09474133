"""Switching priced with the cache: hand-made sums, free moments, and who wins when."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masterplan.catalog import Catalog, Prices
from masterplan.core.model import ModelCard
from masterplan.core.usage import Usage
from masterplan.routing.switch import (
    HANDOFF_OUTPUT_TOKENS,
    MOST_TURNS,
    CacheState,
    Outlook,
    Side,
    Switch,
    free_moment,
    shaken,
    weigh,
)

CATALOG = Catalog.load()
PRICES = Prices.load(as_of=datetime(2026, 11, 22, 12, tzinfo=UTC))
OPUS, HAIKU = CATALOG.card("claude-opus-4-6"), CATALOG.card("claude-haiku-4-5")
GEMINI = CATALOG.card("gemini-3.1-pro")
WARM = CacheState(OPUS.id, 100_000, age_s=30, ttl_s=300)
ONE = Outlook(100_000, growth_tokens=0, output_tokens=0, turns=1)


def weighed(old: Side, new: Side, cache: CacheState = WARM, outlook: Outlook = ONE) -> Switch:
    return weigh(old, new, cache, outlook, PRICES.usage_nano)


def known(switch: Switch) -> tuple[int, int]:
    assert switch.stay_nano is not None
    assert switch.switch_nano is not None
    return switch.stay_nano, switch.switch_nano


def test_weigh_when_the_cache_is_warm_then_staying_reads_it_and_switching_writes_all() -> None:
    stay, switch = known(weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0)))
    assert stay == 100_000 * 500  # $0.50 a million read from the cache
    assert switch == 100_000 * 1_250  # $1.25 a million written to the new one
    assert not weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0)).is_worth


def test_weigh_when_the_horizon_is_long_then_the_new_cache_pays_for_itself() -> None:
    work = replace(ONE, growth_tokens=1_500, output_tokens=500, turns=30)
    assert weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0), outlook=work).is_worth


def test_weigh_when_the_ttl_lapsed_then_both_begin_cold() -> None:
    cold = replace(WARM, age_s=301)
    told = weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0), cold)
    assert known(told) == (100_000 * 6_250, 100_000 * 1_250)
    assert "lapsed 1 s ago" in told.free_moment
    assert told.is_worth


def test_weigh_when_turns_are_slower_than_the_ttl_then_every_turn_is_cold() -> None:
    slow = replace(ONE, turns=3, pace_s=400)
    stay, _ = known(weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0), outlook=slow))
    assert stay == 100_000 * 500 + 2 * 100_000 * 6_250


def test_weigh_when_the_cache_lives_an_hour_then_writing_is_priced_so() -> None:
    _, switch = known(weighed(Side(HAIKU, 1.0), Side(OPUS, 1.0, ttl_s=3_600)))
    assert switch == 100_000 * 10_000


def test_weigh_when_a_handoff_is_written_then_its_call_is_paid_and_less_is_carried() -> None:
    bare = replace(ONE, handoff_tokens=4_000)
    _, switch = known(weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0), outlook=bare))
    asked = 100_000 * 500 + HANDOFF_OUTPUT_TOKENS * 25_000
    assert switch == asked + 4_000 * 1_250
    plan = replace(bare, is_handoff_written=True)
    assert known(weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0), outlook=plan))[1] == 4_000 * 1_250
    assert weighed(Side(OPUS, 1.0), Side(HAIKU, 1.0), outlook=plan).is_worth


def test_weigh_when_the_model_fails_then_its_failures_pay_for_a_better_one() -> None:
    work = Outlook(60_000, handoff_tokens=5_000, turns=15)
    cache = CacheState(HAIKU.id, 60_000, 10, 300)
    assert not weighed(Side(HAIKU, 0.75), Side(OPUS, 0.8), cache, work).is_worth
    doubted = Side(HAIKU, shaken(0.75, 5))
    assert weighed(doubted, Side(OPUS, 0.8), cache, work).is_worth


def test_weigh_when_nobody_checks_the_work_then_success_weighs_more() -> None:
    work = Outlook(60_000, turns=10)
    cache = CacheState(HAIKU.id, 60_000, 10, 300)
    sides = Side(HAIKU, 0.7), Side(OPUS, 0.85)
    built, read = (
        known(weighed(*sides, cache, replace(work, role=role)))
        for role in ("builder", "researcher")
    )
    assert read[0] - built[0] > read[1] - built[1]


def test_weigh_when_a_price_is_unknown_then_not_worth_it_and_says_so() -> None:
    odd = ModelCard("x/y", "x", "y", "y", "standard", 1000, 100, frozenset(), "anthropic", "nope")
    told = weighed(Side(OPUS, 0.5), Side(odd, 0.9))
    assert (told.is_worth, told.stay_nano, told.switch_nano) == (False, None, None)
    assert "price is unknown" in told.reasons[0]


def test_weigh_when_the_new_model_is_the_users_own_then_only_its_failures_cost() -> None:
    own = CATALOG.card("embedded/qwen2.5-coder-0.5b")
    stay, switch = known(weighed(Side(OPUS, 1.0), Side(own, 1.0)))
    assert (stay > 0, switch) == (True, 0)


@pytest.mark.parametrize(
    ("cache", "outlook", "word"),
    [
        (WARM, replace(ONE, moment="new"), "new lane"),
        (WARM, replace(ONE, moment="compacted"), "compacted"),
        (replace(WARM, cached_tokens=0), ONE, "nothing is cached"),
        (replace(WARM, ttl_s=0), ONE, "nothing is cached"),
        (replace(WARM, age_s=300), ONE, "lapsed"),
        (WARM, ONE, ""),
    ],
)
def test_free_moment_when_no_warm_cache_is_lost_then_said(
    cache: CacheState, outlook: Outlook, word: str
) -> None:
    told = free_moment(cache, outlook)
    assert (word in told) if word else told == ""


def test_record_when_logged_then_holds_both_predictions_and_the_spend_after() -> None:
    told = weighed(Side(OPUS, 0.8), Side(GEMINI, 0.8))
    record = json.loads(json.dumps(told.as_json(spent_nano=5, spent_turns=2)))
    assert record["expected_stay_nano"] == told.stay_nano
    assert record["expected_switch_nano"] == told.switch_nano
    assert (record["from"], record["to"]) == (OPUS.id, GEMINI.id)
    assert (record["spent_nano"], record["spent_turns"]) == (5, 2)
    assert told.as_json()["spent_nano"] is None


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 400_000),
    st.integers(0, 400_000),
    st.integers(-5, 500),
    st.sampled_from([0.0, 300.0, 3_600.0]),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_weigh_when_only_the_success_of_the_new_one_grows_then_switching_never_gets_dearer(
    history: int, cached: int, turns: int, ttl_s: float, low: float, high: float
) -> None:
    low, high = sorted((low, high))
    cache = CacheState(OPUS.id, cached, 10, ttl_s)
    work = Outlook(history, turns=turns)
    worse = weighed(Side(OPUS, 0.5), Side(GEMINI, low), cache, work)
    better = weighed(Side(OPUS, 0.5), Side(GEMINI, high), cache, work)
    assert known(better)[1] <= known(worse)[1]
    assert 1 <= better.horizon_turns <= MOST_TURNS


def test_weigh_when_the_horizon_is_the_longest_then_still_a_millisecond_or_so() -> None:
    work = Outlook(100_000, turns=MOST_TURNS)
    weighed(Side(OPUS, 0.5), Side(GEMINI, 0.5), outlook=work)
    begun = time.process_time()
    for _ in range(20):
        weighed(Side(OPUS, 0.5), Side(GEMINI, 0.5), outlook=work)
    assert (time.process_time() - begun) / 20 < 0.01


def test_usage_when_priced_in_the_tests_then_the_classes_are_the_lists() -> None:
    assert PRICES.usage_nano(OPUS, Usage(1_000_000, cache_read_tokens=1_000_000)) == 500_000_000
