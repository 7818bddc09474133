"""What ``masterplan cost`` shows: the sums of a run or of all, and one-model baselines beside them.

Owns which attempts and models are compared, and the JSON. Must not sum or price by itself: the
ledger's room and the price list do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

from masterplan.cli.books import unbuilt_plans
from masterplan.core.errors import InputError
from masterplan.core.money import Cost, Spend
from masterplan.core.usage import Usage
from masterplan.ledger import (
    AcceptedCost,
    AttemptRow,
    Baseline,
    Grouping,
    PremiumShare,
    SpendLine,
    cost_per_accepted,
    premium_share,
    price_baselines,
    spend_by,
)

if TYPE_CHECKING:
    from masterplan.catalog import Catalog, Prices
    from masterplan.ledger import Ledger

GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
_MAKERS = ("builder", "debugger")


@dataclass(frozen=True)
class Question:
    """What is asked: one run or all, the groupings, and the catalog ids of the baselines.

    ``is_open``: also the models that the work was really done with.
    """

    run: str | None
    by: tuple[Grouping, ...]
    models: tuple[str, ...]
    is_open: bool = False


@dataclass(frozen=True)
class Alone:
    """One model alone, with what these very attempts show of it.

    It was tried at ``tried_count`` accepted modules; at ``failed_count`` of them another model had
    to finish the work.
    """

    baseline: Baseline
    is_free: bool
    tried_count: int
    failed_count: int


@dataclass(frozen=True)
class Bill:
    """The answer. ``whole`` is everything in one line, ``priced_at`` dates the baselines.

    A plan counts in ``plan_count`` until it is built, and in ``run_count`` from then on.
    """

    run: str | None
    run_count: int
    plan_count: int
    rows: tuple[AttemptRow, ...]
    whole: SpendLine
    groups: Mapping[Grouping, tuple[SpendLine, ...]]
    modules: tuple[str, ...]
    accepted: AcceptedCost
    premium: PremiumShare
    baselines: tuple[Alone, ...]
    priced_at: datetime | None

    @property
    def open_count(self) -> int:
        """How many calls have no end in the books yet."""
        return sum(row.is_open for row in self.rows)

    @property
    def days(self) -> tuple[str, str]:
        """The first and last UTC day of the calls; empty where there are none."""
        days = sorted(line.key for line in spend_by(self.rows, "day"))
        return (days[0], days[-1]) if days else ("", "")

    @property
    def cheaper(self) -> tuple[Alone, ...]:
        """The models that alone would have been cheaper, the cheapest first."""
        return tuple(one for one in self.baselines if (one.baseline.difference_nano or 0) < 0)


def gather(ledger: Ledger | None, question: Question, shelf: Catalog, prices: Prices) -> Bill:
    """Return the bill; InputError where there is no such run. No ledger is an empty one."""
    rows = tuple(ledger.attempts(run=question.run)) if ledger else ()
    runs = tuple(run.id for run in ledger.runs()) if ledger else ()
    if question.run is not None:
        if not rows and question.run not in runs:
            raise _no_run(question.run, runs)
        runs = tuple(run for run in runs if run == question.run)
    accepted = tuple(name for run in runs for name in _accepted(ledger, run))
    premium = {card.id for card in shelf.cards.values() if card.tier == "premium"}
    at = datetime.fromtimestamp(rows[-1].started_at, UTC) if rows else None
    models = _models(question, rows, shelf)
    baselines = price_baselines(rows, models, _price(shelf, prices, at)) if at else []
    return Bill(
        run=question.run,
        run_count=len(runs),
        plan_count=len(unbuilt_plans(rows, runs)),
        rows=rows,
        whole=_whole(rows),
        groups={by: _lines(by, rows) for by in question.by},
        modules=accepted,
        accepted=cost_per_accepted(rows, accepted),
        premium=premium_share(rows, premium),
        baselines=tuple(
            Alone(one, shelf.card(one.model).is_free, *_record(rows, accepted, one.model))
            for one in baselines
        ),
        priced_at=at,
    )


def _accepted(ledger: Ledger | None, run: str) -> list[str]:
    from masterplan.workflow.accepted import accepted_modules

    if ledger is None:
        return []
    record = ledger.run(run)
    is_verified = record is not None and record.status == "verified"
    names = accepted_modules(ledger.steps(run), is_verified=is_verified)
    return [f"{run}/{name}" for name in names]


def _no_run(run: str, runs: Sequence[str]) -> InputError:
    last = ", ".join(runs[-3:])
    return InputError(
        "cost.no_run",
        f"there is no run {run[:80]!r} in the books",
        mend=f"the last runs are {last}" if last else "no run was recorded yet",
    )


def _models(question: Question, rows: Sequence[AttemptRow], shelf: Catalog) -> tuple[str, ...]:
    used = sorted({row.model for row in rows if shelf.find(row.model)}) if question.is_open else ()
    return tuple(dict.fromkeys((*question.models, *used)))


def _lines(by: Grouping, rows: Sequence[AttemptRow]) -> tuple[SpendLine, ...]:
    if by == "module" and len({row.run for row in rows}) > 1:
        # The same name in two runs is two modules.
        rows = [
            replace(row, module=f"{row.run}/{row.module}") if row.module else row for row in rows
        ]
    lines = spend_by(rows, by)
    return tuple(sorted(lines, key=lambda line: line.key) if by == "day" else lines)


def _price(shelf: Catalog, prices: Prices, at: datetime | None) -> Callable[[str, Usage], Cost]:
    def price(model: str, usage: Usage) -> Cost:
        return prices.price(shelf.card(model), usage, at=at or prices.as_of)

    return price


def _whole(rows: Sequence[AttemptRow]) -> SpendLine:
    lines = spend_by([replace(row, lane="") for row in rows], "lane")
    return lines[0] if lines else SpendLine("", Spend(), 0, Usage(source="reported"), 0, 0)


def _record(rows: Sequence[AttemptRow], accepted: Sequence[str], model: str) -> tuple[int, int]:
    """Count the accepted modules at which a model was tried, and those it did not finish."""
    tried, last = set[str](), dict[str, str]()
    for row in rows:
        module = f"{row.run}/{row.module}"
        if row.role in _MAKERS and module in accepted:
            last[module] = row.model
            if row.model == model:
                tried.add(module)
    return len(tried), sum(last[module] != model for module in tried)


def as_json(bill: Bill, price_version: str) -> dict[str, object]:
    """Return the bill as the command's JSON object; amounts are integer nano-dollars."""
    first, last = bill.days
    return {
        "run": bill.run,
        "run_count": bill.run_count,
        "plan_count": bill.plan_count,
        "open_count": bill.open_count,
        "first_day": first or None,
        "last_day": last or None,
        "total": _line(bill.whole),
        "by": {by: [_line(line) for line in lines] for by, lines in bill.groups.items()},
        "accepted": {
            "count": bill.accepted.accepted_count,
            "modules": list(bill.modules),
            "nano_per_module": bill.accepted.nano_per_module,
            "is_lower_bound": bill.accepted.is_lower_bound,
        },
        "premium": asdict(bill.premium) | {"share": bill.premium.share},
        "baselines": [_alone(one) for one in bill.baselines],
        "is_one_model_cheaper": bool(bill.cheaper),
        "prices_of": f"{bill.priced_at:%Y-%m-%d}" if bill.priced_at else None,
        "price_version": price_version,
    }


def _line(line: SpendLine) -> dict[str, object]:
    return {
        "key": line.key,
        "known_nano": line.spend.known_nano,
        **asdict(line.spend),
        "unknown_worst_nano": line.unknown_worst_nano,
        "unbounded_count": line.unbounded_count,
        "call_count": line.attempt_count,
        "tokens": asdict(line.usage),
        "duration_s": round(line.duration_s, 3),
    }


def _alone(one: Alone) -> dict[str, object]:
    return {
        **asdict(one.baseline),
        "difference_nano": one.baseline.difference_nano,
        "verdict": one.baseline.verdict,
        "is_free": one.is_free,
        "tried_count": one.tried_count,
        "failed_count": one.failed_count,
    }
