"""The hash chain: each entry's hash covers its table, its values and the hash before it.

Owns the one way a row becomes bytes. A changed value, a lost row or a changed order breaks every
later hash. Must not know which tables there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

Value = str | int | float | None

GENESIS = "0" * 64


def link(previous: str, table: str, values: Sequence[Value]) -> str:
    """Return the hash of an entry; raises TypeError or ValueError for what no entry can hold."""
    text = json.dumps([previous, table, *values], separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest(text: str) -> str:
    """Return the hash by which a long text is referred to."""
    return hashlib.sha256(text.encode()).hexdigest()
