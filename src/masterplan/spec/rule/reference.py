"""Rules on how the parts of a spec refer to each other: ids, closure of contracts, cycles.

Owns everything that can be said from the spec's own references. Must not know files or commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from masterplan.core.errors import Problem
from masterplan.spec.facts import Facts
from masterplan.spec.order import dependencies, find_cycle, order
from masterplan.spec.schema import Contract, Module, Spec
from masterplan.spec.structure import id_problems


def unique_ids(spec: Spec, facts: Facts) -> list[Problem]:
    """Each id is written once, also after normalisation."""
    return id_problems(spec)


def known_ids(spec: Spec, facts: Facts) -> list[Problem]:
    """Each id that is referred to exists."""
    modules = {module.id for module in spec.modules}
    found: list[Problem] = []
    for place, module in _modules(spec):
        found += _unknown(f"{place}.requirements", module.requirements, _ids(spec.requirements))
        found += _unknown(f"{place}.decisions", module.decisions, _ids(spec.decisions))
        found += _unknown(f"{place}.depends_on", module.depends_on, modules)
        found += _unknown(f"{place}.produces", module.produces, _ids(spec.contracts))
    for index, contract in enumerate(spec.contracts):
        if contract.module is not None:
            found += _unknown(f"contracts[{index}].module", (contract.module,), modules)
    parts = _ids(spec.architecture.components)
    links = [
        ("relationships", link.source, link.target) for link in spec.architecture.relationships
    ]
    flows = [("data_flow", flow.source, flow.target) for flow in spec.architecture.data_flow]
    for group in (links, flows):
        for index, (name, source, target) in enumerate(group):
            place = f"architecture.{name}[{index}]"
            found += _unknown(f"{place}.source", (source,), parts)
            found += _unknown(f"{place}.target", (target,), parts)
    return found


def acyclic(spec: Spec, facts: Facts) -> list[Problem]:
    """The modules do not depend on each other in a circle, and the sealed graph is theirs."""
    cycle = find_cycle(spec)
    if cycle:
        place = f"modules[{_index(spec, cycle[0])}].depends_on"
        message = f"the modules depend on each other in a circle: {' → '.join(cycle)}"
        mend = f"Remove {cycle[0]!r} from the depends_on of {cycle[1]!r}, or the other way round."
        return [Problem("spec.cycle", message, place, mend)]
    graph = spec.graph
    if (graph.edges or graph.waves or graph.critical_path) and graph != order(spec):
        message = "the graph is not the one that depends_on gives"
        return [Problem("spec.stale_graph", message, "graph", "Remove graph; it is computed.")]
    return []


def producers(spec: Spec, facts: Facts) -> list[Problem]:
    """A contract and the module that produces it name each other."""
    found = []
    owner_of = {contract.id: contract.module for contract in spec.contracts}
    produced: dict[str, str] = {}
    for place, module in _modules(spec):
        for index, contract_id in enumerate(module.produces):
            at = f"{place}.produces[{index}]"
            if contract_id in produced:
                message = f"contract {contract_id!r} is also produced by {produced[contract_id]!r}"
                mend = "Let one module produce it; remove it from the other's produces."
                found.append(Problem("spec.two_producers", message, at, mend))
            elif contract_id in owner_of and owner_of[contract_id] != module.id:
                message = f"contract {contract_id!r} says that its module is "
                message += repr(owner_of[contract_id])
                mend = f"Set the module of contract {contract_id!r} to {module.id!r}."
                found.append(Problem("spec.wrong_producer", message, at, mend))
            produced.setdefault(contract_id, module.id)
    for index, contract in enumerate(spec.contracts):
        if contract.module is not None and contract.id not in produced:
            message = f"module {contract.module!r} does not list contract {contract.id!r}"
            mend = f"Add {contract.id!r} to the produces of module {contract.module!r}."
            found.append(Problem("spec.not_produced", message, f"contracts[{index}].module", mend))
    return found


def closure(spec: Spec, facts: Facts) -> list[Problem]:
    """Each consumed contract is produced by a module that the consumer depends on."""
    found = []
    before = reachable(spec)
    for place, module, contract in _consumed(spec):
        if contract is None or contract.module is None or contract.module == module.id:
            continue
        if contract.module not in before[module.id]:
            message = f"{module.id!r} consumes {contract.id!r} of {contract.module!r} "
            message += "but does not depend on it"
            mend = f"Add {contract.module!r} to the depends_on of module {module.id!r}."
            found.append(Problem("spec.open_closure", message, place, mend))
    return found


def closure_at_base(spec: Spec, facts: Facts) -> list[Problem]:
    """Each consumed contract that no module produces exists at the base."""
    at_base = facts.base_contracts or frozenset()
    found = []
    for place, _, contract_id in _consumed_at_base(spec):
        if contract_id not in at_base:
            message = f"no module produces contract {contract_id!r} and the base does not have it"
            mend = f"Add {contract_id!r} to the produces of a module, or remove it here."
            found.append(Problem("spec.unknown_contract", message, place, mend))
    return found


def needs_base_contracts(spec: Spec) -> bool:
    """Tell whether any module consumes something that no module produces."""
    return any(True for _ in _consumed_at_base(spec))


def reachable(spec: Spec) -> dict[str, set[str]]:
    """Map each module to everything it depends on, directly or through others."""
    needs = dependencies(spec)
    found: dict[str, set[str]] = {}
    for module_id in needs:
        seen: set[str] = set()
        front = set(needs[module_id])
        while front:
            seen |= front
            front = {deeper for near in front for deeper in needs[near]} - seen
        found[module_id] = seen
    return found


def _consumed(spec: Spec) -> Iterator[tuple[str, Module, Contract | None]]:
    contracts = {contract.id: contract for contract in spec.contracts}
    for place, module in _modules(spec):
        for index, contract_id in enumerate(module.consumes):
            yield f"{place}.consumes[{index}]", module, contracts.get(contract_id)


def _consumed_at_base(spec: Spec) -> Iterator[tuple[str, Module, str]]:
    for place, module, contract in _consumed(spec):
        if contract is None or contract.module is None:
            index = int(place.rsplit("[", 1)[1].rstrip("]"))
            yield place, module, module.consumes[index]


def _modules(spec: Spec) -> Iterator[tuple[str, Module]]:
    return ((f"modules[{index}]", module) for index, module in enumerate(spec.modules))


def _ids(items: Iterable[object]) -> set[str]:
    return {str(getattr(item, "id", "")) for item in items}


def _unknown(place: str, wanted: tuple[str, ...], known: set[str]) -> list[Problem]:
    is_list = not place.endswith((".module", ".source", ".target"))
    found = []
    for index, name in enumerate(wanted):
        if name not in known:
            at = f"{place}[{index}]" if is_list else place
            names = ", ".join(sorted(known)[:12]) or "none yet"
            message = f"there is no {name!r} to refer to"
            mend = f"Remove {name!r} here, or use one of: {names}."
            found.append(Problem("spec.unknown_id", message, at, mend))
    return found


def _index(spec: Spec, module_id: str) -> int:
    return next(i for i, module in enumerate(spec.modules) if module.id == module_id)
