"""The books: every attempt has a durable row before bytes leave, and is settled once.

Owns the door of the room: runs, reservations, settlements, the journal of steps, claims, checks
and backups. Must not know prompts, prices, policies or HTTP; money arrives as nano-dollars.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from masterplan.core.errors import Problem
from masterplan.ledger.claim import RunClaim
from masterplan.ledger.record import AttemptRow, Intent, Room, RunRecord, Settlement, StepRow


class Ledger:
    """One ledger file. Safe to share between threads and to open from several processes."""

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        must_exist: bool = False,
        busy_s: float = 10.0,
    ) -> Ledger:
        """Open the ledger at ``path``; create it only where none ever was.

        ``busy_s`` bounds the wait for another process's write. Raises LedgerError where the file
        is damaged, foreign, newer, or gone although there was one.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start_run(self, run: RunRecord) -> None:
        """Record a run. The same record again does nothing; another one under its id raises."""
        raise NotImplementedError

    def end_run(self, run: str, status: str, detail: str = "") -> None:
        """Record how a run ended; a resumed run ends again and the last end counts."""
        raise NotImplementedError

    def runs(self) -> list[RunRecord]:
        """Return all runs, oldest first."""
        raise NotImplementedError

    def run(self, run: str) -> RunRecord | None:
        """Return the run of this id, or ``None``."""
        raise NotImplementedError

    def reserve(self, intent: Intent) -> str:
        """Hold the worst case of a call under all its caps, durably; return the attempt's id.

        Raises BudgetError where a cap has no room, LedgerError where the row is not durable.
        """
        raise NotImplementedError

    def settle(self, attempt: str, settlement: Settlement) -> None:
        """Record how an attempt ended, exactly once.

        The identical settlement again does nothing, a different one raises LedgerError; an
        attempt that ``recover`` or its expiry marked unknown may be settled once afterwards.
        """
        raise NotImplementedError

    def recover(self, *, live_owner: Callable[[str], bool] | None = None) -> list[str]:
        """Mark open attempts of dead processes as unknown; return their ids.

        ``live_owner`` tells whether an owner (``host/pid/start``) may still settle; by default
        the process table of this host is asked, and owners on other hosts count as alive.
        """
        raise NotImplementedError

    def attempts(self, *, run: str | None = None, module: str | None = None) -> list[AttemptRow]:
        """Return attempts in the order they were reserved, of one run or module where given."""
        raise NotImplementedError

    def room(self, intent: Intent) -> list[Room]:
        """Return what each of the intent's caps has spent, reserved and left right now."""
        raise NotImplementedError

    def find_step(self, run: str, key: str) -> StepRow | None:
        """Return the recorded step of these inputs, or ``None`` where it is still to be done."""
        raise NotImplementedError

    def record_step(self, run: str, key: str, name: str, result_json: str) -> None:
        """Record a step's result durably. The same again does nothing; another result raises."""
        raise NotImplementedError

    def steps(self, run: str) -> list[StepRow]:
        """Return the steps of a run in the order they were recorded."""
        raise NotImplementedError

    def claim_run(self, run: str) -> RunClaim:
        """Become the one driver of a run; raises LedgerError that names the present holder."""
        raise NotImplementedError

    def verify(self) -> list[Problem]:
        """Check the file, the hash chain and every balance; return what is wrong."""
        raise NotImplementedError

    def backup(self, to: Path) -> None:
        """Write a consistent copy to ``to`` while others go on writing; never overwrites."""
        raise NotImplementedError
