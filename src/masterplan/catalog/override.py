"""The user's own prices: ``prices.toml``, dollars per million tokens for a model.

Owns that file's format and its arithmetic. Must not know the price list that it overrides.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path

from masterplan.core.errors import CatalogError, Problem
from masterplan.core.usage import Usage

_MTOK = Decimal(1_000_000)
_NOTES = ("source", "date")


@dataclass(frozen=True)
class Rates:
    """Dollars per million tokens; a cache class without a rate costs what input costs."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None

    def usd(self, usage: Usage) -> Decimal:
        """Return the dollars of a usage."""
        parts = (
            (usage.fresh_input_tokens, self.input),
            (usage.output_tokens, self.output),
            (usage.cache_read_tokens, self.cache_read),
            (usage.cache_write_5m_tokens, self.cache_write_5m),
            (usage.cache_write_1h_tokens, self.cache_write_1h),
        )
        total = Decimal(0)
        for count, rate in parts:
            total += count * (self.input if rate is None else rate)
        return total / _MTOK


def read_rates(path: Path) -> dict[str, Rates]:
    """Return the rates of a ``prices.toml`` by model id; CatalogError names every mistake."""
    try:
        file = tomllib.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CatalogError(
            "catalog.bad_prices", f"the price file cannot be read: {error}", str(path)
        ) from error
    models = file.get("models", {})
    problems = [
        Problem("catalog.bad_prices", f"unknown key {key!r}", str(path), 'use [models."ID"]')
        for key in file
        if key != "models"
    ]
    rates: dict[str, Rates] = {}
    for name, table in models.items():
        read = _rates(table)
        if isinstance(read, Rates):
            rates[name] = read
        else:
            problems.append(Problem("catalog.bad_prices", read, f"{path}: models.{name}", _MEND))
    if problems:
        first = problems[0]
        raise CatalogError(first.code, first.message, first.where, first.mend, tuple(problems))
    return rates


def digest_of(rates: Mapping[str, Rates]) -> str:
    """Return the name of these exact overrides."""
    told = repr(sorted((name, str(rate)) for name, rate in rates.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:8]


_MEND = "write input and output, and where it has them cache_read, cache_write_5m, cache_write_1h"


def _rates(table: object) -> Rates | str:
    if not isinstance(table, dict):
        return "a model's prices are a table"
    names = [field.name for field in fields(Rates)]
    unknown = [key for key in table if key not in names and key not in _NOTES]
    if unknown:
        return f"unknown key {unknown[0]!r}"
    missing = [key for key in ("input", "output") if key not in table]
    if missing:
        return f"{missing[0]!r} is missing"
    try:
        values = {name: Decimal(str(table[name])) for name in names if name in table}
    except InvalidOperation:
        return "a price is a number of dollars per million tokens"
    if any(not value.is_finite() or value < 0 for value in values.values()):
        return "a price cannot be negative"
    return Rates(**values)
