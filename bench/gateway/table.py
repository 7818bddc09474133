"""From samples to tables: medians of the rounds, instructions first, latency as what is added.

Owns the arithmetic and the print. Must not know how anything was measured.
"""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Protocol

from scenario import Scenario


class Counter(Protocol):
    """What counts instructions around a driver's run."""

    def wrap(self, pids: list[int], command: list[str]) -> list[str]:
        """The command to run instead."""
        ...

    def begin(self, pids: list[int]) -> None:
        """Start from zero."""
        ...

    def end(self, pids: list[int]) -> float:
        """Instructions since ``begin``."""
        ...


Key = tuple[str, str, str]


@dataclass
class Results:
    """Samples by scenario, way and gateway; starts as (seconds, CPU seconds, bytes)."""

    samples: dict[Key, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[Key, float] = field(default_factory=dict)
    starts: dict[str, tuple[float, float, int]] = field(default_factory=dict)

    def add(self, scenario: str, way: str, gateway: str, told: dict[str, Any]) -> None:
        """Take one sample; its count with it where perf made one."""
        self.samples[scenario, way, gateway].append(told)
        if "instructions" in told:
            self.count(scenario, way, gateway, told)

    def count(self, scenario: str, way: str, gateway: str, told: dict[str, Any]) -> None:
        """Take instructions a request."""
        self.counts[scenario, way, gateway] = told["instructions"] / max(1, told["ok"])
        if told["ok"] != told["done"]:
            print(f"{gateway} {scenario} {way}: {told['ok']}/{told['done']}: {told['complaint']}")

    def median(self, key: Key, *path: str) -> float | None:
        """The median of a figure over the rounds."""
        found: list[float] = []
        for sample in self.samples.get(key, []):
            value: Any = sample
            for step in path:
                value = value.get(step) if isinstance(value, dict) else None
            if value is not None:
                found.append(float(value))
        return statistics.median(found) if found else None


def print_results(results: Results) -> None:
    """Print a table for each load, and one of the starts."""
    keys = dict.fromkeys((one[0], one[1]) for one in (*results.samples, *results.counts))
    for scenario, way in keys:
        print(f"\n### {scenario}, {way}\n")
        print("| gateway | ok | M instructions | ms CPU | p50 ms | added p50 | added first | p99 |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        names = dict.fromkeys(
            key[2] for key in (*results.samples, *results.counts) if key[:2] == (scenario, way)
        )
        for name in names:
            print("| " + " | ".join(_row(results, scenario, way, name)) + " |")
    if results.starts:
        print("\n| gateway | s to the first answer | CPU s | MB idle |\n| --- | --- | --- | --- |")
    for name, (start_s, cpu_s, memory) in results.starts.items():
        print(f"| {name} | {start_s:.2f} | {cpu_s:.2f} | {memory / 1e6:.0f} |")


def _row(results: Results, scenario: str, way: str, name: str) -> list[str]:
    key, bare = (scenario, way, name), (scenario, way, "direct")
    runs = results.samples.get(key, [])
    ok, done = sum(run["ok"] for run in runs), sum(run["done"] for run in runs)
    cpu_s = sum(run.get("cpu_s", 0) for run in runs)
    count = results.counts.get(key)
    half, first = results.median(key, "latency", "p50"), results.median(key, "first", "p50")
    late = results.median(key, "first", "p99")
    base, base_first = results.median(bare, "latency", "p50"), results.median(bare, "first", "p50")
    base_late = results.median(bare, "first", "p99")
    return [
        name,
        "all" if ok == done else f"{ok}/{done}",
        "–" if count is None else f"{count / 1e6:.3f}",
        f"{1000 * cpu_s / ok:.3f}" if ok and cpu_s else "–",
        _ms(half),
        _ms(_less(half, base)),
        _ms(_less(first, base_first)),
        _ms(_less(late, base_late)),
    ]


def _less(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value / 1000:.2f}"


def print_held(
    name: str, told: dict[str, Any], scenario: Scenario, memory: tuple[int, int, int]
) -> None:
    """Print what a long load did."""
    before, most, after = memory
    each = (most - before) / max(1, scenario.connections)
    print(f"{name}: {told['ok']} of {told['done']} complete, {told['pieces']} pieces, ", end="")
    print(
        f"{told['seconds']:.0f} s; memory {before / 1e6:.0f} → {most / 1e6:.0f} (most) → ", end=""
    )
    print(f"{after / 1e6:.0f} MB, {each / 1000:.1f} kB a connection; {told['complaint']}")
