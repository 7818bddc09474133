"""Rules that need facts of the repository and the machine: base, commands, phases, packages.

Owns the comparison of what the spec says with what was found. Must not know how it was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from masterplan.core.errors import Problem
from masterplan.spec.facts import Facts
from masterplan.spec.schema import Acceptance, Spec

_BRIEF_CHARS = 160
_ERROR = re.compile(r"^(?:E\s+)?(\w[\w.]*(?:Error|Exception|Failure)\b.*)$", re.MULTILINE)


def base_commit_unchanged(spec: Spec, facts: Facts) -> list[Problem]:
    """The repository stands at the commit the planner saw."""
    if not spec.base.commit or spec.base.commit == facts.base_commit:
        return []
    now = facts.base_commit or "(no commit)"
    message = f"the plan was made at commit {spec.base.commit[:12]}, now it is {now[:12]}"
    mend = "Go back to that commit, or plan again on this one."
    return [Problem("spec.base_moved", message, "base.commit", mend)]


def files_unchanged(spec: Spec, facts: Facts) -> list[Problem]:
    """The files the plan read or changes are still what the planner saw."""
    now = facts.file_shas or {}
    seen = list(_seen_files(spec))
    moved = {path: place for place, path, sha in reversed(seen) if now.get(path) != sha}
    if len(moved) > 1 and len(moved) == len({path for _, path, _ in seen}):
        message = f"none of the {len(moved)} files that the plan saw is here as it was"
        mend = "Go to the repository that it was planned in, or plan again in this one."
        return [Problem("spec.file_moved", message, "base.files_read", mend)]
    found = []
    for path, place in reversed(moved.items()):
        state = "has changed" if path in now else "is gone"
        message = f"{path!r} {state} since the plan was made"
        found.append(Problem("spec.file_moved", message, place, "Plan again on this base."))
    return found


def needs_file_shas(spec: Spec) -> bool:
    """Tell whether the spec says of any file what the planner saw."""
    return any(True for _ in _seen_files(spec))


def commands_resolve(spec: Spec, facts: Facts) -> list[Problem]:
    """The program of each command is there."""
    resolves, ran = facts.resolves or {}, facts.acceptance or {}
    found = []
    for place, item in _acceptance(spec):
        result = ran.get(item.id)
        is_missing = result is not None and result.state == "unresolved"
        if is_missing or not resolves.get(item.id, True):
            detail = result.detail if result is not None and is_missing else ""
            found.append(_unresolved(f"{place}.run", item.run, detail))
    for index, smoke in enumerate(spec.integration.smoke):
        if not resolves.get(f"smoke[{index}]", True):
            found.append(_unresolved(f"integration.smoke[{index}].run", smoke.run, ""))
    return found


def phases_hold(spec: Spec, facts: Facts) -> list[Problem]:
    """On the base each red_green acceptance fails and each stay_green one passes."""
    results = facts.acceptance or {}
    found = []
    for place, item in _acceptance(spec):
        result = results.get(item.id)
        state = result.state if result is not None else "not_run"
        detail = _brief(result.detail) if result is not None else ""
        if state == "not_run":
            message = f"acceptance {item.id!r} was not run on the base"
            mend = "Run the gate again where its command can be run."
            found.append(Problem("spec.not_run", message, place, mend))
        elif item.phase == "red_green" and state == "pass":
            message = f"acceptance {item.id!r} passes before anything is built, so proves nothing"
            mend = "Make its command test what is new, or set phase to stay_green."
            found.append(Problem("spec.not_red", message, f"{place}.phase", mend))
        elif item.phase == "stay_green" and state == "fail":
            message = f"acceptance {item.id!r} must stay green but fails on the base: {detail}"
            mend = "Set phase to red_green, or correct its command."
            found.append(Problem("spec.not_green", message, f"{place}.phase", mend))
    return found


def packages_exist(spec: Spec, facts: Facts) -> list[Problem]:
    """Each third-party symbol is in the installed package."""
    missing = facts.missing_symbols or {}
    found = []
    for index, item in enumerate(spec.third_party):
        place = f"third_party[{index}]"
        lacks = missing.get(item.package)
        if lacks is None or "*" in lacks:
            message = f"the package {item.package!r} is not installed"
            mend = "Use the standard library instead, or install it and run the gate again."
            found.append(Problem("spec.no_package", message, place, mend))
            continue
        for at, symbol in enumerate(item.symbols):
            if symbol in lacks:
                message = f"the package {item.package!r} has no {symbol!r}"
                mend = "Use a symbol that the package has, or remove this one."
                where = f"{place}.symbols[{at}]"
                found.append(Problem("spec.no_symbol", message, where, mend))
    return found


def _unresolved(place: str, command: str, detail: str) -> Problem:
    because = f": {_brief(detail)}" if detail.strip() else ""
    message = f"the command {command[:80]!r} cannot start here{because}"
    mend = "Use a program that is installed, for example `python -m pytest -q tests/test_x.py`."
    return Problem("spec.unresolved", message, place, mend)


def _brief(detail: str) -> str:
    """Return the one line of an output that tells most: its first error, else its last line."""
    found = _ERROR.search(detail)
    lines = detail.strip().splitlines() or [""]
    line = " ".join((found[1] if found else lines[-1]).split())
    return line if len(line) <= _BRIEF_CHARS else f"{line[:_BRIEF_CHARS]}…"


def _acceptance(spec: Spec) -> Iterator[tuple[str, Acceptance]]:
    for index, module in enumerate(spec.modules):
        for at, item in enumerate(module.acceptance):
            yield f"modules[{index}].acceptance[{at}]", item


def _seen_files(spec: Spec) -> Iterator[tuple[str, str, str]]:
    for index, seen in enumerate(spec.base.files_read):
        if seen.sha:
            yield f"base.files_read[{index}]", seen.path, seen.sha
    for index, module in enumerate(spec.modules):
        for at, change in enumerate(module.files.modify):
            if change.sha:
                yield f"modules[{index}].files.modify[{at}]", change.path, change.sha
