"""``masterplan cost``: what was spent on what, and what one model alone would have cost.

Owns the options. Must not sum, price or format: bill and billtext do.
"""

from __future__ import annotations

from contextlib import ExitStack

import click

from masterplan.catalog import Catalog
from masterplan.cli.bill import GROUPINGS, Bill, Question, as_json, gather
from masterplan.cli.books import find_books
from masterplan.cli.frame import Frame, pass_frame
from masterplan.cli.output import console, emit_json, json_option, say
from masterplan.core.errors import CatalogError
from masterplan.ledger import Grouping
from masterplan.policy import Policy

_DEFAULT: tuple[Grouping, ...] = ("role", "model")


@click.command("cost")
@click.option("--run", "run", metavar="ID", help="Only this run.")
@click.option(
    "--by", type=click.Choice(GROUPINGS), multiple=True, help="Group by this; may be repeated."
)
@click.option(
    "--baseline",
    "models",
    metavar="MODEL",
    multiple=True,
    help="Compare with this model alone; by default with each of the policy's ladders "
    "and each that was used.",
)
@json_option
@pass_frame
def command(
    frame: Frame, run: str | None, by: tuple[Grouping, ...], models: tuple[str, ...], is_json: bool
) -> None:
    """Show what was spent, per accepted module too, and what one model alone would have cost.

    \b
    --json: run, run_count, plan_count (not built), open_count, first_day, last_day, total, by
    (lines of each grouping), accepted (count, modules, nano_per_module, is_lower_bound), premium
    (with share), baselines, is_one_model_cheaper, prices_of, price_version. A line has key,
    reported_nano, estimated_nano, unknown_count, known_nano, unknown_worst_nano, unbounded_count,
    call_count, tokens, duration_s.
    """
    policy, prices = frame.policy(), frame.prices()
    shelf = policy.catalog(Catalog.load())
    wanted = tuple(dict.fromkeys(by or _DEFAULT))
    question = Question(run, wanted, _baselines(policy, models), is_open=not models)
    with ExitStack() as stack:
        ledger = find_books(frame.env)
        if ledger is not None:
            stack.enter_context(ledger)
        bill = gather(ledger, question, shelf, prices)
    if is_json:
        emit_json(as_json(bill, prices.price_version))
    else:
        _show(bill)


def _baselines(policy: Policy, models: tuple[str, ...]) -> tuple[str, ...]:
    if models:
        return tuple(dict.fromkeys(_named(policy, text) for text in models))
    return tuple(dict.fromkeys(rung.model for role in policy.roles for rung in policy.ladder(role)))


def _named(policy: Policy, text: str) -> str:
    try:
        return policy.rung(text).model
    except CatalogError as error:
        error.where = "--baseline"
        raise


def _show(bill: Bill) -> None:
    from masterplan.cli import billtext

    if not bill.rows:
        say(billtext.EMPTY)
        return
    out = console()
    say(billtext.head(bill))
    for by, lines in bill.groups.items():
        say("")
        for table in billtext.spend_tables(by, lines, out.width):
            out.print(table)
    say(billtext.legend(bill))
    if bill.baselines:
        say("")
        out.print(billtext.baseline_table(bill))
        say(billtext.verdicts(bill))
