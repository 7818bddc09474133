"""The hash chain: each entry's hash covers its table, its values and the hash before it.

Owns the one way a row becomes bytes. A changed value, a lost row or a changed order breaks every
later hash. Must not know which tables there are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

Value = str | int | float | None

GENESIS = "0" * 64

_write = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def link(previous: str, table: str, values: Sequence[Value]) -> str:
    """Return the hash of an entry; raises TypeError or ValueError for what no entry can hold."""
    return sha256(_write([previous, table, *values]).encode()).hexdigest()


def digest(text: str) -> str:
    """Return the hash by which a long text is referred to."""
    return sha256(text.encode()).hexdigest()
