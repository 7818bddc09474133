"""Many checks over one tree: equal commands once, test files together, each still proven alone.

Owns how checks are joined to save starts of a test runner, and how the evidence of a joint run is
told apart again; what cannot be told apart is run on its own. Must not know modules.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from masterplan.spec import Acceptance
from masterplan.workflow.judge.check import CheckResult, Judge
from masterplan.workflow.judge.expected import expected_tests, read_command

_PLAIN = frozenset({"-q", "-v", "-s", "-x", "-vv", "--tb=short", "--tb=long", "-qq"})
_RED_EXITS = (1, 2)


@dataclass(frozen=True)
class Part:
    """One check with its frozen tests and the ids of the tests that passed when it last did."""

    check: Acceptance
    tests: Mapping[str, str]
    passed: tuple[str, ...] = ()


async def run_together(
    judge: Judge, tree: Path, parts: Sequence[Part], parallel: int = 1
) -> list[CheckResult]:
    """Run all parts, those of one phase together where they can be; results in their order."""
    gate = asyncio.Semaphore(parallel)
    groups: dict[Hashable, list[Part]] = {}
    for part in parts:
        groups.setdefault((_key(part.check), part.check.phase), []).append(part)

    async def run(group: list[Part]) -> list[CheckResult]:
        async with gate:
            joined = await run_joined(judge, tree, group) if len(group) > 1 else None
            return joined or [await _run_alone(judge, tree, part) for part in group]

    found = await asyncio.gather(*(run(group) for group in groups.values()))
    by_id = {result.id: result for results in found for result in results}
    return [by_id[part.check.id] for part in parts]


def can_join(parts: Sequence[Part]) -> bool:
    """Tell whether these checks could be one run of a test runner."""
    return len(parts) > 1 and len({_key(part.check) for part in parts}) == 1


async def run_joined(judge: Judge, tree: Path, group: Sequence[Part]) -> list[CheckResult] | None:
    """Run parts of equal words in one go; ``None`` where the outcome cannot be told apart."""
    joined = _join(group)
    result = await judge.run(joined.check, tree, joined.tests)
    if not read_command(joined.check.run).runner:
        return [replace(result, id=part.check.id) for part in group]
    told = [_told_apart(part, result) for part in group]
    results = [one for one in told if one is not None]
    return results if len(results) == len(group) else None


def _told_apart(part: Part, result: CheckResult) -> CheckResult | None:
    """Return a part's own result out of a joint one, where all passed or none did."""
    passed = tuple(name for name in result.passed if _is_of(name, part.check))
    failed = tuple(name for name in result.failed if _is_of(name, part.check))
    mine = replace(result, id=part.check.id, passed=passed, failed=failed)
    if result.is_passed:
        expected = expected_tests(part.check.run, part.tests)
        names = {name.split("[", 1)[0] for name in passed}
        is_pytest = read_command(part.check.run).runner == "pytest"
        is_whole = bool(passed) and (not is_pytest or expected <= names)
        return mine if is_whole else None
    is_red = result.state == "fail" and result.exit_code in _RED_EXITS and not result.passed
    return mine if is_red and failed else None


def _is_of(name: str, check: Acceptance) -> bool:
    """Tell whether a test's id belongs to what a command names."""
    command = read_command(check.run)
    for path in command.paths:
        place = path.removesuffix(".py").replace("/", ".") if command.runner != "pytest" else path
        rest = name.removeprefix(place)
        if name.startswith(place) and rest[:1] in ("", ":", "/", ".", " "):
            return True
    return False


async def _run_alone(judge: Judge, tree: Path, part: Part) -> CheckResult:
    may_skip = part.check.phase == "stay_green" and bool(part.passed)
    before = part.passed if may_skip else None
    return await judge.run(part.check, tree, part.tests, passed_before=before)


def _join(group: Sequence[Part]) -> Part:
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


def _key(check: Acceptance) -> Hashable:
    return _head(check) or (check.run, check.expect)


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
