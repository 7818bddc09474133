"""Ladders and choices by kind, from the OpenHands Index's outcomes.

Owns which questions are asked of that table. Must not compute what the package computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from masterplan.core.money import format_usd
from masterplan.evaluation.bootstrap import Bootstrap, Interval
from masterplan.evaluation.choice import choose_by_kind
from masterplan.evaluation.curve import mix_at
from masterplan.evaluation.fit import Fitted, Wish, figures, fit
from masterplan.evaluation.ladder import Column, columns, parse_verifier
from masterplan.evaluation.matrix import Matrix
from masterplan.evaluation.objective import parse_objective
from masterplan.evaluation.score import evaluate
from masterplan.evaluation.table import OutcomeTable, load_table
from masterplan.evaluation.told import bound_lines
from masterplan.report.table import markdown_table

TABLE = "openhands_index.parquet"
DATE = "2026-11-23"
OPUS, TOP, GPT, CONTAMINATED = "claude-opus-4-6", "claude-opus-4-8", "GPT-5.5", "claude-fable-5"
DOUBTFUL = ("DeepSeek-V4-Pro", CONTAMINATED)
"""Billed at a promotional price; its score may be contaminated."""
BEST = "quality>=best, min cost"
HEADINGS = (
    "verifier",
    "models",
    "ladder",
    "success",
    "cost a task",
    "against the reference",
    "rungs alone",
    "random mix, same money",
    "oracle",
)


@dataclass(frozen=True)
class Asked:
    """One line of a table: what was asked of the fit."""

    verifier: str
    reference: str | None = TOP
    objective: str = BEST
    top: str | None = None
    max_rungs: int = 4
    fixed: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@cache
def _table(folder: Path) -> OutcomeTable | None:
    path = folder / TABLE
    return load_table(path).of_agent() if path.exists() else None


@cache
def _matrix(folder: Path, kind: str) -> Matrix | None:
    table = _table(folder)
    return table.pivot(kind) if table is not None else None


@cache
def _fitted(folder: Path, asked: Asked) -> Fitted:
    matrix = _matrix(folder, "debugging")
    assert matrix is not None
    wish = Wish(
        parse_objective(asked.objective),
        parse_verifier(asked.verifier),
        asked.reference,
        asked.top,
        asked.max_rungs,
        asked.without,
        asked.fixed,
    )
    return fit(matrix, wish)


def what(folder: Path) -> str:
    """Say what the tables are."""
    table = _table(folder)
    if table is None:
        return ""
    sizes = ", ".join(
        f"{len(matrix.tasks)} {kind}"
        for kind in table.kinds
        if (matrix := _matrix(folder, kind)) is not None
    )
    return f"""## The data

OpenHands/openhands-index-results (MIT), read {DATE}: {len(table.models)} models,
one agent (`openhands`), one run a task, and what each run cost.
A part of its tasks: {sizes} (SWE-bench Verified, SWT-bench, SWE-bench Multimodal, GAIA, commit0).

What was taken for missing, never for 0 nor for a failure: {"; ".join(table.notes)}.

Doubtful, so figures stand with and without them: DeepSeek-V4-Pro was billed at a promotional cache
price; claude-fable-5 (95 % on SWE-bench Verified) may have seen the tasks.

What no cross-validation pays for: the handful of constants in the fit (half a standard error, the
doubt of a bound, the weight of other kinds) were set while looking at these tasks. Other tasks are
the real test.
"""


def bug_fixing(folder: Path) -> str:
    """Ladders for bug fixing against the reference and against the best single model."""
    if _table(folder) is None:
        return ""
    asked = [
        Asked("0.9,0.2"),
        Asked("0.9,0.2", without=(CONTAMINATED,)),
        Asked("0.9,0.2", without=DOUBTFUL),
        Asked("perfect"),
        Asked("perfect", without=DOUBTFUL),
        Asked("perfect", reference=None),
        Asked("perfect", reference=None, without=(CONTAMINATED,)),
        Asked("perfect", reference=None, without=DOUBTFUL),
    ]
    bounds = [f"- {line}" for line in bound_lines(_fitted(folder, asked[0]).plan)] or [
        "- none for this ladder on all tasks"
    ]
    return f"""## Fixing bugs: a verified ladder

SWE-bench Verified tasks. The reference is {TOP} alone, and below that the best single model. A
verifier *0.9,0.2* accepts 90 % of right and 20 % of wrong work. The plan is the cheapest whose
success, put lower by half a standard error, is that of the reference.

{_lines(folder, asked)}

Where the first of these stops and gives up:

{chr(10).join(bounds)}
"""


def strongest_rung(folder: Path) -> str:
    """Opus 4.6 as the strongest rung."""
    if _table(folder) is None:
        return ""
    asked = [
        Asked("perfect", OPUS, "quality>=best+0.08, min cost", OPUS),
        Asked("perfect", OPUS, "quality>=best+0.08, min cost", OPUS, without=DOUBTFUL),
        Asked("0.9,0.2", OPUS, "quality>=best+0.04, min cost", OPUS),
    ]
    return f"""## Claude Opus 4.6 as the strongest rung

The ladder ends at {OPUS}, which is also the reference; it is asked for 8 points more (4 with the
erring verifier).

{_lines(folder, asked)}
"""


def two_rungs(folder: Path) -> str:
    """Two rungs, with and without give-up and caps."""
    if _table(folder) is None:
        return ""
    asked = [
        Asked("perfect", fixed=("DeepSeek-V4-Pro", TOP)),
        Asked("perfect", fixed=("MiniMax-M3", TOP)),
        Asked("0.9,0.2", fixed=("MiniMax-M3", TOP)),
    ]
    return f"""## Two rungs: what give-up and caps bring

*Rungs alone* is the same ladder without caps and give-up. The rungs are given; only the bounds are
fitted. They spend the ladder's spare success on not chasing tasks that the top model fails too.

{_lines(folder, asked)}
"""


def no_verifier(folder: Path) -> str:
    """The choice by kind where nothing verifies."""
    table = _table(folder)
    if table is None:
        return ""
    parts = []
    for title, without in (
        ("Without claude-fable-5", (CONTAMINATED,)),
        ("Without both doubtful models", DOUBTFUL),
        ("With all models", ()),
    ):
        parts.append(f"**{title}**\n\n{_by_kind(folder, without)}")
    return f"""## Without any verifier: one model for each kind of work

Nothing rejects work, so nothing climbs. The model of each kind is the cheapest that is nearly the
best by the lower bound of a shrunken estimate (what it shows at other kinds counts as 100 tasks).
Cross-validated: chosen on other tasks than it is scored on. *Best* is the best single model of
that kind in hindsight. Below 200 tasks read the interval, not the point.

{chr(10).join(parts)}
"""


def break_even(folder: Path) -> str:
    """How good a verifier must be."""
    if _table(folder) is None:
        return ""
    rows = []
    for reference in (TOP, CONTAMINATED):
        for verifier in ("1,0", "0.95,0.05", "0.9,0.1", "0.9,0.2", "0.9,0.3", "0.8,0.4"):
            found = _fitted(folder, Asked(verifier, reference))
            rows.append((reference, verifier, _ladder(found), _gain(found), _saving(found)))
    headings = ("to be no worse than", "verifier", "ladder", "success", "cost saved")
    return f"""## How good must the verifier be?

The better the top model, the better the verifier must be: each wrong work that is accepted below
the top is lost success, and a top model that is nearly always right leaves none to lose.

{markdown_table(headings, rows)}
"""


def does_not_pay(folder: Path) -> str:
    """Where routing does not pay."""
    table = _table(folder)
    if table is None:
        return ""
    blind = _fitted(folder, Asked("none"))
    rows = []
    for pair in (("Nemotron-3-Nano", TOP), ("Qwen3.5-Flash", TOP), ("Gemini-3.1-Pro", TOP)):
        found = _fitted(folder, Asked("0.9,0.2", fixed=pair))
        rows.append(
            (
                _ladder(found),
                _figure(found.plain.gain, found.plain.gain_interval),
                _minus(found.plain.saving, found.plain.saving_interval),
            )
        )
    pairs = markdown_table(("ladder, rungs alone", "success", "cost saved"), rows)
    return f"""## Where routing does not pay

- **No verifier.** Nothing is rejected, so there is no ladder: the choice falls back to
  {" → ".join(blind.plan.rungs)} alone, saving {blind.expected.saving:.0%}.
- **Wrong pairs.** A first rung that fails often or costs much is paid for on every task. With the
  verifier 0.9,0.2 (rungs alone; dearer is money lost):

{pairs}

- **A far better top model with an erring verifier**: see the table above. Against a model that is
  right 95 times in 100, only a nearly perfect verifier lets a cheaper one go first.
- **Small briefs.** Planning and handing over cost more than they save where one model would do;
  `masterplan run` says so before it spends (break-even).
- **Price lists.** A price per token is not a price per solved task: Gemini 3.1 Pro costs more than
  Claude Opus 4.6 on these bug fixes and tests.
"""


def missing(folder: Path) -> str:
    """What data is missing most."""
    if _table(folder) is None:
        return ""
    return """## What is missing most

- **Repeats.** One run a cell: what two models solve together holds some luck, and a part of what a
  ladder gains is a second try.
- **Verifiers measured on the same work.** The error rates here are assumed, not recorded with the
  outcomes; a verifier that errs on the hard tasks more than on the easy ones is worse than its
  averages.
- **Kinds.** Front ends, research and libraries have under 100 tasks each; code generation in the
  small, refactoring and boilerplate have none. Claude Haiku 4.5 is not in the table at all.
- **Costs at list prices.** Recorded costs hold promotions and cache luck.
"""


def _lines(folder: Path, asked: list[Asked]) -> str:
    rows = []
    for one in asked:
        found = _fitted(folder, one)
        expected = found.expected
        mix, oracle = _beside(folder, one, found)
        rows.append(
            (
                one.verifier,
                "all" if not one.without else "without " + ", ".join(one.without),
                _ladder(found),
                f"{expected.success:.1%} {_percent(expected.success_interval)}",
                f"{format_usd(expected.cost_nano)} {_usd(expected.cost_interval)}",
                f"{found.reference}: {_gain(found)}, {_saving(found)}",
                f"{_figure(found.plain.gain, found.plain.gain_interval)}, "
                f"{_minus(found.plain.saving, found.plain.saving_interval)}",
                mix,
                oracle,
            )
        )
    return markdown_table(HEADINGS, rows)


def _beside(folder: Path, asked: Asked, found: Fitted) -> tuple[str, str]:
    matrix = _matrix(folder, "debugging")
    assert matrix is not None
    names = set(found.names)
    own = matrix.without(asked.without).only([task in names for task in matrix.tasks])
    scored = evaluate(own)
    mix = mix_at(scored.curve, found.expected.cost_nano)
    cheap, dear = (own.successes(point.name) for point in (mix.cheap, mix.dear))
    blend = [
        (a or 0.0) * (1 - mix.share) + (b or 0.0) * mix.share
        for a, b in zip(cheap, dear, strict=True)
    ]
    oracle = scored.oracle
    return (
        f"{mix.success:.1%} {_percent(Bootstrap(len(blend)).mean(blend))}",
        f"{oracle.success:.1%} {_percent(oracle.success_interval)} at "
        f"{format_usd(oracle.cost_per_task_nano)} {_usd(oracle.cost_interval)}",
    )


def _by_kind(folder: Path, without: tuple[str, ...]) -> str:
    kinds = ("debugging", "tests", "research", "frontend")
    matrices: dict[str, Matrix] = {}
    for kind in kinds:
        matrix = _matrix(folder, kind)
        assert matrix is not None
        matrices[kind] = matrix.without(without).only(matrix.known([GPT]))
    models = {
        kind: [m for m in own.models if sum(own.known([m])) >= 0.98 * len(own.tasks)]
        for kind, own in matrices.items()
    }
    chosen = choose_by_kind(matrices, models)
    rows, held, paid = [], Column([], []), Column([], [])
    for kind, own in chosen.items():
        ground = columns(matrices[kind], models[kind], matrices[kind].known(models[kind]))
        best = max(ground, key=lambda model: sum(ground[model].success))
        strap = Bootstrap(len(own.names))
        against = figures(strap, own.held, ground[best])
        rows.append(
            (
                kind,
                f"{len(own.names)}",
                own.model,
                f"{against.success:.1%} at {format_usd(against.cost_nano)}",
                f"{best}: {_figure(against.gain, against.gain_interval)}",
                _minus(against.saving, against.saving_interval),
            )
        )
        held = _joined(held, own.held)
        paid = _joined(paid, ground[GPT])
    whole = figures(Bootstrap(len(held.success)), held, paid)
    rows.append(
        (
            f"all, against always {GPT}",
            f"{len(held.success)}",
            "",
            f"{whole.success:.1%} at {format_usd(whole.cost_nano)}",
            f"{GPT}: {_figure(whole.gain, whole.gain_interval)}",
            _minus(whole.saving, whole.saving_interval),
        )
    )
    headings = ("kind", "tasks", "model", "success and cost", "against the best", "its cost saved")
    return markdown_table(headings, rows) + "\n"


def _joined(one: Column, other: Column) -> Column:
    return Column([*one.success, *other.success], [*one.cost, *other.cost])


def _ladder(found: Fitted) -> str:
    return " → ".join(found.plan.rungs)


def _gain(found: Fitted) -> str:
    return _figure(found.expected.gain, found.expected.gain_interval)


def _saving(found: Fitted) -> str:
    return _minus(found.expected.saving, found.expected.saving_interval)


def _figure(gain: float, ends: Interval) -> str:
    return f"{gain * 100:+.1f} points [{ends[0] * 100:+.1f}, {ends[1] * 100:+.1f}]"


def _minus(saving: float, ends: Interval) -> str:
    if saving < 0:
        return f"{-saving:.0%} dearer [{-ends[1]:.0%}, {-ends[0]:.0%}]"
    return f"{saving:.0%} saved [{ends[0]:.0%}, {ends[1]:.0%}]"


def _percent(ends: Interval) -> str:
    return f"[{ends[0]:.1%}, {ends[1]:.1%}]"


def _usd(ends: Interval) -> str:
    return f"[{format_usd(round(ends[0]))}, {format_usd(round(ends[1]))}]"
