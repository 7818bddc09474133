"""What the ledger's tests share: a clock that is set by hand, and one plausible call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_case import MEMORY, Clock, MakeIntent, MakeSettlement

from masterplan.core.money import Cost
from masterplan.core.usage import Usage
from masterplan.ledger import Intent, Ledger, Settlement


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        yield Path(directory) / "books" / "ledger.db"


@pytest.fixture
def disk_path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path, clock: Clock) -> Iterator[Ledger]:
    with Ledger.open(path, clock=clock, busy_s=0.3) as opened:
        yield opened
    if path.exists():
        with Ledger.open(path) as again:
            assert again.verify() == []


@pytest.fixture(scope="session")
def intent() -> MakeIntent:
    def make(**changes: Any) -> Intent:
        values: dict[str, Any] = {
            "run": "r1",
            "module": "slug",
            "role": "builder",
            "kind": "codegen",
            "provider": "anthropic",
            "model": "anthropic/claude-haiku-4-5",
            "requested_model": "claude-haiku-4-5",
            "worst_case_nano": 100,
        }
        return Intent(**values | changes)

    return make


@pytest.fixture(scope="session")
def settled() -> MakeSettlement:
    def make(nano: int | None = 40, quality: str = "reported", **changes: Any) -> Settlement:
        cost: Any = Cost(nano, quality) if nano is not None else Cost(None, "unknown")  # type: ignore[arg-type]
        values: dict[str, Any] = {
            "outcome": "complete",
            "usage": Usage(input_tokens=10, output_tokens=5, source="reported"),
            "cost": cost,
            "served_model": "claude-haiku-4-5-20251001",
            "status": 200,
        }
        return Settlement(**values | changes)

    return make
