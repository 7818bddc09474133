"""Opens the user's books to look at them: nothing is created and nothing settled by looking.

Owns that a ledger that never was is told from one that is gone. Must not know what is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from masterplan.core.errors import LedgerError
from masterplan.ledger import Ledger


def open_books(env: Mapping[str, str]) -> Ledger:
    """Return the user's ledger; LedgerError where there is none, or it is damaged."""
    return Ledger.open(books_path(env), must_exist=True)


def find_books(env: Mapping[str, str]) -> Ledger | None:
    """Return the user's ledger, or ``None`` where nothing was ever recorded."""
    try:
        return open_books(env)
    except LedgerError as error:
        if error.code == "ledger.not_found":
            return None
        raise


def books_path(env: Mapping[str, str]) -> Path:
    """Return where the user's ledger is."""
    # Imported here: with it comes everything that a model call needs.
    from masterplan.workflow.open import ledger_path

    return ledger_path(env)
