"""SPEC.md: the spec for people, with its architecture, data flow and build order as diagrams.

Owns what is shown and in which order; every text goes through the escaping of ``markdown``. Must
not know where the text is shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from masterplan.spec.markdown import block, code, label, paragraphs, plain, table
from masterplan.spec.order import find_cycle, order
from masterplan.spec.schema import Contract, Graph, Module, Spec


def render_markdown(spec: Spec) -> str:
    """Write the whole spec as Markdown with Mermaid diagrams."""
    sections = [
        _head(spec),
        _architecture(spec),
        _requirements(spec),
        _rules(spec),
        _choices(spec),
        _build_order(spec),
        _section("Contracts", [_contract(contract) for contract in spec.contracts]),
        _section("Modules", [_module(module) for module in spec.modules]),
        _rest(spec),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(spec: Spec) -> str:
    state = "not approved"
    if spec.approval is not None:
        is_same = spec.approval.digest == spec.digest
        by = f"{plain(spec.approval.by)} at {plain(spec.approval.at)}"
        state = f"approved by {by}" if is_same else f"approval by {by} is for another digest"
    lines = [
        f"# Spec {code(spec.id)}, revision {spec.revision}",
        f"Digest {code(spec.digest or 'unsealed')}, {state}.",
        f"Base {code(spec.base.commit)}." if spec.base.commit else "",
        paragraphs(spec.goal),
        f"**Why.** {plain(spec.why)}" if spec.why else "",
        _bullets("Not part of it", [plain(text) for text in spec.non_goals]),
        _bullets(
            "Open questions",
            [
                plain(item.text)
                + (f" (waived by {plain(item.waived_by)})" if item.waived_by else "")
                for item in spec.questions
            ],
        ),
    ]
    return "\n\n".join(line for line in lines if line)


def _architecture(spec: Spec) -> str:
    parts = spec.architecture.components
    if not parts:
        return ""
    node = {part.id: f"c{index}" for index, part in enumerate(parts)}
    nodes = [f"  {node[part.id]}[{label(part.title or part.id)}]" for part in parts]
    uses = [(item.source, item.target, item.label) for item in spec.architecture.relationships]
    flows = [(item.source, item.target, item.data) for item in spec.architecture.data_flow]
    rows = [(code(part.id), plain(part.title), plain(part.responsibility)) for part in parts]
    pieces = [
        _diagram(nodes, _arrows(uses, node)),
        table(("component", "title", "does"), rows),
        "### Data flow" if flows else "",
        _diagram(nodes, _arrows(flows, node)) if flows else "",
    ]
    return _section("Architecture", [piece for piece in pieces if piece])


def _arrows(links: Iterable[tuple[str, str, str]], node: dict[str, str]) -> list[str]:
    lines = []
    for source, target, text in links:
        if source in node and target in node:
            said = f"|{label(text)}|" if text.strip() else ""
            lines.append(f"  {node[source]} -->{said} {node[target]}")
    return lines


def _diagram(nodes: list[str], arrows: list[str]) -> str:
    return "\n".join(["```mermaid", "flowchart LR", *nodes, *arrows, "```"])


def _build_order(spec: Spec) -> str:
    if not spec.modules or find_cycle(spec):
        return ""
    graph = spec.graph if spec.graph.waves else order(spec)
    node = {module.id: f"m{index}" for index, module in enumerate(spec.modules)}
    nodes = [f"  {node[m.id]}[{label(m.title or m.id)}]" for m in spec.modules]
    arrows = _arrows(((a, b, "") for a, b in graph.edges), node)
    return _section("Build order", [_diagram(nodes, arrows), _waves(graph)])


def _waves(graph: Graph) -> str:
    lines = [
        f"{number}. {', '.join(code(name) for name in wave)}"
        for number, wave in enumerate(graph.waves, 1)
    ]
    longest = " → ".join(code(name) for name in graph.critical_path)
    return "\n".join([*lines, "", f"Longest chain: {longest}"])


def _requirements(spec: Spec) -> str:
    answers: dict[str, list[str]] = {}
    for module in spec.modules:
        for name in module.requirements:
            answers.setdefault(name, []).append(code(module.id))
    rows = [
        (code(item.id), item.priority, plain(item.text), ", ".join(answers.get(item.id, ["none"])))
        for item in spec.requirements
    ]
    return _section("Requirements", [table(("id", "priority", "text", "modules"), rows)])


def _rules(spec: Spec) -> str:
    rules = spec.constraints
    versions = [f"{code(name)} {plain(version)}" for name, version in rules.versions.items()]
    packages = [
        " ".join((code(item.package), plain(item.version), *(code(name) for name in item.symbols)))
        for item in spec.third_party
    ]
    return _section(
        "Constraints",
        [
            _bullets("Always", [plain(text) for text in rules.always]),
            _bullets("Never", [plain(text) for text in rules.never]),
            _bullets("Versions", versions),
            _bullets("Licences", [plain(text) for text in rules.licences]),
            _bullets("Style", [plain(text) for text in rules.style]),
            _bullets("Packages", packages),
        ],
    )


def _choices(spec: Spec) -> str:
    rows = [
        (
            code(item.id),
            plain(item.choice),
            plain("; ".join(item.alternatives)),
            plain(item.reason),
            "yes" if item.reversible else "no",
        )
        for item in spec.decisions
    ]
    assumed = [
        f"{plain(item.text)} (false if: {plain(item.falsified_by)}; then {item.on_false})"
        for item in spec.assumptions
    ]
    head = ("id", "choice", "instead of", "because", "reversible")
    return _section("Decisions", [table(head, rows), _bullets("Assumed", assumed)])


def _contract(contract: Contract) -> str:
    owner = f" of {code(contract.module)}" if contract.module else " at the base"
    place = f" in {code(contract.path)}" if contract.path else ""
    examples = [
        f"{code(item.call)} "
        + (f"raises {code(item.error)}" if item.error else "gives ")
        + ("" if item.error else code(item.result or ""))
        for item in contract.examples
    ]
    pieces = [
        f"### {code(contract.id)}: {contract.kind}{owner}{place}",
        block(contract.signature),
        _bullets("Before", [plain(text) for text in contract.pre]),
        _bullets("After", [plain(text) for text in contract.post]),
        _bullets("Raises", [plain(text) for text in contract.errors]),
        _bullets("Examples", examples),
    ]
    return "\n\n".join(piece for piece in pieces if piece)


def _module(module: Module) -> str:
    files = [f"creates {code(path)}" for path in module.files.create]
    files += [f"changes {code(change.path)}" for change in module.files.modify]
    files += [f"frozen test {code(path)}" for path in module.files.test]
    files += [f"held-out test {code(path)}" for path in module.held_out_files]
    accepted = [
        f"{code(item.run)} → {plain(item.expect)} ({item.phase}, {item.visibility})"
        for item in module.acceptance
    ]
    cases = [
        (plain(c.scenario), plain(c.input), plain(c.error or c.expected)) for c in module.edge_cases
    ]
    router = f"{module.kind}, complexity {module.complexity}, risk {module.risk}, {module.size}; "
    router += f"at most {module.max_tries} tries and {module.budget.usd}"
    pieces = [
        f"### {code(module.id)} {plain(module.title)}".rstrip(),
        plain(module.responsibility),
        f"*{router}*",
        _bullets("Not its business", [plain(text) for text in module.not_responsible_for]),
        _bullets("Depends on", [code(name) for name in module.depends_on]),
        _bullets("Files", files),
        _bullets("Steps", [plain(step) for step in module.steps]),
        table(("edge case", "input", "expected"), cases),
        _bullets("Accepted when", accepted),
    ]
    return "\n\n".join(piece for piece in pieces if piece)


def _rest(spec: Spec) -> str:
    smoke = [f"{code(item.run)} → {plain(item.expect)}" for item in spec.integration.smoke]
    changes = [
        f"revision {entry.revision}: {plain(entry.trigger)} {plain(entry.cause)}; changed "
        + ", ".join(code(name) for name in entry.changed)
        for entry in spec.change_log
    ]
    budget = spec.budget
    money = f"{budget.total} in all, {budget.per_module} a module, then {budget.on_exceed}."
    pieces = [
        _section("Layout", [block(spec.layout.tree)] if spec.layout.tree else []),
        _section("Shared words", [_shared(spec)]),
        _section(
            "Integration",
            [
                _bullets("Steps", [plain(step) for step in spec.integration.steps]),
                _bullets("Smoke", smoke),
            ],
        ),
        _section("Budget", [plain(money)]),
        _section("Changes", [_bullets("", changes)]),
    ]
    return "\n\n".join(piece for piece in pieces if piece)


def _shared(spec: Spec) -> str:
    held = spec.shared
    groups = (
        ("word", held.glossary),
        ("error", held.errors),
        ("config key", held.config_keys),
        ("schema", held.schemas),
    )
    rows = [(what, code(name), plain(text)) for what, m in groups for name, text in m.items()]
    return table(("what", "name", "meaning"), rows)


def _bullets(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    head = [f"**{title}**", ""] if title else []
    return "\n".join([*head, *(f"- {line}" for line in lines)])


def _section(title: str, pieces: list[str]) -> str:
    held = [piece for piece in pieces if piece]
    return "\n\n".join([f"## {title}", *held]) if held else ""
