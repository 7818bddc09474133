"""Any order of operations leaves books that balance, against an oracle in Decimal dollars."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from ledger_case import MEMORY, Clock

from masterplan.core.errors import BudgetError, LedgerError
from masterplan.core.money import UNKNOWN, Cost
from masterplan.core.usage import Usage
from masterplan.ledger import Cap, Intent, Ledger, Settlement, spend_by

CAP = 5_000
MODULES = ("a", "b")


class Books(RuleBasedStateMachine):
    """Reserve, settle, lose, wait and reopen in any order; compare with a plain model."""

    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = Path(self.directory.name) / "ledger.db"
        self.clock = Clock()
        self.ledger = Ledger.open(self.path, clock=self.clock)
        self.module: dict[str, str] = {}
        self.expires: dict[str, float] = {}
        self.worst: dict[str, int] = {}
        self.ends: dict[str, Settlement | None] = {}
        self.held: set[str] = set()

    def call(self, module: str, worst: int) -> Intent:
        """Return a call under the run's cap."""
        return Intent(
            run="r1", module=module, role="builder", kind="codegen", provider="p", model="p/m",
            requested_model="m", worst_case_nano=worst, caps=(Cap("run", "", CAP),),
            expires_after_s=50,
        )  # fmt: skip

    def spent(self) -> int:
        """Return what the model says was spent."""
        return sum(end.cost.nano or 0 for end in self.ends.values() if end)

    def expire(self) -> None:
        """Do in the model what reserve and recover do first: unknown money lets go in time."""
        for attempt in list(self.held):
            is_ended = attempt in self.ends
            if is_ended and self.expires[attempt] <= self.clock.now:
                self.held.discard(attempt)

    @rule(target=attempts, module=st.sampled_from(MODULES), worst=st.integers(0, 2_000))
    def reserve(self, module: str, worst: int) -> str:
        self.expire()
        room = CAP - self.spent() - sum(self.worst[attempt] for attempt in self.held)
        try:
            attempt = self.ledger.reserve(self.call(module, worst))
        except BudgetError:
            assert worst > room
            return ""
        assert worst <= room
        self.module[attempt], self.worst[attempt] = module, worst
        self.expires[attempt] = self.clock.now + 50
        self.held.add(attempt)
        return attempt

    @rule(
        attempt=attempts,
        nano=st.none() | st.integers(0, 2_000),
        quality=st.sampled_from(["reported", "estimated"]),
    )
    def settle(self, attempt: str, nano: int | None, quality: str) -> None:
        cost = UNKNOWN if nano is None else Cost(nano, quality)  # type: ignore[arg-type]
        settlement = Settlement(outcome="complete", usage=Usage(1, 1), cost=cost)
        known = self.ends.get(attempt)
        is_allowed = attempt in self.module and (known is None or known == settlement)
        try:
            self.ledger.settle(attempt, settlement)
        except LedgerError:
            assert not is_allowed
            return
        assert is_allowed
        self.ends[attempt] = settlement
        if nano is not None:
            self.held.discard(attempt)

    @rule()
    def lose_the_process(self) -> None:
        lost = self.ledger.recover(live_owner=lambda owner: False)
        assert set(lost) == self.module.keys() - self.ends.keys()
        self.ends.update(dict.fromkeys(lost))
        self.expire()

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.path, clock=self.clock, must_exist=True)

    @invariant()
    def balances_hold(self) -> None:
        [room] = self.ledger.room(self.call("a", 0))
        assert room.spent_nano == self.spent()
        assert room.reserved_nano == sum(self.worst[attempt] for attempt in self.held)

    def teardown(self) -> None:
        assert self.ledger.verify() == []
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for attempt, end in self.ends.items():
            if end is not None and end.cost.nano is not None:
                key = self.module[attempt], end.cost.quality
                sums[key] += Decimal(end.cost.nano) / 10**9
        for line in spend_by(self.ledger.attempts(), "module"):
            assert Decimal(line.spend.reported_nano) / 10**9 == sums[line.key, "reported"]
            assert Decimal(line.spend.estimated_nano) / 10**9 == sums[line.key, "estimated"]
        self.ledger.close()
        self.directory.cleanup()


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
