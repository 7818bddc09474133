"""What a caged run is: its limits, its job, its result, and the Protocol every cage meets.

Plain values only. Must not know how any cage is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

CageOutcome = Literal[
    "passed",
    "failed",
    "timeout",
    "killed",
    "output_limit",
    "memory_limit",
    "process_limit",
    "cpu_limit",
    "disk_limit",
]
"""How a caged command ended; only ``passed`` (exit status 0, no limit hit) is good news."""

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds of one caged run.

    ``output_bytes`` is what is kept (first and last halves); a command that prints fifty times
    that is stopped. ``file_bytes`` bounds one file, ``disk_bytes`` what all writable places grow.
    """

    wall_s: float = 60
    cpu_s: int = 60
    memory_bytes: int = 1024 * MIB
    processes: int = 64
    output_bytes: int = 200_000
    file_bytes: int = 64 * MIB
    open_files: int = 256
    disk_bytes: int = 512 * MIB


@dataclass(frozen=True)
class CageJob:
    """Where a command runs and what it may see beside the system's own programs.

    ``workdir`` is readable, and writable only if it, or a folder of it, is in ``writable``.
    ``env`` is added to an otherwise empty environment. ``path_dirs`` come first in ``PATH`` and
    are readable. ``.git`` at the top of ``workdir`` is never readable or writable from inside.
    A Unix socket in a folder of ``readonly`` can be connected to under bubblewrap: the one way out.
    """

    workdir: Path
    writable: tuple[Path, ...] = ()
    readonly: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    path_dirs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class CageResult:
    """What a caged command did. ``output`` is both its streams, capped and made harmless.

    ``exit_code`` is ``None`` where the command was stopped; one that died of its own signal has
    128 plus the signal's number. ``cage`` is the cage's name, ``"none"`` for no cage.
    """

    exit_code: int | None
    outcome: CageOutcome
    output: str
    wall_s: float
    is_truncated: bool
    cage: str


class Cage(Protocol):
    """Runs one shell command with no network, no secrets and bounded resources."""

    @property
    def name(self) -> str:
        """The cage's name, as results and reports show it; ``"none"`` for no cage."""
        ...

    async def run(self, command: str, *, job: CageJob) -> CageResult:
        """Run ``command`` by ``/bin/sh -c``; cancelling kills its whole tree first."""
        ...
