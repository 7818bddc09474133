"""Budgets: which accounts a call falls under, whether it fits, and how balances move.

Owns the arithmetic of admission and of every movement of held and spent money. Pure. Must not
know the database: balances come in as numbers, and the books write what comes out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from masterplan.core.errors import BudgetError, LedgerError, Problem
from masterplan.core.money import format_usd
from masterplan.ledger.chain import Value
from masterplan.ledger.record import Cap, Intent, Room, ensure_label

Account = tuple[str, str]
Balance = tuple[int, int]
"""Spent and reserved nano-dollars of one account."""

_DAY_S = 86_400


@dataclass(frozen=True)
class Booking:
    """The accounts of a call: all of them, those with a cap, and how an attempt's row has them."""

    accounts: tuple[Account, ...]
    caps: tuple[tuple[Account, int], ...]
    text: str


def book(intent: Intent, now: float) -> Booking:
    """Return every account the call is booked on, with its cap where it has one.

    Run, module, UTC day and month are always booked, so that a cap that is set later in the day
    finds what the day has already cost.
    """
    return _book(intent.run, intent.module, intent.caps, *_day_and_month(now // _DAY_S))


@lru_cache(maxsize=8)
def _day_and_month(day: float) -> tuple[str, str]:
    moment = datetime.fromtimestamp(day * _DAY_S, UTC)
    return f"{moment:%Y-%m-%d}", f"{moment:%Y-%m}"


@lru_cache(maxsize=4_096)
def _book(run: str, module: str, caps: tuple[Cap, ...], day: str, month: str) -> Booking:
    own = {"module": f"{run}/{module}" if module else "", "run": run, "day": day, "month": month}
    own = {scope: key for scope, key in own.items() if key}
    accounts: dict[Account, int | None] = dict.fromkeys(own.items())
    for cap in caps:
        account = _account_of(cap, module, own)
        earlier = accounts.get(account)
        accounts[account] = cap.cap_nano if earlier is None else min(cap.cap_nano, earlier)
    text = json.dumps([[*account, cap] for account, cap in accounts.items()])
    capped = tuple((account, cap) for account, cap in accounts.items() if cap is not None)
    return Booking(tuple(accounts), capped, text)


def _account_of(cap: Cap, module: str, own: Mapping[str, str]) -> Account:
    key = cap.key
    if not key or (cap.scope == "module" and key == module):
        key = own.get(cap.scope, "")
    if not key:
        raise LedgerError(
            "ledger.bad_cap",
            f"a cap on {cap.scope!r} does not say which one",
            mend="give the cap a key, or the call a run and module",
        )
    ensure_label("a cap's scope", cap.scope)
    ensure_label("a cap's key", key, size=512)
    return cap.scope, key


def rooms(booking: Booking, balances: Mapping[Account, Balance]) -> list[Room]:
    """Return what each capped account holds."""
    return [Room(*account, cap, *balances[account]) for account, cap in booking.caps]


def ensure_room(intent: Intent, booking: Booking, balances: Mapping[Account, Balance]) -> None:
    """Raise BudgetError, naming every budget without room for the call's worst case."""
    if not booking.caps or (intent.is_free and intent.worst_case_nano == 0):
        return
    needed = intent.worst_case_nano
    if needed is None:
        if intent.allow_unpriced:
            return
        raise BudgetError(
            "budget.unpriced",
            f"the price of {intent.model} is unknown and the {booking.caps[0][0][0]} has a budget",
            where=intent.model,
            mend="give the model a price, or allow unpriced models in the policy",
        )
    if any(needed > cap - sum(balances[account]) for account, cap in booking.caps):
        found = rooms(booking, balances)
        short = [_short(room, needed) for room in found if needed > room.left_nano]
        raise BudgetError(
            short[0].code, short[0].message, short[0].where, short[0].mend, tuple(short)
        )


def _short(room: Room, needed: int) -> Problem:
    return Problem(
        "budget.exhausted",
        f"the {room.scope} budget of {format_usd(room.cap_nano)} has no room: "
        f"{format_usd(room.spent_nano)} spent, {format_usd(room.reserved_nano)} reserved, "
        f"{format_usd(needed)} needed",
        where=f"{room.scope} {room.key}",
        mend=f"raise the {room.scope} budget, or ask for less output",
    )


def from_json(text: str) -> tuple[Account, ...]:
    """Read the accounts of an attempt's row."""
    return tuple((scope, key) for scope, key, _ in json.loads(text))


@dataclass
class Replay:
    """Balances computed anew from the entries alone, to compare with those that are kept."""

    balances: dict[Account, Balance] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _accounts: dict[str, tuple[Account, ...]] = field(default_factory=dict)
    _settled: dict[str, bool] = field(default_factory=dict)

    def follow(self, table: str, row: Mapping[str, Value]) -> None:
        """Take one entry into account."""
        if table == "attempts":
            attempt = str(row["id"])
            self.held[attempt] = int(row["worst_case_nano"] or 0)
            self._accounts[attempt] = from_json(str(row["accounts"]))
            self._move(attempt, 0, self.held[attempt])
        elif table == "settlements":
            self._settle(row)
        elif table == "releases":
            attempt = str(row["attempt"])
            if self.held.get(attempt) != row["amount_nano"]:
                self.problems.append(f"{attempt} releases what it does not hold")
            self._move(attempt, 0, -self.held.pop(attempt, 0))

    def _settle(self, row: Mapping[str, Value]) -> None:
        attempt, is_final = str(row["attempt"]), row["source"] == "caller"
        if attempt not in self._accounts:
            self.problems.append(f"{attempt} is settled but was never reserved")
        if self._settled.get(attempt, False):
            self.problems.append(f"{attempt} is settled more than once")
        self._settled[attempt] = is_final
        if row["cost_nano"] is not None:
            self._move(attempt, int(row["cost_nano"]), -self.held.pop(attempt, 0))

    def _move(self, attempt: str, spent: int, reserved: int) -> None:
        if spent == reserved == 0:
            return
        for account in self._accounts.get(attempt, ()):
            old_spent, old_reserved = self.balances.get(account, (0, 0))
            self.balances[account] = (old_spent + spent, old_reserved + reserved)
