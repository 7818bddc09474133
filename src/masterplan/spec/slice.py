"""A slice: what one builder gets of the spec, and nothing else.

Owns which parts reach a builder and how they read. Held-out acceptance and its files never do.
Must not know prompts or models.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from masterplan.core.errors import SpecError
from masterplan.spec.contract.example import import_name
from masterplan.spec.contract.place import language_of
from masterplan.spec.contract.signature import names_of
from masterplan.spec.schema import Contract, Module, Spec

_SHARED_CHARS = 1_200
_ASSUMED = "Taken for true (where one is false, answer `CANNOT: assumption <its number>` and why)"


@dataclass(frozen=True)
class Slice:
    """One builder's part: ``text`` is markdown; ``files`` may be written, ``read`` may be read.

    ``read`` also has the changed files and the frozen tests; ``test_files`` holds the texts of
    those tests that travel with the spec. ``token_estimate`` counts ``text`` only.
    """

    module: str
    text: str
    files: tuple[str, ...]
    read: tuple[str, ...]
    test_files: dict[str, str]
    token_estimate: int


def estimate_tokens(text: str) -> int:
    """Estimate tokens on the safe side: 3.5 UTF-8 bytes each."""
    return -(-len(text.encode("utf-8", "replace")) * 2 // 7)


def slice_of(spec: Spec, module_id: str) -> Slice:
    """Cut the slice of one module; an unknown id is a ``SpecError``."""
    module = spec.module(module_id)
    if module is None:
        known = ", ".join(item.id for item in spec.modules) or "none"
        mend = f"Use one of: {known}."
        raise SpecError("spec.unknown_module", f"there is no module {module_id!r}", "modules", mend)
    sections = [_head(spec, module), _rules(spec), _files(module), *_body(spec, module)]
    text = "\n\n".join(section for section in sections if section)
    text = "\n\n".join(part for part in (text, _shared(spec, text)) if part) + "\n"
    changed = tuple(change.path for change in module.files.modify)
    read = tuple(dict.fromkeys((*changed, *module.read, *module.files.test)))
    return Slice(
        module=module.id,
        text=text,
        files=module.files.writable,
        read=tuple(path for path in read if path not in module.held_out_files),
        test_files={p: t for p, t in module.test_files.items() if p not in module.held_out_files},
        token_estimate=estimate_tokens(text),
    )


def _head(spec: Spec, module: Module) -> str:
    title = f": {module.title}" if module.title else ""
    lines = [f"# Module {module.id}{title}", "", module.responsibility]
    if module.not_responsible_for:
        lines.append(f"Not yours: {'; '.join(module.not_responsible_for)}.")
    lines += ["", "## Where it stands", f"Goal of the whole: {_first(spec.goal)}"]
    for needed in module.depends_on:
        other = spec.module(needed)
        if other is not None:
            lines.append(f"- built before, for you to use: {other.id}: {other.responsibility}")
    users = [other.id for other in spec.modules if module.id in other.depends_on]
    if users:
        lines.append(f"- used by: {', '.join(users)}")
    return "\n".join(lines)


def _rules(spec: Spec) -> str:
    rules = spec.constraints
    lines = [f"- Always: {text}" for text in rules.always]
    lines += [f"- Never: {text}" for text in rules.never]
    lines += [f"- Version: {name} {version}" for name, version in rules.versions.items()]
    lines += [f"- Licence: {text}" for text in rules.licences]
    lines += [f"- Style: {text}" for text in rules.style]
    for item in spec.third_party:
        symbols = f": {', '.join(item.symbols)}" if item.symbols else ""
        lines.append(f"- Installed: {item.package} {item.version}{symbols}".rstrip())
    return _section("Rules", lines)


def _files(module: Module) -> str:
    lines = [f"- create `{path}`" for path in module.files.create]
    for change in module.files.modify:
        symbol = f" (at `{change.symbol}`)" if change.symbol else ""
        lines.append(f"- change `{change.path}`{symbol}")
    tests = [path for path in module.files.test if path not in module.held_out_files]
    lines += [f"- read only, a frozen test: `{path}`" for path in tests]
    lines += [f"- read only: `{path}`" for path in module.read]
    return _section("Files (no other may be touched)", lines)


def _body(spec: Spec, module: Module) -> Iterable[str]:
    wanted = set(module.requirements)
    requirements = [item for item in spec.requirements if item.id in wanted]
    yield _section("Requirements", [f"- {item.id}: {item.text}" for item in requirements])
    decisions = [item for item in spec.decisions if item.id in set(module.decisions)]
    reasons = [
        f"- {item.choice}" + (f" ({item.reason})" if item.reason else "") for item in decisions
    ]
    yield _section("Decided already", reasons)
    yield _section(_ASSUMED, [_assumption(spec, at) for at in range(len(spec.assumptions))])
    yield _contracts(spec, "Contracts you produce", module.produces, is_own=True)
    yield _contracts(spec, "Contracts you use", module.consumes, is_own=False)
    yield _section("Edge cases", [_edge_case(module, at) for at in range(len(module.edge_cases))])
    yield _section("Steps", [f"{at}. {step}" for at, step in enumerate(module.steps, 1)])
    seen = [item for item in module.acceptance if item.visibility == "builder"]
    yield _section("Accepted when", [f"- `{item.run}` → {item.expect}" for item in seen])


def _contracts(spec: Spec, title: str, ids: tuple[str, ...], *, is_own: bool) -> str:
    held = [spec.contract(contract_id) for contract_id in ids]
    return _section(title, [_contract(item, is_own=is_own) for item in held if item is not None])


def _contract(contract: Contract, *, is_own: bool) -> str:
    place = f" in `{contract.path}`" if contract.path else ""
    lines = [f"{contract.kind}{place}:", "```", contract.signature.strip(), "```"]
    if is_own:
        lines[0] = f"{contract.kind}, defined{place}:"
    elif (line := _import_line(contract)) is not None:
        lines.append(f"- import it: `{line}`")
    lines += [f"- before: {text}" for text in contract.pre]
    lines += [f"- after: {text}" for text in contract.post]
    lines += [f"- raises: {text}" for text in contract.errors]
    for example in contract.examples if is_own else contract.examples[:1]:
        outcome = f"raises {example.error}" if example.error else f"gives {example.result}"
        lines.append(f"- example: `{example.call}` {outcome}")
    return "\n".join(lines)


def _import_line(contract: Contract) -> str | None:
    """Return how Python code imports a contract, ``None`` where that does not follow from it."""
    origin = import_name(contract.path or "") if language_of(contract) == "python" else None
    names = names_of(contract.signature)
    return f"from {origin} import {', '.join(sorted(names))}" if origin and names else None


def _assumption(spec: Spec, at: int) -> str:
    item = spec.assumptions[at]
    sign = f" (false if: {item.falsified_by})" if item.falsified_by else ""
    return f"- assumption {at + 1}: {item.text}{sign}"


def _edge_case(module: Module, at: int) -> str:
    case = module.edge_cases[at]
    given = f", given {case.input}" if case.input else ""
    outcome = f"raise {case.error}" if case.error else case.expected
    return f"- {case.scenario}{given}: {outcome}"


def _shared(spec: Spec, text: str) -> str:
    """Return the shared names: all of them if they are few, else those the slice speaks of."""
    groups = (
        ("word", spec.shared.glossary),
        ("error", spec.shared.errors),
        ("config key", spec.shared.config_keys),
        ("schema", spec.shared.schemas),
    )
    entries = [(what, name, meaning) for what, held in groups for name, meaning in held.items()]
    if sum(len(name) + len(meaning) for _, name, meaning in entries) > _SHARED_CHARS:
        low = text.casefold()
        entries = [entry for entry in entries if entry[1].casefold() in low]
    return _section("Shared", [f"- {what} `{name}`: {meaning}" for what, name, meaning in entries])


def _section(title: str, lines: Iterable[str]) -> str:
    held = list(lines)
    return "\n".join([f"## {title}", *held]) if held else ""


def _first(text: str) -> str:
    """Return the first paragraph, at most 400 characters of it."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return paragraph if len(paragraph) <= 400 else paragraph[:399] + "…"
