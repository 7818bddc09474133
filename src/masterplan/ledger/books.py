"""The movements of money: reserve, settle, mark as unknown, release.

Owns what each movement writes, inside a transaction that it is handed, so that several can share
one commit. Must not know files or locks. Nothing here changes an entry: an end, a release and a
late settlement are entries of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import get_args

from masterplan.core.errors import LedgerError
from masterplan.core.model import Effort
from masterplan.core.task import KINDS, ROLES
from masterplan.ledger.budget import (
    Account,
    Balance,
    accounts_of,
    ensure_room,
    from_json,
    rooms,
    to_json,
)
from masterplan.ledger.chain import Value, digest
from masterplan.ledger.owner import is_here
from masterplan.ledger.record import (
    Ending,
    Intent,
    Room,
    Settlement,
    ensure_count,
    ensure_label,
    ensure_run_id,
    ensure_seconds,
    plain,
)
from masterplan.ledger.store import Tx

_UNKNOWN = Settlement(outcome="unknown")
_OUTCOMES: tuple[str, ...] = tuple(
    str(name) for part in get_args(Ending) for name in (get_args(part) or (part,))
)


def reserve(tx: Tx, intent: Intent, now: float, owner: str) -> str:
    """Hold the worst case of a call under all its caps; return the attempt's id.

    Admission comes before the first write, so that a refused call leaves nothing behind.
    """
    _ensure_intent(intent)
    release_expired(tx, now)
    accounts = accounts_of(intent, now)
    ensure_room(intent, find_rooms(tx, accounts))
    decision = _store_decision(tx, intent.decision_json)
    attempt = f"{tx.ledger_id[:8]}-{tx.seq + 1}"
    expires_at = now + intent.expires_after_s
    tx.append("attempts", _attempt_values(intent, decision) | {
        "id": attempt,
        "accounts": to_json(accounts),
        "owner": owner,
        "started_at": now,
        "expires_at": expires_at,
    })  # fmt: skip
    amount = intent.worst_case_nano or 0
    tx.execute(
        "INSERT INTO reservations (attempt, amount_nano, expires_at, owner, is_open) "
        "VALUES (?, ?, ?, ?, 1)",
        (attempt, amount, expires_at, owner),
    )
    _move(tx, list(accounts), 0, amount)
    return attempt


def settle(tx: Tx, attempt: str, settlement: Settlement, now: float) -> None:
    """Record how an attempt ended and move its money, once."""
    _ensure_settlement(settlement)
    accounts = _accounts_of_attempt(tx, attempt)
    found = tx.execute(
        f"SELECT {', '.join(_SETTLEMENT)}, source, number FROM settlements "
        "WHERE attempt = ? ORDER BY number DESC",
        (attempt,),
    )
    values = _settlement_values(settlement)
    if found:
        *known, source, _ = found[0]
        if source == "caller":
            if known == [values[name] for name in _SETTLEMENT]:
                return
            raise LedgerError(
                "ledger.settled_twice",
                f"attempt {attempt} is settled already, and differently",
                where=attempt,
                mend="an attempt is settled once; this is a mistake in the caller",
            )
    number = int(found[0][-1] or 0) + 1 if found else 0
    _append_settlement(tx, attempt, values, (number, "caller", now))
    if settlement.cost.nano is None:
        tx.execute("UPDATE reservations SET is_open = 0 WHERE attempt = ?", (attempt,))
    else:
        _move(tx, accounts, settlement.cost.nano, -_let_go(tx, attempt))


def recover(tx: Tx, is_gone: Callable[[str], bool], now: float) -> list[str]:
    """Mark the open attempts of owners that are gone as unknown; their money stays held."""
    opened = tx.execute(
        "SELECT attempt, owner FROM reservations WHERE is_open = 1 ORDER BY attempt"
    )
    owners = {owner: is_gone(str(owner)) for _, owner in opened}
    lost = [str(attempt) for attempt, owner in opened if owners[owner]]
    for attempt in lost:
        _append_settlement(tx, attempt, _settlement_values(_UNKNOWN), (0, "recovery", now))
        tx.execute("UPDATE reservations SET is_open = 0 WHERE attempt = ?", (attempt,))
    release_expired(tx, now)
    return sorted(lost, key=_place_in_chain)


def release_expired(tx: Tx, now: float) -> None:
    """Let go of money whose time is over and whose owner cannot be about to settle it."""
    due = tx.execute(
        "SELECT attempt, owner, is_open FROM reservations WHERE expires_at <= ? ORDER BY attempt",
        (now,),
    )
    for attempt, owner, is_open in due:
        if is_open and is_here(str(owner)):
            continue
        name = str(attempt)
        if is_open:
            _append_settlement(tx, name, _settlement_values(_UNKNOWN), (0, "expiry", now))
        amount = _let_go(tx, name)
        tx.append("releases", {"attempt": name, "amount_nano": amount, "released_at": now})
        _move(tx, _accounts_of_attempt(tx, name), 0, -amount)


def find_rooms(tx: Tx, accounts: Mapping[Account, int | None]) -> list[Room]:
    """Return what each capped account holds at this moment."""
    balances: dict[Account, Balance] = {}
    for account, cap in accounts.items():
        if cap is None:
            continue
        sql = "SELECT spent_nano, reserved_nano FROM budgets WHERE scope = ? AND key = ?"
        for spent, reserved in tx.execute(sql, account):
            balances[account] = (int(spent or 0), int(reserved or 0))
    return rooms(accounts, balances)


def _move(tx: Tx, accounts: list[Account], spent: int, reserved: int) -> None:
    if spent == reserved == 0:
        return
    for account in accounts:
        tx.execute(
            "INSERT INTO budgets (scope, key, spent_nano, reserved_nano) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (scope, key) DO UPDATE SET "
            "spent_nano = budgets.spent_nano + excluded.spent_nano, "
            "reserved_nano = budgets.reserved_nano + excluded.reserved_nano",
            (*account, spent, reserved),
        )


def _let_go(tx: Tx, attempt: str) -> int:
    """Drop the reservation and return what it still held."""
    held = tx.execute("SELECT amount_nano FROM reservations WHERE attempt = ?", (attempt,))
    tx.execute("DELETE FROM reservations WHERE attempt = ?", (attempt,))
    return int(held[0][0] or 0) if held else 0


def _accounts_of_attempt(tx: Tx, attempt: str) -> list[Account]:
    found = tx.execute("SELECT accounts FROM attempts WHERE id = ?", (attempt,))
    if not found:
        raise LedgerError(
            "ledger.no_attempt",
            f"there is no attempt {attempt[:60]!r} to settle",
            where=attempt[:60],
        )
    return from_json(str(found[0][0]))


def _store_decision(tx: Tx, decision_json: str) -> str:
    """Keep a decision once, however many attempts it led to; return its digest."""
    if not decision_json:
        return ""
    text = plain(decision_json)
    name = digest(text)
    if not tx.execute("SELECT digest FROM decisions WHERE digest = ?", (name,)):
        tx.append("decisions", {"digest": name, "decision_json": text})
    return name


def _place_in_chain(attempt: str) -> int:
    return int(attempt.rpartition("-")[2])


def _ensure_intent(intent: Intent) -> None:
    if intent.run:
        ensure_run_id(intent.run)
    for what in ("module", "lane", "purpose", "provider", "model", "requested_model"):
        ensure_label(what, getattr(intent, what))
    for what in ("effort", "price_version", "request_hash", "retry_of"):
        ensure_label(what, getattr(intent, what) or "")
    if intent.role not in ROLES or intent.kind not in KINDS:
        raise LedgerError("ledger.bad_text", f"no role {intent.role!r} or kind {intent.kind!r}")
    if intent.effort is not None and intent.effort not in get_args(Effort):
        raise LedgerError("ledger.bad_text", f"there is no effort {intent.effort!r}")
    ensure_count("a worst case", intent.worst_case_nano)
    ensure_count("a try's number", intent.try_number)
    ensure_seconds("a reservation's time", intent.expires_after_s)


def _attempt_values(intent: Intent, decision: str) -> dict[str, Value]:
    names = (
        "run", "module", "role", "kind", "lane", "purpose", "try_number", "provider", "model",
        "requested_model", "effort", "price_version", "worst_case_nano", "request_hash", "retry_of",
    )  # fmt: skip
    values: dict[str, Value] = {name: getattr(intent, name) for name in names}
    return values | {"is_free": int(intent.is_free), "decision": decision}


_SETTLEMENT = (
    "outcome", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens",
    "cache_write_1h_tokens", "reasoning_tokens", "usage_source", "cost_nano", "cost_quality",
    "cost_method", "served_model", "status", "error_code", "duration_s", "first_token_s",
)  # fmt: skip


def _ensure_settlement(settlement: Settlement) -> None:
    if settlement.outcome not in _OUTCOMES:
        raise LedgerError("ledger.bad_text", f"there is no outcome {settlement.outcome!r}")
    ensure_count("a cost", settlement.cost.nano)
    ensure_count("a status", settlement.status)
    for count in astuple(settlement.usage)[:-1]:
        ensure_count("a count of tokens", count)
    ensure_seconds("a duration", settlement.duration_s)
    ensure_seconds("the time to the first token", settlement.first_token_s)


def _settlement_values(settlement: Settlement) -> dict[str, Value]:
    """Return a settlement's columns; a provider's odd text is mended, for it must be recorded."""
    usage, cost = settlement.usage, settlement.cost
    values = (
        settlement.outcome, *astuple(usage), cost.nano, cost.quality, plain(cost.method),
        plain(settlement.served_model)[:512], settlement.status, plain(settlement.error_code)[:512],
        _seconds(settlement.duration_s), _seconds(settlement.first_token_s),
    )  # fmt: skip
    return dict(zip(_SETTLEMENT, values, strict=True))


def _seconds(value: float | None) -> float | None:
    return None if value is None else float(value)


def _append_settlement(
    tx: Tx, attempt: str, values: dict[str, Value], how: tuple[int, str, float]
) -> None:
    number, source, now = how
    own: dict[str, Value] = {
        "attempt": attempt,
        "number": number,
        "source": source,
        "settled_at": now,
    }
    tx.append("settlements", own | values)
