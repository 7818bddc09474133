"""A build killed at every write to the ledger, before and after it, and resumed each time."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from masterplan.ledger import Ledger
from masterplan.providers.fake import FakeProvider, Received, Reply

LIVES = Path(__file__).with_name("lives.py")


@dataclass
class Zygote:
    """The process that gives birth to every life, and the oracle of what was executed."""

    process: asyncio.subprocess.Process
    fake: FakeProvider
    asked: Counter[str] = field(default_factory=Counter)

    async def live(self, folder: Path, at: int = 0, when: str = "never") -> int:
        """Have one life and return how it ended: a wait status."""
        order = {"folder": str(folder), "url": self.fake.base_url, "at": at, "when": when}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdout.readline()
        return int(json.loads(await self.process.stdout.readline())["status"])


@asynccontextmanager
async def zygote() -> AsyncIterator[Zygote]:
    """Start the provider and the process of the lives."""
    asked: Counter[str] = Counter()

    def script(received: Received) -> Reply:
        name = received.text.split("# Module ", 1)[1][0]
        is_second = "# Failure report" in received.text
        asked[f"{name} {2 if is_second else 1}"] += 1
        wrong = name == "a" and not is_second
        uses, tail = ("", "") if name == "a" else ("from pkg.a import a\n", " + a(1)")
        text = f"{uses}def {name}(x: int) -> int:\n    return x + {9 if wrong else 1}{tail}\n"
        return Reply(text=json.dumps({"files": {f"pkg/{name}.py": text}}))

    async with FakeProvider(script) as fake:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(LIVES), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            yield Zygote(process, fake, asked)
        finally:
            process.kill()
            await process.wait()


def recorded_replies(folder: Path) -> set[str]:
    """Return the tries whose reply is in the journal."""
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        steps = ledger.steps("run")
    return {step.name.removeprefix("reply ") for step in steps if step.name.startswith("reply ")}


async def test_build_when_killed_at_every_write_then_nothing_recorded_is_paid_again(
    tmp_path: Path,
) -> None:
    async with zygote() as nest:
        whole = tmp_path / "whole"
        assert await nest.live(whole) == 0
        writes = (whole / "writes").read_text().split()
        assert writes.count("reserve") == 3
        assert len(writes) > 18

        folder, paid, last = tmp_path / "killed", Counter[str](), -1
        nest.asked.clear()
        for index, kind in enumerate(writes):
            for when in ("before", "after"):
                # What was recorded is not written again: counting starts after the last record.
                assert await nest.live(folder, index - last, when) == signal.SIGKILL, (index, kind)
                if (folder / "ledger.sqlite").exists():
                    for name in recorded_replies(folder):
                        paid.setdefault(name, nest.asked[name])
            if kind in ("record", "start"):
                last = index
        assert await nest.live(folder) == 0
        assert {name: nest.asked[name] for name in paid} == dict(paid)

    first, second = (json.loads((f / "report.json").read_text()) for f in (whole, folder))
    assert first["commit"] == second["commit"] != ""
    assert second["status"] == "verified"
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        rows = ledger.attempts(run="run")
        assert ledger.verify() == []
    assert not any(row.is_open for row in rows)
    # Killed after the reservation and before the settlement: three calls, twice each.
    assert sum(row.outcome == "unknown" for row in rows) == 6
    assert second["spend"]["unknown_attempts"] == 6
    assert sum(nest.asked.values()) <= len(rows)
