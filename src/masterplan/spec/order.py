"""The build order: waves of modules that may be built at once, and the longest chain.

Owns everything that follows from ``depends_on`` by arithmetic. Must not know the gate's wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from masterplan.core.errors import SpecError
from masterplan.spec.schema import Graph, Spec

Needs = Mapping[str, frozenset[str]]


def dependencies(spec: Spec) -> dict[str, frozenset[str]]:
    """Map each module to the modules it depends on directly; unknown ones are left out."""
    known = {module.id for module in spec.modules}
    return {module.id: frozenset(module.depends_on) & known for module in spec.modules}


def find_cycle(spec: Spec) -> tuple[str, ...]:
    """Return one cycle as the ids along it, first one repeated at the end, or ``()``."""
    try:
        TopologicalSorter(dependencies(spec)).prepare()
    except CycleError as error:
        return tuple(str(node) for node in error.args[1])
    return ()


def order(spec: Spec) -> Graph:
    """Compute edges, waves and the critical path; a cycle is a ``SpecError`` that names it."""
    cycle = find_cycle(spec)
    if cycle:
        raise SpecError(
            "spec.cycle",
            f"the modules depend on each other in a circle: {' → '.join(cycle)}",
            "modules",
            f"Remove one of these from depends_on, for example in {cycle[0]!r}.",
        )
    needs = dependencies(spec)
    place = {module.id: index for index, module in enumerate(spec.modules)}
    edges = sorted(
        ((needed, module) for module, wanted in needs.items() for needed in wanted),
        key=lambda edge: (place[edge[1]], place[edge[0]]),
    )
    return Graph(
        edges=tuple(edges), waves=_waves(needs, place), critical_path=_longest(needs, place)
    )


def dependents(spec: Spec, module_id: str) -> frozenset[str]:
    """Return every module that depends on this one, directly or through others."""
    needs = dependencies(spec)
    found: set[str] = set()
    front = {module_id}
    while front:
        front = {module for module, wanted in needs.items() if wanted & front} - found
        found |= front
    return frozenset(found - {module_id})


def _waves(needs: Needs, place: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    waves = []
    while sorter.is_active():
        ready = sorter.get_ready()
        waves.append(tuple(sorted(ready, key=place.__getitem__)))
        sorter.done(*ready)
    return tuple(waves)


def _longest(needs: Needs, place: Mapping[str, int]) -> tuple[str, ...]:
    best: dict[str, tuple[str, ...]] = {}
    for module in TopologicalSorter(needs).static_order():
        before = max(
            (best[needed] for needed in sorted(needs[module], key=place.__getitem__)),
            key=len,
            default=(),
        )
        best[module] = (*before, module)
    return max((best[module] for module in place), key=len, default=())
