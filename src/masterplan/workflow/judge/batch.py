"""Many checks over one tree: equal commands once, pytest files together, each still proven alone.

Owns how checks are joined to save starts of a test runner; whoever fails in company is run again
on its own. Must not know modules.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from masterplan.spec import Acceptance
from masterplan.workflow.judge.check import CheckResult, Judge
from masterplan.workflow.judge.expected import read_command

_PLAIN = frozenset({"-q", "-v", "-s", "-x", "-vv", "--tb=short", "--tb=long", "-qq"})


@dataclass(frozen=True)
class Part:
    """One check with its frozen tests and the ids of the tests that passed when it last did."""

    check: Acceptance
    tests: Mapping[str, str]
    passed: tuple[str, ...] = ()


async def run_together(
    judge: Judge, tree: Path, parts: Sequence[Part], parallel: int
) -> list[CheckResult]:
    """Run all parts, results in their order."""
    gate = asyncio.Semaphore(parallel)
    groups: dict[tuple[str, ...], list[Part]] = {}
    for part in parts:
        groups.setdefault(_head(part.check) or (part.check.run, part.check.expect), []).append(part)

    async def run(group: list[Part]) -> list[CheckResult]:
        async with gate:
            return await _run_group(judge, tree, group)

    found = await asyncio.gather(*(run(group) for group in groups.values()))
    by_id = {result.id: result for results in found for result in results}
    return [by_id[part.check.id] for part in parts]


async def _run_group(judge: Judge, tree: Path, group: list[Part]) -> list[CheckResult]:
    if len(group) > 1:
        joined = _join(group)
        result = await judge.run(joined.check, tree, joined.tests)
        if result.is_passed and _has_each(group, result):
            return [replace(result, id=part.check.id, passed=part.passed) for part in group]
    return [
        await judge.run(
            part.check, tree, part.tests, passed_before=part.passed if _may_skip(part) else None
        )
        for part in group
    ]


def _may_skip(part: Part) -> bool:
    return part.check.phase == "stay_green" and bool(part.passed)


def _has_each(group: list[Part], result: CheckResult) -> bool:
    """Tell whether each part's own tests are among those that passed together."""
    together = set(result.passed)
    is_test = bool(read_command(group[0].check.run).runner)
    return not is_test or all(part.passed and set(part.passed) <= together for part in group)


def _join(group: list[Part]) -> Part:
    """Make one check of several with the same words before their paths."""
    head = _head(group[0].check)
    tests = {path: text for part in group for path, text in part.tests.items()}
    first = group[0].check
    timeout = min(sum(part.check.timeout for part in group), 3_600)
    if head is None:
        return Part(first.model_copy(update={"timeout": timeout}), tests)
    paths = dict.fromkeys(path for part in group for path in read_command(part.check.run).paths)
    run = " ".join([*head, *map(shlex.quote, paths)])
    return Part(first.model_copy(update={"run": run, "timeout": timeout}), tests)


def _head(check: Acceptance) -> tuple[str, ...] | None:
    """Return the words before the paths of a plain test command, or ``None`` if it is not plain."""
    command = read_command(check.run)
    if command.runner not in ("pytest", "unittest") or check.expect != "exit 0":
        return None
    try:
        words = shlex.split(check.run)
    except ValueError:
        return None
    options = [word for word in command.words if word.startswith("-")]
    before = words[: len(words) - len(command.words)]
    is_plain = (
        bool(command.paths)
        and tuple(words[len(before) :]) == command.words
        and set(options) <= _PLAIN
        and not any("::" in path for path in command.paths)
        and all(word.isascii() and not set(word) & set("();<>|&$`'\"\\*?") for word in words)
    )
    return (*before, *options) if is_plain else None
