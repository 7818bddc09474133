"""The retry table, the breaker and the budget as pure values, and an outage at full length."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_case import HI, QUICK, Memory, calling, registry_of

from masterplan.core.errors import ProviderError
from masterplan.providers import Caller, Endpoint, Limits, WasSent
from masterplan.providers.breaker import FAILURES_TO_OPEN, LONGEST_PAUSE_S, Breaker, RetryBudget
from masterplan.providers.call import Nature
from masterplan.providers.fake import Reply
from masterplan.providers.retry import TRIED_AGAIN, Retry, Row, Stop, decide, row_of

LIMITS = Limits()


def error(code: str = "provider.x", status: int | None = None) -> ProviderError:
    return ProviderError(code, "x", status=status)


ROWS: list[tuple[ProviderError, WasSent, bool, Row]] = [
    (error("provider.refused_connection"), "no", False, "not_sent"),
    (error("provider.dns"), "no", False, "not_sent"),
    (error("provider.reset"), "no", False, "not_sent"),
    (error(status=429), "yes", False, "busy"),
    (error(status=529), "yes", False, "busy"),
    (error(status=401), "yes", False, "refused"),
    (error(status=504), "yes", False, "refused"),
    (error("provider.quota", 429), "yes", False, "refused"),
    (error("provider.redirect", 307), "yes", False, "refused"),
    (error("provider.reset"), "ambiguous", False, "ambiguous"),
    (error("provider.first_byte_timeout"), "ambiguous", False, "ambiguous"),
    (error("provider.cut"), "yes", False, "before_content"),
    (error("provider.overloaded_error"), "yes", False, "before_content"),
    (error("provider.invalid_request_error"), "yes", False, "refused"),
    (error("provider.cut"), "yes", True, "after_content"),
    (error("provider.stalled"), "yes", True, "after_content"),
]


@pytest.mark.parametrize(("failure", "was_sent", "has_content", "row"), ROWS)
def test_failure_when_classified_falls_under_its_row(
    failure: ProviderError, was_sent: WasSent, has_content: bool, row: Row
) -> None:
    assert row_of(failure, was_sent, has_content=has_content) == row


@pytest.mark.parametrize("row", get_args(Row))
def test_row_when_decided_follows_the_table(row: Row) -> None:
    verdict = decide(error(), row, 1, LIMITS, 0.5)
    assert isinstance(verdict, Retry) == TRIED_AGAIN[row]
    assert isinstance(decide(error(), row, LIMITS.attempts, LIMITS, 0.5), Stop)


@given(st.floats(0, 0.999), st.floats(0, 60), st.integers(1, 2))
def test_wait_when_stated_is_never_cut_short(dice: float, stated: float, number: int) -> None:
    failure = replace(error(status=429), retry_after_s=stated)
    verdict = decide(failure, "busy", number, LIMITS, dice)
    assert isinstance(verdict, Retry)
    assert verdict.wait_s >= stated


def test_herd_when_it_gets_one_stated_wait_is_spread() -> None:
    dice = random.Random(7)
    failure = replace(error(status=429), retry_after_s=1.0)
    waits = [decide(failure, "busy", 1, LIMITS, dice.random()) for _ in range(200)]
    bins: dict[int, int] = {}
    for verdict in waits:
        assert isinstance(verdict, Retry)
        bins[int(verdict.wait_s * 10)] = bins.get(int(verdict.wait_s * 10), 0) + 1
    assert max(bins.values()) <= 30


def test_breaker_when_its_probe_fails_waits_longer_and_when_it_succeeds_closes() -> None:
    state = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        assert state.wait_s(0) == 0
        state = state.admitted().failed(0)
    first = state.wait_s(0)
    assert first > 0
    probing = state.admitted()
    assert probing.wait_s(first) > 0, "only one probe at a time"
    again = probing.failed(first)
    assert again.wait_s(first) == 2 * first
    assert state.admitted().released().wait_s(first) == 0
    assert state.admitted().succeeded() == Breaker()


@given(st.lists(st.sampled_from(["ask", "fail", "ok", "gone"]), max_size=60))
def test_breaker_when_anything_happens_never_shuts_for_longer_than_its_pause(
    happenings: list[str],
) -> None:
    state, now = Breaker(), 0.0
    for what in happenings:
        if what == "ask" and state.wait_s(now) == 0:
            state = state.admitted()
        elif what == "fail":
            state = state.failed(now)
        elif what == "ok":
            state = state.succeeded()
        elif what == "gone":
            state = state.released()
        assert state.released().wait_s(now) <= LONGEST_PAUSE_S
        now += 1


@given(st.lists(st.booleans(), max_size=400))
def test_budget_when_spent_never_exceeds_its_share_and_burst(wishes: list[bool]) -> None:
    budget, retries = RetryBudget.full(0.1, 10), 0
    for wish in wishes:
        budget = budget.earned()
        if wish and budget.has_one:
            budget, retries = budget.spent(), retries + 1
    assert retries <= 10 + 0.1 * len(wishes)


async def test_outage_when_long_is_not_amplified_and_ends_soon_after_the_provider_is_back() -> None:
    now = 0.0
    dead_until, requests = 600.0, 2_000

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += min(seconds, 0.001)  # others go on while one waits

    def answer(_: object) -> Reply:
        return Reply(status=529) if now < dead_until else Reply()

    nature = Nature(clock=lambda: now, sleep=sleep, dice=lambda: 0.5)
    async with calling(answer, limits=QUICK, nature=nature) as (caller, fake):
        recovered_at = None
        for _ in range(requests):
            now += 650 / requests
            try:
                await caller.complete("fake", HI, on_attempt=Memory())
            except ProviderError:
                continue
            recovered_at = recovered_at or now
        assert len(fake.received) <= 1.1 * requests
        assert recovered_at is not None
        assert recovered_at - dead_until <= 30


async def test_breaker_when_open_sends_nothing_and_says_how_long() -> None:
    async with calling([Reply(status=503)]) as (caller, fake):
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(ProviderError):
                await caller.complete("fake", HI, on_attempt=Memory())
        before, memory = len(fake.received), Memory()
        with pytest.raises(ProviderError) as caught:
            await caller.complete("fake", HI, on_attempt=memory)
        assert caught.value.code == "provider.unavailable"
        assert caught.value.retry_after_s is not None
        assert "503" in caught.value.message
        assert (len(fake.received), memory.begun) == (before, [])


async def test_breaker_when_a_host_is_not_there_then_still_says_how_to_mend_it() -> None:
    endpoint = Endpoint("fake", "anthropic", "https://no-such-host.invalid", ("FAKE_KEY",))
    async with Caller(registry_of(endpoint), replace(QUICK, attempts=1)) as caller:
        for _ in range(FAILURES_TO_OPEN + 1):
            with pytest.raises(ProviderError) as caught:
                await caller.complete("fake", HI, on_attempt=Memory())
    assert caught.value.code == "provider.unavailable"
    assert "'no-such-host.invalid' cannot be resolved (check that this" in caught.value.message


async def test_retries_when_every_request_is_limited_stay_within_their_share() -> None:
    async with calling([Reply(status=429)]) as (caller, fake):
        for _ in range(60):
            with pytest.raises(ProviderError):
                await caller.complete("fake", HI, on_attempt=Memory())
        retries = len(fake.received) - 60
        assert 10 <= retries <= 10 + 0.1 * 60
