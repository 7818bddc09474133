"""How fast attempts are booked: reserve and settle, beside a bare synced insert in the same run.

usage: python bench/ledger_reserve.py [PAIRS]. The ratio is what the books cost over the disk: both
sides wait for the disk twice, so it carries over to other machines better than the rates do.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from masterplan.core.money import Cost
from masterplan.core.usage import Usage
from masterplan.ledger import Cap, Intent, Ledger, Settlement

CALL = Intent(
    run="bench",
    module="slug",
    role="builder",
    kind="codegen",
    provider="anthropic",
    model="anthropic/claude-haiku-4-5",
    requested_model="claude-haiku-4-5",
    worst_case_nano=1_000_000,
    caps=(Cap("run", "", 10**15), Cap("day", "", 10**15)),
    decision_json='{"reasons": ["the spec says so"]}',
)
SETTLEMENT = Settlement(
    outcome="complete",
    usage=Usage(2_000, 1_500, source="reported"),
    cost=Cost(9_500_000, "reported"),
    served_model="claude-haiku-4-5-20251001",
    status=200,
    duration_s=2.5,
)


def measure(act: Callable[[], None], pairs: int) -> tuple[float, float]:
    """Return pairs a second and the slowest hundredth of them, in milliseconds."""
    times = []
    for _ in range(pairs):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return pairs / sum(times), sorted(times)[int(pairs * 0.99)] * 1_000


def main(pairs: int) -> None:
    """Measure both and print the ratio."""
    with tempfile.TemporaryDirectory() as directory:
        bare = sqlite3.connect(Path(directory) / "bare.db", isolation_level=None)
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")

        def insert_twice() -> None:
            for _ in range(2):
                bare.execute("INSERT INTO rows (body) VALUES (?)", ("x" * 400,))

        with Ledger.open(Path(directory) / "ledger.db") as ledger:

            def book() -> None:
                ledger.settle(ledger.reserve(CALL), SETTLEMENT)

            for act in (insert_twice, book):
                measure(act, pairs // 10)
            plain, plain_p99 = measure(insert_twice, pairs)
            booked, booked_p99 = measure(book, pairs)
            began = time.perf_counter()
            problems = ledger.verify()
            verified = time.perf_counter() - began
        bare.close()
    print(f"bare synced inserts: {plain:7.0f} pairs/s, p99 {plain_p99:.2f} ms")
    print(f"reserve and settle:  {booked:7.0f} pairs/s, p99 {booked_p99:.2f} ms")
    print(f"ratio:               {booked / plain:7.2f}")
    print(f"verify:              {verified:7.2f} s for {pairs} attempts, {len(problems)} problems")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
