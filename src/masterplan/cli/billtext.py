"""The bill in words, tables and bars, for people.

Owns how figures look: reported, estimated and unknown each in a column of its own, nothing
estimated without its mark. Must not compute a figure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.table import Table

from masterplan.cli.bill import Alone, Bill
from masterplan.cli.output import counted, harmless
from masterplan.core.money import format_usd
from masterplan.core.usage import UsageSource
from masterplan.ledger import Grouping, SpendLine

EMPTY = "nothing was recorded yet: no call, no spend"
WIDE = 120
"""Columns from which money and tokens stand in one table."""

_BAR = 16
_PLAIN = {"█": "#", "≥": ">="}
_NOBODY: dict[str, str] = {"module": "(no module)", "purpose": "(none)", "lane": "(none)"}
_MARKS: dict[UsageSource, str] = {"reported": "", "estimated": "~", "unknown": "≥"}


def head(bill: Bill) -> Iterator[str]:
    """Yield what was spent in all, and on what."""
    first, last = bill.days
    when = first if first == last else f"{first} to {last}"
    yield f"{_whose(bill)}{counted(len(bill.rows), 'call')}, {when} (UTC)"
    yield f"spent {bill.whole.spend}"
    if bill.whole.spend.unknown_count:
        yield _unknown(bill)
    yield _per_module(bill)
    if bill.premium.share is not None:
        yield (
            f"premium models: {format_usd(bill.premium.premium_nano)}, "
            f"{bill.premium.share:.0%} of it on commodity work"
        )


def _whose(bill: Bill) -> str:
    if bill.run:
        return f"{'plan' if bill.plan_count else 'run'} {bill.run}, "
    parts = [counted(bill.run_count, "run")] * bool(bill.run_count)
    parts += [f"{counted(bill.plan_count, 'plan')} not built"] * bool(bill.plan_count)
    return "".join(f"{part}, " for part in parts)


def _unknown(bill: Bill) -> str:
    line = bill.whole
    parts = []
    if line.unknown_worst_nano:
        parts.append(f"at most {format_usd(line.unknown_worst_nano)}")
    if line.unbounded_count:
        parts.append(f"{line.unbounded_count} without a bound")
    if bill.open_count:
        parts.append(f"{bill.open_count} not ended in the books")
    return f"the unknown: {', '.join(parts) or 'at most $0.00'}"


def _per_module(bill: Bill) -> str:
    count, nano = bill.accepted.accepted_count, bill.accepted.nano_per_module
    if nano is None:
        return "cost per accepted module: none was accepted"
    least = "at least " if bill.accepted.is_lower_bound else ""
    return f"cost per accepted module: {least}{format_usd(nano)} ({counted(count, 'module')})"


def spend_tables(by: Grouping, lines: tuple[SpendLine, ...], width: int) -> Iterator[Table]:
    """Yield the lines of one grouping: one table, or money and tokens apart where it is narrow.

    The bar is the share of the known money.
    """
    whole = sum(line.spend.known_nano for line in lines)
    cells = [{**_money(line), **_tokens(line), "share": _share(line, whole)} for line in lines]
    names = list(cells[0])
    groups = [names] if width >= WIDE else [[*names[:4], "share"], names[4:-1]]
    for shown in groups:
        table = Table(box=None, pad_edge=False)
        table.add_column(f"by {by}", overflow="fold")
        for name in shown:
            table.add_column(name, justify="left" if name == "share" else "right", no_wrap=True)
        for line, cell in zip(lines, cells, strict=True):
            key = harmless(line.key) or _NOBODY.get(by, "(none)")
            table.add_row(key, *(cell[name] for name in shown))
        yield table


def _money(line: SpendLine) -> dict[str, str]:
    spend = line.spend
    return {
        "reported": format_usd(spend.reported_nano),
        "estimated": format_usd(spend.estimated_nano),
        "unknown": counted(spend.unknown_count, "call") if spend.unknown_count else "-",
        "calls": f"{line.attempt_count:,}",
    }


def _tokens(line: SpendLine) -> dict[str, str]:
    usage = line.usage
    mark = _sign(_MARKS[usage.source])
    writes = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return {
        "input": f"{mark}{usage.input_tokens:,}",
        "cache read": f"{mark}{usage.cache_read_tokens:,}",
        "cache write": f"{mark}{writes:,}",
        "output": f"{mark}{usage.output_tokens:,}",
        "seconds": f"{line.duration_s:,.1f}",
    }


def _share(line: SpendLine, whole: int) -> str:
    known = line.spend.known_nano
    return f"{known / whole:>4.0%} {_bar(known, whole)}" if whole else ""


def legend(bill: Bill) -> Iterator[str]:
    """Yield what the marks of the tokens mean, where one was used."""
    sources = {line.usage.source for lines in bill.groups.values() for line in lines}
    if "estimated" in sources:
        yield "~ some of these tokens are estimated"
    if "unknown" in sources:
        yield f"{_sign('≥')} some calls did not tell their tokens"


def baseline_table(bill: Bill) -> Table:
    """Return what one model alone would have cost, beside what it did cost."""
    table = Table(box=None, pad_edge=False)
    table.add_column("on one model alone", overflow="fold")
    table.add_column("cost", justify="right", no_wrap=True)
    table.add_column("saved", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    known = [one for one in bill.baselines if one.baseline.nano is not None]
    actual = known[0].baseline.actual_nano or 0 if known else bill.whole.spend.known_nano
    most = max([actual, *(one.baseline.nano or 0 for one in known)])
    table.add_row("(as it was)", format_usd(actual), "", _bar(actual, most))
    for one in bill.baselines:
        nano = one.baseline.nano
        bar = "" if nano is None else _bar(nano, most)
        table.add_row(harmless(one.baseline.model), format_usd(nano), _saved(one), bar)
    return table


def _saved(one: Alone) -> str:
    saved, nano = one.baseline.difference_nano, one.baseline.nano
    if saved is None:
        return "unknown"
    return f"{format_usd(saved)} ({saved / nano:+.0%})" if nano else format_usd(saved)


def verdicts(bill: Bill) -> Iterator[str]:
    """Yield what the baselines say, what they leave out, and by which prices."""
    for one in bill.baselines:
        line = one.baseline
        if line.nano is None or one in bill.cheaper or _is_cheaper_unfailing(one):
            yield f"{line.verdict}{_seen(one)}"
    if not bill.cheaper and any(one.baseline.nano is not None for one in bill.baselines):
        yield "no one of these models alone would have been cheaper"
    missing = min((one.baseline.missing_count for one in bill.baselines), default=0)
    if missing:
        yield f"left out on both sides: {counted(missing, 'call')} without known tokens or cost"
    estimated = max((one.baseline.estimated_count for one in bill.baselines), default=0)
    if estimated:
        yield f"{counted(estimated, 'call')} compared by an estimate"
    if bill.priced_at and bill.baselines:
        yield f"{bill.baselines[0].baseline.method}; prices of {bill.priced_at:%Y-%m-%d}"


def _is_cheaper_unfailing(one: Alone) -> bool:
    low, actual = one.baseline.low_nano, one.baseline.actual_nano
    return low is not None and actual is not None and low < actual


def _seen(one: Alone) -> str:
    parts = []
    if one.is_free:
        parts.append("it runs on your own machine: its seconds are not in this sum")
    if one.tried_count:
        modules = counted(one.tried_count, "accepted module")
        finished = one.tried_count - one.failed_count
        parts.append(f"tried at {modules} here, it finished {finished}")
    else:
        parts.append("it built no accepted module here")
    return f" ({'; '.join(parts)})"


def _bar(part: int, whole: int) -> str:
    return _sign("█") * max(round(_BAR * part / whole), 1 if part else 0) if whole else ""


def _sign(sign: str) -> str:
    """Return the sign, or its plain form where the output cannot hold it."""
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _PLAIN[sign]
    return sign
