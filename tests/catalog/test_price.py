"""Prices: exact nano-dollars against hand-made arithmetic, tiers, contexts, and honest unknowns."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masterplan.catalog import Catalog, Prices
from masterplan.core.errors import CatalogError
from masterplan.core.model import ModelCard
from masterplan.core.money import to_nano
from masterplan.core.usage import Usage

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
CATALOG = Catalog.load()
PRICES = Prices.load(as_of=AT)
OPUS = CATALOG.card("claude-opus-4-6")
GEMINI = CATALOG.card("gemini-3.1-pro")
COUNT = st.integers(0, 2_000_000)
LISTED = sorted(
    (home.id, model.id)
    for home in get_snapshot().providers
    for model in home.models
    if PRICES.expected_nano(
        replace(OPUS, id="x/y", price_provider=home.id, price_name=model.id), 1, 1
    )
)
MOMENT = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def by_hand(counts: tuple[int, ...], rates: tuple[str, ...]) -> int:
    """The oracle: dollars a million tokens by Decimal."""
    usd = sum((n * Decimal(r) for n, r in zip(counts, rates, strict=True)), Decimal(0))
    return to_nano(usd / 1_000_000)


@settings(max_examples=150, deadline=None)
@given(COUNT, COUNT, COUNT, COUNT, COUNT)
def test_price_when_reported_then_equals_the_list_exactly(
    fresh: int, read: int, five: int, hour: int, out: int
) -> None:
    usage = Usage(fresh + read + five + hour, out, read, five, hour, source="reported")
    cost = PRICES.price(OPUS, usage, at=AT)
    expected = by_hand((fresh, read, five, hour, out), ("5", "0.5", "6.25", "10", "25"))
    assert (cost.nano, cost.quality) == (expected, "reported")


def by_the_library(card: ModelCard, usage: Usage, at: datetime) -> int | None:
    """The other oracle: the price list's own calculation, one call of it a price."""
    if card.is_free:
        return 0
    assert card.price_provider is not None
    assert card.price_name is not None
    cached = usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    told = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=max(usage.input_tokens, cached),
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
        ),
        card.price_name,
        provider_id=card.price_provider,
        genai_request_timestamp=at,
    )
    return to_nano(told.total_price)


@example(("perplexity", "sonar"), (0, 0, 0, 0, 0), datetime(2025, 1, 1, tzinfo=UTC))
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LISTED), st.tuples(COUNT, COUNT, COUNT, COUNT, COUNT), MOMENT)
def test_price_of_any_listed_model_when_asked_then_is_the_librarys_to_the_nano(
    which: tuple[str, str], counts: tuple[int, int, int, int, int], at: datetime
) -> None:
    home, name = which
    card = replace(OPUS, id=f"{home}/{name}", price_provider=home, price_name=name)
    into, out, read, five, hour = counts
    usage = Usage(into, out, read, five, hour, source="reported")
    assert PRICES.price(card, usage, at=at).nano == by_the_library(card, usage, at)


@pytest.mark.parametrize(
    ("tokens", "rates"), [(200_000, ("2", "12")), (200_001, ("4", "18"))], ids=["short", "long"]
)
def test_price_when_context_is_long_then_the_dearer_tier_holds_for_all_of_it(
    tokens: int, rates: tuple[str, str]
) -> None:
    cost = PRICES.price(GEMINI, Usage(tokens, 1_000, source="reported"), at=AT)
    assert cost.nano == by_hand((tokens, 1_000), rates)


def test_price_when_dated_then_the_list_of_that_day_holds() -> None:
    usage = Usage(300_000, 0, source="reported")
    before = PRICES.price(OPUS, usage, at=datetime(2026, 3, 1, tzinfo=UTC))
    assert before.nano == by_hand((300_000,), ("10",))
    assert PRICES.price(OPUS, usage, at=AT).nano == by_hand((300_000,), ("5",))


def test_price_when_service_tier_is_listed_then_its_price_holds() -> None:
    usage = Usage(1_000_000, 0, source="reported")
    opus_48 = CATALOG.card("claude-opus-4-8")
    assert PRICES.price(OPUS, usage, at=AT, tier="batch").nano == by_hand((1_000_000,), ("2.5",))
    assert PRICES.price(opus_48, usage, at=AT, tier="fast").nano == by_hand((1_000_000,), ("10",))
    mini = CATALOG.card("gpt-5.4-mini")
    standard = PRICES.price(mini, usage, at=AT).nano
    flex = PRICES.price(mini, usage, at=AT, tier="flex").nano
    assert standard is not None
    assert flex == standard // 2


def test_price_when_service_tier_is_not_listed_then_unknown_and_never_the_standard_price() -> None:
    cost = PRICES.price(OPUS, Usage(1_000, 0, source="reported"), at=AT, tier="flex")
    assert (cost.nano, cost.quality) == (None, "unknown")


def test_price_when_model_is_not_listed_then_unknown_and_never_zero() -> None:
    card = ModelCard("x/y", "x", "y", "y", "standard", 1000, 100, frozenset(), "x", "y")
    odd = ModelCard("x/y", "x", "y", "y", "standard", 1000, 100, frozenset(), "anthropic", "nope")
    bare = ModelCard("x/y", "x", "y", "y", "standard", 1000, 100, frozenset())
    for each in (card, odd, bare):
        cost = PRICES.price(each, Usage(5, 5, source="reported"), at=AT)
        assert (cost.nano, cost.quality) == (None, "unknown")
        assert PRICES.worst_case_nano(each, 5, 5) is None
        assert PRICES.expected_nano(each, 5, 5) is None


def test_price_when_usage_is_estimated_or_missing_then_says_so() -> None:
    estimated = PRICES.price(OPUS, Usage(1_000, 10, source="estimated"), at=AT)
    assert (estimated.quality, bool(estimated.method)) == ("estimated", True)
    assert PRICES.price(OPUS, Usage(), at=AT).quality == "unknown"
    assert PRICES.price(OPUS, Usage(source="reported"), at=AT).nano == 0


def test_price_when_run_by_the_user_then_a_reported_zero() -> None:
    embedded = CATALOG.card("embedded/qwen2.5-coder-0.5b")
    cost = PRICES.price(embedded, Usage(1_000, 10, source="reported"), at=AT)
    assert (cost.nano, cost.quality, cost.method) == (0, "reported", "run by the user")
    assert PRICES.worst_case_nano(embedded, 1_000, 10) == 0


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(CATALOG.cards)),
    st.integers(0, 500_000),
    st.integers(0, 60_000),
    st.integers(0, 3),
    st.integers(0, 100),
)
def test_worst_case_when_any_cache_split_then_is_never_exceeded(
    name: str, tokens: int, out: int, kind: int, percent: int
) -> None:
    card = CATALOG.card(name)
    cached = [0, 0, 0]
    if kind:
        cached[kind - 1] = tokens * percent // 100
    usage = Usage(tokens, out, *cached, source="reported")
    cost, worst = PRICES.price(card, usage, at=AT), PRICES.worst_case_nano(card, tokens, out)
    assert cost.nano is not None
    assert worst is not None
    assert cost.nano <= worst


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(CATALOG.cards)), st.integers(0, 900_000), st.integers(0, 60_000))
def test_expected_when_nothing_is_cached_then_is_the_price(
    name: str, tokens: int, out: int
) -> None:
    card = CATALOG.card(name)
    expected = PRICES.expected_nano(card, tokens, out)
    assert expected == PRICES.price(card, Usage(tokens, out, source="reported"), at=AT).nano


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(CATALOG.cards)), COUNT, COUNT, COUNT, COUNT, COUNT)
def test_usage_when_expected_then_is_the_price_with_every_cache_class(
    name: str, fresh: int, read: int, five: int, hour: int, out: int
) -> None:
    card = CATALOG.card(name)
    usage = Usage(fresh + read + five + hour, out, read, five, hour)
    exact = PRICES.price(card, replace(usage, source="reported"), at=AT).nano
    assert exact is not None
    assert PRICES.usage_nano(card, usage) == exact == by_the_library(card, usage, AT)


def test_usage_when_read_from_a_cache_then_a_tenth_of_fresh_and_writing_costs_more() -> None:
    fresh = PRICES.usage_nano(OPUS, Usage(100_000))
    assert fresh == by_hand((100_000,), ("5",))
    assert PRICES.usage_nano(OPUS, Usage(100_000, cache_read_tokens=100_000)) == fresh // 10
    written = PRICES.usage_nano(OPUS, Usage(100_000, cache_write_5m_tokens=100_000))
    assert written == by_hand((100_000,), ("6.25",))
    odd = ModelCard("x/y", "x", "y", "y", "standard", 1000, 100, frozenset(), "anthropic", "nope")
    assert PRICES.usage_nano(odd, Usage(5)) is None


def test_every_paid_card_when_priced_then_is_known() -> None:
    unknown = [c.id for c in CATALOG.cards.values() if not PRICES.expected_nano(c, 9, 9)]
    assert unknown == ["embedded/qwen2.5-coder-1.5b", "embedded/qwen2.5-coder-0.5b"]


def test_price_when_overridden_then_the_users_price_and_another_version(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        '[models."anthropic/claude-opus-4-6"]\ninput = 1\noutput = 2.5\ncache_read = "0.1"\n'
        'source = "our contract"\ndate = 2026-11-01\n'
    )
    prices = Prices.load(file, as_of=AT)
    usage = Usage(1_000_000, 1_000_000, 400_000, source="reported")
    assert prices.price(OPUS, usage, at=AT).nano == by_hand(
        (600_000, 400_000, 1_000_000), ("1", "0.1", "2.5")
    )
    assert prices.expected_nano(OPUS, 10, 10) == 35_000
    assert prices.price_version.startswith(PRICES.price_version + "+")


@pytest.mark.parametrize(
    "text",
    [
        "[models.x]\ninput = -1\noutput = 1",
        "[models.x]\ninput = 1",
        "[models.x]\ninput = 'a'\noutput = 1",
        "[models.x]\ninput = 1\noutput = 1\ncached = 1",
        "[models]\nx = 1",
        "prices = 1",
        "[models",
    ],
)
def test_price_file_when_wrong_then_says_where(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(CatalogError) as error:
        Prices.load(file)
    assert error.value.code == "catalog.bad_prices"
    assert str(file) in error.value.where


def test_price_when_more_is_cached_than_was_input_then_charges_what_was_cached() -> None:
    usage = Usage(10, 0, cache_read_tokens=1_000, source="reported")
    assert PRICES.price(OPUS, usage, at=AT).nano == by_hand((1_000,), ("0.5",))
