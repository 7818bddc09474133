"""Where that which the user's runs have shown lies between them; every version of it is kept.

Owns the files only. Must not know how the figures are won: that is evaluation's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from masterplan.core.errors import InputError, LedgerError
from masterplan.policy.folder import state_dir
from masterplan.routing.known import NOTHING, Known, dump_known, parse_known

_MOST_BYTES = 10_000_000


def learned_path(environ: Mapping[str, str]) -> Path:
    """Return the file that a router is handed; versions of it lie in ``learned`` beside it."""
    return state_dir(environ) / "learned.json"


def load_known(environ: Mapping[str, str]) -> Known:
    """Return what was learned so far; InputError where the file cannot be used."""
    path = learned_path(environ)
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return NOTHING
    except OSError as error:
        raise InputError(
            "known.unreadable",
            f"what was learned cannot be read: {error.strerror or error}",
            str(path),
            "give yourself the right to read it, or write `learn = false` in [routing]",
        ) from error
    return parse_known(text.decode("utf-8", "replace"), str(path))


def save_known(environ: Mapping[str, str], known: Known) -> Path:
    """Keep what was learned, and this version of it for ever, so that decisions can be replayed."""
    path, text = learned_path(environ), dump_known(known)
    try:
        if known.version:
            _write(path.with_suffix("") / f"{known.version}.json", text)
        _write(path, text)
    except OSError as error:
        raise LedgerError(
            "known.unwritable",
            f"what was learned cannot be kept: {error.strerror or error}",
            str(path),
            "make room, or give yourself the right to write there",
        ) from error
    return path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A new name first: whoever reads meanwhile sees the old file or the new one, never half.
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
