"""Ids: each is written once, also after normalisation.

Owns what makes one id clash with another. Must not know what an id refers to.
"""

from __future__ import annotations

from collections.abc import Iterator

from masterplan.core.errors import Problem
from masterplan.spec.schema import Spec
from masterplan.spec.text import id_key


def id_problems(spec: Spec) -> list[Problem]:
    """Return every id that is written twice within its own kind."""
    found: list[Problem] = []
    for what, entries in _kinds(spec):
        seen: dict[str, tuple[str, str]] = {}
        for place, name in entries:
            first_place, first_name = seen.setdefault(id_key(name), (place, name))
            if first_place == place:
                continue
            twin = "" if name == first_name else f" (it reads like {first_name!r})"
            message = f"the {what} id {name!r} is already used at {first_place}{twin}"
            mend = f"Give this {what} another id."
            found.append(Problem("spec.duplicate_id", message, place, mend))
    return found


def _kinds(spec: Spec) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    yield "module", [(f"modules[{i}].id", item.id) for i, item in enumerate(spec.modules)]
    yield "contract", [(f"contracts[{i}].id", item.id) for i, item in enumerate(spec.contracts)]
    yield (
        "requirement",
        [(f"requirements[{i}].id", item.id) for i, item in enumerate(spec.requirements)],
    )
    yield "decision", [(f"decisions[{i}].id", item.id) for i, item in enumerate(spec.decisions)]
    yield "question", [(f"questions[{i}].id", item.id) for i, item in enumerate(spec.questions)]
    components = spec.architecture.components
    yield (
        "component",
        [(f"architecture.components[{i}].id", item.id) for i, item in enumerate(components)],
    )
    yield (
        "acceptance",
        [
            (f"modules[{at}].acceptance[{index}].id", item.id)
            for at, module in enumerate(spec.modules)
            for index, item in enumerate(module.acceptance)
        ],
    )
