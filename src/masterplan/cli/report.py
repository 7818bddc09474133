"""The report of a run for people: what became of each module, what it cost, what comes next.

Owns the table and the words. Must not know how a run was driven.
"""

from __future__ import annotations

from masterplan.cli.output import console, harmless, say
from masterplan.core.money import format_usd
from masterplan.ledger import SpendLine
from masterplan.workflow.report import ModuleResult, RunReport

EXIT_VERIFIED, EXIT_FAILED = 0, 8
VERIFIED = "verified"
MAX_CHARS = 500


def report_error(report: RunReport) -> dict[str, object]:
    """Return what keeps a run from being verified as the ``error`` of a command's JSON."""
    return {
        "code": f"build.{report.status}",
        "message": harmless(f"run {report.run} {_became(report)}: {_summary(report)}"),
        "where": report.run,
        "mend": harmless(report.next_step),
        "problems": [
            {
                "code": f"build.module_{one.status}",
                "message": harmless(_why(one)),
                "where": name,
                "mend": "",
            }
            for name, one in report.modules.items()
            if one.status != "verified"
        ],
    }


def show_report(report: RunReport) -> None:
    """Print a run's report."""
    from rich.table import Table

    say(f"run {report.run} {_became(report)} (generated code ran in: {report.cage})")
    table = Table(box=None, pad_edge=False)
    for heading in ("module", "status", "tries", "model", "rung", "cost"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "module")
    costs = {line.key: line for line in report.money.by_module}
    for name, one in report.modules.items():
        table.add_row(*map(harmless, _row(name, one, costs.get(name))))
    console().print(table)
    say(_money(report))
    say(f"warning: {text}" for text in report.warnings)
    say(f"override: {text}" for text in report.overrides)
    for name, one in report.modules.items():
        say(f"note on {name}: {note}" for note in one.notes)
        if one.status != "verified":
            say(f"{name} {one.status}: {one.reason}")
            say(f"    {line}" for line in one.failure.strip().splitlines()[:12])
    for check in report.integration:
        if not check.is_passed:
            say(f"integration {check.id}: {check.reason}")


def show_next(report: RunReport) -> None:
    """Print the one line that a failed run ends with, or what to do with a verified one."""
    if report.status == "verified":
        say(f"next: {report.next_step}")
    else:
        told = f"error: run {report.run} {_became(report)}: {_summary(report)}"
        open_ones = [one for one in report.modules.values() if one.status != VERIFIED]
        lines = [f"  {one.module} {one.status}: {_why(one)}" for one in open_ones]
        say([f"{told} [build.{report.status}] → {report.next_step}", *lines], is_stderr=True)


def _became(report: RunReport) -> str:
    return {"verified": "is verified", "failed": "failed", "stopped": "stopped"}.get(
        report.status, "waits"
    )


def _summary(report: RunReport) -> str:
    """Say in a few words what is missing; each module says for itself why."""
    missing = [name for name, one in report.modules.items() if one.status != VERIFIED]
    if not missing:
        return _first(report.reason)
    return f"{len(missing)} of {len(report.modules)} modules not verified ({', '.join(missing)})"


def _why(one: ModuleResult) -> str:
    """Return the engine's reason, and what the last failure report says first."""
    told = (line for line in one.failure.splitlines() if line.startswith(("- ", "## ")))
    gist = next(told, "").lstrip("-# ")
    return _first("; ".join(dict.fromkeys(part for part in (_first(one.reason), gist) if part)))


def _first(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= MAX_CHARS else f"{line[:MAX_CHARS]}…"


def _row(name: str, one: ModuleResult, cost: SpendLine | None) -> tuple[str, ...]:
    effort = f"@{one.effort}" if one.effort else ""
    spent = str(cost.spend) if cost else format_usd(0)
    return (name, one.status, str(one.tries), f"{one.model}{effort}" or "-", one.rung or "-", spent)


def _money(report: RunReport) -> list[str]:
    money = report.money
    lines = [f"spent {money.total}"]
    for title, group in (("role", money.by_role), ("model", money.by_model)):
        parts = [f"{line.key} {line.spend} in {_calls(line.attempt_count)}" for line in group]
        lines.append(f"  by {title}: {'; '.join(parts) or 'nothing'}")
    accepted = money.accepted
    if accepted.nano_per_module is not None:
        least = "at least " if accepted.is_lower_bound else ""
        lines.append(f"  cost per accepted module: {least}{format_usd(accepted.nano_per_module)}")
    return lines


def _calls(count: int) -> str:
    return f"{count} call" if count == 1 else f"{count} calls"
