"""What a routing decision costs: CPU of ``masterplan route`` as a process, time of one decision.

The process figure stands beside ``python -c pass`` on the same machine, so that it can be compared
across machines. Run: ``.venv/bin/python bench/route_cpu.py [--json]``.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from masterplan.catalog import Catalog, Prices
from masterplan.core.task import Task
from masterplan.policy import Found, parse_policy, render_policy
from masterplan.routing import Router

PROCESSES = 15
DECISIONS = 3_000
LIMIT_CPU_S = 0.35
LIMIT_DECISION_MS = 1.0
POLICY = render_policy(Found(keys=frozenset({"anthropic", "google"})))
TEXTS = (
    "Design the architecture of a payment system",
    "Find the race condition behind the lost updates",
    "Build a React login form with validation",
    "Implement a rate limiter with a sliding window",
    "Write unit tests for the parser",
    "Scaffold a CRUD API for orders",
)


def cpu_s(command: list[str], env: dict[str, str]) -> float:
    """User and system CPU seconds of one process, its children with it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def process_figures() -> dict[str, float]:
    """CPU of the command and of an empty Python, medians of interleaved runs."""
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "masterplan.toml"
        policy.write_text(POLICY)
        env = {"PATH": os.environ["PATH"], "HOME": folder}
        python = [sys.executable, "-c", "pass"]
        route = [str(Path(sys.executable).with_name("masterplan")), "--policy", str(policy)]
        route += ["route", TEXTS[2], "--json"]
        cpu_s(route, env)
        pairs = [(cpu_s(python, env), cpu_s(route, env)) for _ in range(PROCESSES)]
    empty = statistics.median(pair[0] for pair in pairs)
    full = statistics.median(pair[1] for pair in pairs)
    return {
        "python_cpu_s": round(empty, 4),
        "route_cpu_s": round(full, 4),
        "route_cpu_worst_s": round(max(pair[1] for pair in pairs), 4),
        "ratio": round(full / empty, 1),
    }


def decision_figures() -> dict[str, float]:
    """CPU time of one decision in a running process, prices and policy loaded."""
    router = Router(parse_policy(POLICY), Catalog.load(), Prices.load())
    times = []
    for number in range(DECISIONS):
        task = Task(f"{TEXTS[number % len(TEXTS)]} (item {number})")
        started = time.thread_time_ns()
        router.route(task)
        times.append((time.thread_time_ns() - started) / 1e6)
    times.sort()
    return {
        "decision_p50_ms": round(times[len(times) // 2], 3),
        "decision_p99_ms": round(times[len(times) * 99 // 100], 3),
    }


def main() -> int:
    """Print both figures; 1 where a limit is passed."""
    figures = process_figures() | decision_figures()
    if "--json" in sys.argv:
        print(json.dumps(figures, sort_keys=True))
    else:
        print(f"python -c pass     {figures['python_cpu_s']:.3f} s of CPU")
        print(
            f"masterplan route   {figures['route_cpu_s']:.3f} s of CPU "
            f"(worst {figures['route_cpu_worst_s']:.3f}; {figures['ratio']:.0f} times; "
            f"limit {LIMIT_CPU_S})"
        )
        print(
            f"one decision       p50 {figures['decision_p50_ms']:.3f} ms, "
            f"p99 {figures['decision_p99_ms']:.3f} ms (limit {LIMIT_DECISION_MS})"
        )
    is_within = (
        figures["route_cpu_s"] < LIMIT_CPU_S and figures["decision_p99_ms"] < LIMIT_DECISION_MS
    )
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
