"""Rules on meaning: something to build, each requirement proven, no placeholder, no open question.

Owns what makes a spec complete as a text. Must not know the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from masterplan.core.errors import Problem
from masterplan.core.money import parse_usd
from masterplan.spec.facts import Facts
from masterplan.spec.schema import Spec

# Data, not prose: "..." is a fine input of an edge case, and code holds its own TODOs.
_DATA_FIELDS = """
id input expected call result run expect error test_files held_out_files tree ownership sha commit
digest approval planner base graph change_log kind path create test read ladder start
"""
_DATA = frozenset(_DATA_FIELDS.split())

# Whole texts that stand for one to come. A text that only speaks of TODOs is none.
_PLACEHOLDERS = (
    re.compile(r"\W*(?:todo|tbd|tba|fixme|xxx|placeholder)\W*", re.I),
    re.compile(r"\W*(?:TODO|FIXME|XXX)\s*(?:[:(]|[-–—]\s).*", re.S),
    re.compile(r"\W*to be (?:determined|decided|defined|done|written|added|filled in)\W*", re.I),
    re.compile(r"\W*(?:fill (?:this )?in|your text here|insert .{1,40} here)\W*", re.I),
    re.compile(r"\W*lorem ipsum.*", re.I | re.S),
    re.compile(r"[\s._?-]*(?:\.{3}|…|\?{2}|_{2}|-{3})[\s….?_-]*"),
    re.compile(r"\s*<[^<>]{1,60}>\s*"),
    re.compile(r".*\bTBD\b.*", re.S),
)


def substance(spec: Spec, facts: Facts) -> list[Problem]:
    """There is a goal, a non-goal, a requirement and a module, and each module does something."""
    found = []
    needed = {
        "goal": (spec.goal.strip(), "Write in one paragraph what shall be built."),
        "non_goals": (spec.non_goals, "Add one thing that this plan will not do."),
        "requirements": (spec.requirements, "Add one requirement: WHEN … the program SHALL …"),
        "modules": (spec.modules, "Add one module with its files and its acceptance."),
    }
    for field, (value, mend) in needed.items():
        if not value:
            found.append(Problem(f"spec.no_{field}", f"{field} is empty", field, mend))
    for index, requirement in enumerate(spec.requirements):
        if not requirement.text.strip():
            mend = "Write: WHEN … the program SHALL …"
            place = f"requirements[{index}].text"
            found.append(Problem("spec.empty_text", "the requirement is empty", place, mend))
    for index, module in enumerate(spec.modules):
        place = f"modules[{index}]"
        if not module.responsibility.strip():
            mend = "Write in one sentence what the module does."
            found.append(Problem("spec.empty_text", "empty", f"{place}.responsibility", mend))
        if not module.files.writable:
            mend = "Add the file that this module creates to files.create."
            message = f"module {module.id!r} may not write any file"
            found.append(Problem("spec.no_files", message, f"{place}.files.create", mend))
    return found


def requirements_proven(spec: Spec, facts: Facts) -> list[Problem]:
    """Each requirement has a module, and each module has an acceptance that can be run."""
    found = []
    for index, module in enumerate(spec.modules):
        if not module.acceptance:
            message = f"module {module.id!r} has no acceptance"
            place = f"modules[{index}].acceptance"
            mend = "Add an acceptance with a command that fails now and passes when it is built."
            found.append(Problem("spec.no_acceptance", message, place, mend))
    answered = {name for module in spec.modules for name in module.requirements}
    names = ", ".join(module.id for module in spec.modules[:12]) or "a new module"
    for index, requirement in enumerate(spec.requirements):
        if requirement.id not in answered:
            message = f"no module answers to requirement {requirement.id!r}"
            mend = f"Add {requirement.id!r} to the requirements of one of: {names}."
            found.append(Problem("spec.unanswered", message, f"requirements[{index}]", mend))
    return found


def no_placeholder(spec: Spec, facts: Facts) -> list[Problem]:
    """No text stands in for one that is still to be written."""
    found = []
    for place, text in _prose(spec.model_dump(mode="json"), ""):
        if any(pattern.fullmatch(text) for pattern in _PLACEHOLDERS):
            message = f"the text {text.strip()[:60]!r} is a placeholder"
            mend = "Replace it with the real text, or remove it."
            found.append(Problem("spec.placeholder", message, place, mend))
    return found


def no_open_question(spec: Spec, facts: Facts) -> list[Problem]:
    """Each question is answered and gone, or waived by a person."""
    mend = "Answer it and remove it, or let a person waive it (waived_by)."
    return [
        Problem("spec.open_question", f"open: {question.text}", f"questions[{index}]", mend)
        for index, question in enumerate(spec.questions)
        if not (question.waived_by or "").strip()
    ]


def module_budgets(spec: Spec, facts: Facts) -> list[Problem]:
    """No module may spend more than the budget of one module."""
    limit = parse_usd(spec.budget.per_module)
    return [
        Problem(
            "spec.module_over_budget",
            f"module {module.id!r} may spend {module.budget.usd}, more than budget.per_module",
            f"modules[{index}].budget.usd",
            f"Write {spec.budget.per_module!r} or less.",
        )
        for index, module in enumerate(spec.modules)
        if module.budget.limit_nano > limit
    ]


def _prose(data: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(data, str):
        yield place, data
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _prose(item, f"{place}[{index}]")
    elif isinstance(data, dict):
        for key, value in data.items():
            if key not in _DATA:
                yield from _prose(value, f"{place}.{key}" if place else str(key))
