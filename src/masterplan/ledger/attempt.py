"""Reading attempts back: an intent's row joined with its last settlement.

Owns how columns become an ``AttemptRow``. Must not write, nor know what the figures are used for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from masterplan.core.errors import LedgerError
from masterplan.core.model import Effort
from masterplan.core.money import UNKNOWN, Cost, Quality
from masterplan.core.task import Kind, Role
from masterplan.core.usage import Usage, UsageSource
from masterplan.ledger.chain import Value
from masterplan.ledger.record import AttemptRow, Ending
from masterplan.ledger.schema import CHAINED
from masterplan.ledger.tx import Tx

_INTENT = tuple(CHAINED["attempts"].columns)
_END = tuple(name for name in CHAINED["settlements"].columns if name != "attempt")
_COLUMNS = (*_INTENT, *_END, "decision_json", "held")
_SQL = (
    f"SELECT {', '.join(f'attempts.{name}' for name in _INTENT)}, "
    f"{', '.join(f'settlements.{name}' for name in _END)}, "
    "decisions.decision_json, reservations.attempt "
    "FROM attempts "
    "LEFT JOIN settlements ON settlements.attempt = attempts.id AND settlements.number = "
    "(SELECT MAX(number) FROM settlements AS last WHERE last.attempt = attempts.id) "
    "LEFT JOIN reservations ON reservations.attempt = attempts.id "
    "LEFT JOIN decisions ON decisions.digest = attempts.decision"
)


def list_attempts(tx: Tx, run: str | None, module: str | None) -> list[AttemptRow]:
    """Return the attempts of a run and module, or all, in the order they were reserved."""
    wanted = {"attempts.run": run, "attempts.module": module}
    given = {name: value for name, value in wanted.items() if value is not None}
    where = " AND ".join(f"{name} = ?" for name in given)
    sql = f"{_SQL} WHERE {where}" if where else _SQL
    found = tx.execute(f"{sql} ORDER BY attempts.seq", tuple(given.values()))
    try:
        return [_attempt(dict(zip(_COLUMNS, row, strict=True))) for row in found]
    except (ValueError, TypeError) as error:
        raise LedgerError(
            "ledger.damaged", f"an attempt cannot be read: {error}", mend="restore a backup"
        ) from error


def _attempt(row: Mapping[str, Value]) -> AttemptRow:
    is_settled = row["outcome"] is not None
    return AttemptRow(
        id=str(row["id"]),
        run=str(row["run"]),
        module=str(row["module"]),
        role=cast(Role, row["role"]),
        kind=cast(Kind, row["kind"]),
        lane=str(row["lane"]),
        purpose=str(row["purpose"]),
        try_number=int(row["try_number"] or 0),
        provider=str(row["provider"]),
        model=str(row["model"]),
        requested_model=str(row["requested_model"]),
        effort=cast(Effort | None, row["effort"]),
        price_version=str(row["price_version"]),
        worst_case_nano=_count(row["worst_case_nano"]),
        is_free=bool(row["is_free"]),
        request_hash=str(row["request_hash"]),
        retry_of=None if row["retry_of"] is None else str(row["retry_of"]),
        decision_json=str(row["decision_json"] or ""),
        started_at=float(row["started_at"] or 0),
        expires_at=float(row["expires_at"] or 0),
        owner=str(row["owner"]),
        is_held=row["held"] is not None,
        outcome=cast(Ending | None, row["outcome"]),
        usage=_usage(row) if is_settled else Usage(),
        cost=_cost(row) if is_settled else UNKNOWN,
        served_model=str(row["served_model"] or ""),
        status=_count(row["status"]),
        error_code=str(row["error_code"] or ""),
        duration_s=_seconds(row["duration_s"]),
        first_token_s=_seconds(row["first_token_s"]),
        ended_at=_seconds(row["settled_at"]),
    )


def _usage(row: Mapping[str, Value]) -> Usage:
    return Usage(
        input_tokens=int(row["input_tokens"] or 0),
        output_tokens=int(row["output_tokens"] or 0),
        cache_read_tokens=int(row["cache_read_tokens"] or 0),
        cache_write_5m_tokens=int(row["cache_write_5m_tokens"] or 0),
        cache_write_1h_tokens=int(row["cache_write_1h_tokens"] or 0),
        reasoning_tokens=int(row["reasoning_tokens"] or 0),
        source=cast(UsageSource, row["usage_source"]),
    )


def _cost(row: Mapping[str, Value]) -> Cost:
    quality = cast(Quality, row["cost_quality"])
    return Cost(_count(row["cost_nano"]), quality, str(row["cost_method"]))


def _count(value: Value) -> int | None:
    return None if value is None else int(value)


def _seconds(value: Value) -> float | None:
    return None if value is None else float(value)
