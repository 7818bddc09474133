"""Sums and baselines: exact, apart by quality, and with the right to be negative."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from ledger_case import MakeIntent, MakeSettlement

from masterplan.core.errors import CatalogError
from masterplan.core.money import UNKNOWN, Cost, Spend, to_nano
from masterplan.core.usage import Usage
from masterplan.ledger import (
    AttemptRow,
    Ledger,
    Work,
    break_even,
    cost_per_accepted,
    premium_share,
    price_baselines,
    spend_by,
    total,
)

GOLDEN = Path(__file__).with_name("golden") / "sums.json"
OPUS, HAIKU = "anthropic/claude-opus-4-6", "anthropic/claude-haiku-4-5"

RATES = {  # nano-dollars a token: fresh input, output, cache read, cache write 5 min and 1 h
    OPUS: (5_000, 25_000, 500, 6_250, 10_000),
    HAIKU: (1_000, 5_000, 100, 1_250, 2_000),
}


def price(model: str, usage: Usage) -> Cost:
    """Price like the catalog does, from two models' rates."""
    if model not in RATES:
        raise CatalogError("catalog.no_price", f"no price for {model}")
    fresh, output, read, write_5m, write_1h = RATES[model]
    nano = (
        usage.fresh_input_tokens * fresh
        + usage.output_tokens * output
        + usage.cache_read_tokens * read
        + usage.cache_write_5m_tokens * write_5m
        + usage.cache_write_1h_tokens * write_1h
    )
    return Cost(nano, "reported" if usage.source == "reported" else "estimated", "list price")


Call = tuple[str, str, str, str, Usage | None]


def book(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement, calls: list[Call]
) -> list[AttemptRow]:
    """Make each call (model, role, kind, module, usage) and return the rows."""
    for model, role, kind, module, usage in calls:
        attempt = ledger.reserve(intent(model=model, role=role, kind=kind, module=module))
        if usage is not None:
            cost = UNKNOWN if usage.source == "unknown" else price(model, usage)
            ledger.settle(attempt, settled(usage=usage, cost=cost))
    return ledger.attempts()


SMALL = Usage(1_000, 500, source="reported")
CACHED = Usage(10_000, 100, 6_000, 2_000, 1_000, 50, "reported")
GUESSED = Usage(1_000, 500, source="estimated")


def test_spend_when_qualities_differ_then_they_are_kept_apart(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    rows = book(ledger, intent, settled, [
        (OPUS, "planner", "planning", "", SMALL),
        (HAIKU, "builder", "codegen", "a", SMALL),
        (HAIKU, "builder", "codegen", "a", GUESSED),
        (HAIKU, "builder", "tests", "b", Usage()),
        (HAIKU, "builder", "tests", "b", None),
    ])  # fmt: skip
    assert total(rows) == Spend(17_500_000 + 3_500_000, 3_500_000, 2)
    planner, builder = spend_by(rows, "role")
    assert (planner.key, planner.spend) == ("planner", Spend(17_500_000, 0, 0))
    assert (builder.spend, builder.attempt_count) == (Spend(3_500_000, 3_500_000, 2), 4)
    assert (builder.unknown_worst_nano, builder.unbounded_count) == (200, 0)
    assert builder.usage.source == "unknown"
    assert [line.key for line in spend_by(rows, "module")] == ["", "a", "b"]
    assert [line.key for line in spend_by(rows, "kind")] == ["planning", "codegen", "tests"]


def test_premium_share_when_commodity_work_ran_on_premium_then_says_how_much(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    rows = book(ledger, intent, settled, [
        (OPUS, "planner", "planning", "", SMALL),
        (OPUS, "builder", "codegen", "a", SMALL),
        (HAIKU, "builder", "codegen", "b", SMALL),
        (OPUS, "builder", "codegen", "b", None),
    ])  # fmt: skip
    share = premium_share(rows, {OPUS})
    assert (share.share, share.unknown_count) == (0.5, 1)
    assert share.share_of_commodity == pytest.approx(17.5 / 21)
    assert premium_share(rows, ()).share is None


def test_cost_per_accepted_when_modules_failed_then_the_rest_carries_their_cost(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    rows = book(ledger, intent, settled, [
        (OPUS, "planner", "planning", "", SMALL),
        (HAIKU, "builder", "codegen", "a", SMALL),
        (HAIKU, "builder", "codegen", "b", SMALL),
        (HAIKU, "builder", "codegen", "c", SMALL),
    ])  # fmt: skip
    cost = cost_per_accepted(rows, ["a", "b", "b"])
    assert (cost.accepted_count, cost.nano_per_module) == (2, 14_000_000)
    assert not cost.is_lower_bound
    assert cost_per_accepted(rows, []).nano_per_module is None
    assert cost_per_accepted(rows, ["a", "b", "c"]).nano_per_module == 9_333_333


def test_baseline_when_the_run_mixed_models_then_every_token_is_priced(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    rows = book(ledger, intent, settled, [
        (OPUS, "planner", "planning", "", CACHED),
        (HAIKU, "builder", "codegen", "a", SMALL),
        (HAIKU, "builder", "codegen", "a", SMALL),
        (HAIKU, "builder", "codegen", "b", GUESSED),
        (HAIKU, "builder", "codegen", "c", None),
    ])  # fmt: skip
    cheap, dear, nothing = price_baselines(rows, [OPUS, HAIKU, "x/unpriced"], price)
    cached_opus = 1_000 * 5_000 + 100 * 25_000 + 6_000 * 500 + 2_000 * 6_250 + 1_000 * 10_000
    actual = cached_opus + 3 * 3_500_000
    assert (dear.model, dear.actual_nano) == (OPUS, actual)
    assert dear.nano == cached_opus + 3 * 17_500_000
    assert dear.difference_nano == 3 * 14_000_000
    assert (dear.compared_count, dear.missing_count, dear.estimated_count) == (4, 1, 1)
    assert dear.low_nano == cached_opus + 2 * 17_500_000  # the try that came to nothing is out
    assert cheap.nano == cached_opus // 5 + 3 * 3_500_000
    assert cheap.difference_nano == cached_opus // 5 - cached_opus
    assert cheap.verdict == f"{HAIKU} alone would have been cheaper by $0.026"
    assert (nothing.nano, nothing.difference_nano, nothing.missing_count) == (None, None, 5)
    assert "cannot be priced" in nothing.verdict
    assert "cache reads and writes" in dear.method


def test_baseline_when_retries_ate_the_saving_then_says_so(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    calls: list[Call] = [(HAIKU, "builder", "codegen", "a", SMALL)] * 6
    [dear] = price_baselines(book(ledger, intent, settled, calls), [OPUS], price)
    assert (dear.actual_nano, dear.nano, dear.low_nano) == (21_000_000, 105_000_000, 17_500_000)
    assert dear.verdict == (
        f"$0.084 less than {OPUS} alone, but {OPUS} would have been cheaper had it never failed"
    )


def test_break_even_when_there_are_few_modules_then_one_model_alone_is_cheaper() -> None:
    plan = Usage(20_000, 8_000)
    build = Usage(2_000, 1_500)
    alone = Usage(3_000, 1_500)

    def compare(count: int, tries: float = 1.0) -> tuple[int | None, int | None, str]:
        names = [f"m{number}" for number in range(count)]
        found = break_even(
            [Work("plan", OPUS, plan)],
            [Work(name, HAIKU, build, tries) for name in names],
            [Work(name, OPUS, alone) for name in names],
            price,
        )
        return found.difference_nano, found.modules_needed, found.verdict

    fixed, gain = 300_000_000, 52_500_000 - 9_500_000
    assert compare(3) == (
        3 * gain - fixed, 7,
        "one model alone would be cheaper by $0.17; the plan pays from 7 such modules",
    )  # fmt: skip
    assert compare(7) == (
        7 * gain - fixed, 7, "the plan is expected to save $0.0010 against one model alone"
    )  # fmt: skip
    same = break_even([], [Work("a", OPUS, SMALL)], [Work("a", OPUS, SMALL)], price)
    assert same.verdict == "one model alone would cost the same"
    assert compare(3, tries=6.0)[1] is None  # so many tries that no number of modules pays
    assert compare(10, tries=1.5)[0] == 10 * (52_500_000 - 14_250_000) - fixed


def test_break_even_when_a_price_is_unknown_then_says_which() -> None:
    found = break_even([], [Work("a", "x/new", SMALL)], [Work("a", OPUS, SMALL)], price)
    assert (found.difference_nano, found.unpriced) == (None, ("x/new",))
    assert found.verdict == "cannot be said before the build: no price for x/new"


def test_sums_when_compared_with_the_golden_file_then_not_a_nano_differs(
    ledger: Ledger, intent: MakeIntent, settled: MakeSettlement
) -> None:
    golden = json.loads(GOLDEN.read_text())
    for call in golden["calls"]:
        attempt = ledger.reserve(intent(**call["intent"]))
        usd, quality = call["cost"]
        cost = UNKNOWN if usd is None else Cost(to_nano(Decimal(usd)), quality)
        ledger.settle(attempt, settled(cost=cost))
    rows = ledger.attempts()
    for by, lines in golden["sums"].items():
        shown = {
            line.key: [
                str(Decimal(line.spend.reported_nano).scaleb(-9)),
                str(Decimal(line.spend.estimated_nano).scaleb(-9)),
                line.spend.unknown_count,
            ]
            for line in spend_by(rows, by)
        }
        assert shown == lines, by
