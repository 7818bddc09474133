"""One contract against produced files: the checker of its language, or the word that there is none.

Owns that choice. Must not know how any language is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from masterplan.core.errors import Problem
from masterplan.spec.contract.place import language_of, language_of_path
from masterplan.spec.contract.python import check_python
from masterplan.spec.contract.signature import names_of
from masterplan.spec.contract.typescript import check_declarations, declaration_path
from masterplan.spec.schema import Contract


@dataclass(frozen=True)
class ContractResult:
    """How a contract was kept. ``checked_by`` is ``None`` where nothing could check it."""

    problems: tuple[Problem, ...] = ()
    checked_by: str | None = None
    reason: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether no problem was found; an unchecked contract counts as kept."""
        return not self.problems


def check_contract(contract: Contract, sources: Mapping[str, str]) -> ContractResult:
    """Compare a contract with produced files (text by path; ``.d.ts`` texts for TypeScript)."""
    language = language_of(contract)
    if contract.kind not in {"function", "class", "component"}:
        reason = f"a contract of kind {contract.kind!r} is judged by its acceptance alone"
        return ContractResult(reason=reason)
    if language == "python" and contract.kind != "component":
        return _python(contract, sources)
    if language in {"typescript", "javascript"}:
        return _typescript(contract, sources)
    named = language or "this language"
    return ContractResult(reason=f"there is no contract checker for {named}")


def _python(contract: Contract, sources: Mapping[str, str]) -> ContractResult:
    text = sources.get(contract.path) if contract.path else _defining(contract, sources)
    if text is None:
        place = contract.path or "any Python file"
        mend = f"Create {contract.path!r}." if contract.path else "Define it in the module's file."
        message = f"{place} does not exist, so {contract.id!r} is not defined"
        missing = Problem("contract.missing_file", message, f"contract {contract.id}", mend)
        return ContractResult((missing,), "python")
    return ContractResult(tuple(check_python(text, contract)), "python")


def _defining(contract: Contract, sources: Mapping[str, str]) -> str | None:
    names = names_of(contract.signature)
    texts = [text for path, text in sources.items() if language_of_path(path) == "python"]
    fitting = (t for t in texts if any(f" {name}" in t for name in names))
    return next(fitting, texts[0] if texts else None)


def _typescript(contract: Contract, sources: Mapping[str, str]) -> ContractResult:
    wanted = declaration_path(contract.path) if contract.path else None
    ends = [path for path in sources if path.endswith(".d.ts")]
    place = next(
        (path for path in ends if wanted is None or wanted == path or wanted.endswith("/" + path)),
        None,
    )
    if place is None:
        reason = "no declarations were made; the TypeScript compiler (tsc) is needed for that"
        return ContractResult(reason=reason)
    return ContractResult(tuple(check_declarations(sources[place], contract)), "tsc declarations")
