"""One driver a run: a claim on a run, held by an operating-system lock beside the ledger.

Owns the lock files and what they say of their holder. The lock is the truth, the text in it only
tells people who holds it. Must not know what a driver does with its run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


@dataclass
class RunClaim:
    """A held claim on a run; leave the ``with`` block or call ``release`` to give it up."""

    run: str
    holder: str
    path: Path

    def release(self) -> None:
        """Give the claim up; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> RunClaim:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
