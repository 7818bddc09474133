"""Rules on single contracts: their signatures can be read, their examples run, their files fit.

Owns what must hold before a contract can be compiled to stubs and tests. Must not know closure.
"""

from __future__ import annotations

from dataclasses import replace

from masterplan.core.errors import Problem
from masterplan.spec.contract.example import (
    declared_errors,
    edge_example,
    example_problems,
    import_name,
    plain_code,
)
from masterplan.spec.contract.place import language_of, path_of
from masterplan.spec.contract.signature import parse_signature
from masterplan.spec.facts import Facts
from masterplan.spec.path import path_key
from masterplan.spec.schema import Contract, Example, Spec

_PYTHON_KINDS = frozenset({"function", "class"})


def readable(spec: Spec, facts: Facts) -> list[Problem]:
    """A Python contract's signature parses; its examples are literal calls that agree."""
    errors = declared_errors(spec)
    found = []
    for index, contract in enumerate(spec.contracts):
        place = f"contracts[{index}]"
        if not contract.signature.strip():
            mend = "Write the signature, for example: def name(text: str) -> str"
            problem = Problem("spec.empty_text", "empty signature", f"{place}.signature", mend)
            found.append(problem)
        elif _is_python(spec, contract):
            found += _signature(contract, place)
            found += [
                replace(problem, where=f"{place}.{problem.where}")
                for problem in example_problems(contract, errors)
            ]
            found += _contradictions(spec, contract, place)
    return found


def files(spec: Spec, facts: Facts) -> list[Problem]:
    """A contract is defined in a file that its module writes, and Python can import that file."""
    found = []
    for index, contract in enumerate(spec.contracts):
        module = spec.module(contract.module) if contract.module is not None else None
        if module is None:
            continue
        place = f"contracts[{index}].path"
        path = path_of(spec, contract)
        if contract.path is not None and path_key(contract.path) not in {
            path_key(own) for own in module.files.writable
        }:
            message = f"module {module.id!r} does not write {contract.path!r}"
            mend = f"Add {contract.path!r} to files.create of module {module.id!r}."
            found.append(Problem("spec.foreign_path", message, place, mend))
        elif _has_lost_examples(spec, contract, path):
            message = f"{path!r} cannot be imported, so its examples cannot be tests"
            mend = "Use a path of letters, digits and '_' that ends in .py."
            found.append(Problem("spec.not_importable", message, place, mend))
    return found


def _has_lost_examples(spec: Spec, contract: Contract, path: str | None) -> bool:
    if not path or not contract.examples or not _is_python(spec, contract):
        return False
    return import_name(path) is None


def _contradictions(spec: Spec, contract: Contract, place: str) -> list[Problem]:
    """An edge case that is a test says of the same call what an example of the contract says."""
    errors = declared_errors(spec)
    told = {plain_code(one.call): (at, _outcome(one)) for at, one in enumerate(contract.examples)}
    found = []
    for index, module in enumerate(spec.modules):
        for at, case in enumerate(module.edge_cases if module.id == contract.module else ()):
            example = edge_example(case, contract, errors)
            other, outcome = told.get(plain_code(example.call), (0, "")) if example else (0, "")
            if example is not None and outcome not in ("", _outcome(example)):
                message = (
                    f"of {example.call[:60]!r} it says other than {place}.examples[{other}]: "
                    f"{_outcome(example)[:60]}, not {outcome[:60]}"
                )
                where = f"modules[{index}].edge_cases[{at}]"
                mend = "Make both say the same, or leave one out."
                found.append(Problem("contract.contradiction", message, where, mend))
    return found


def _outcome(example: Example) -> str:
    return f"raises {example.error}" if example.error else plain_code(example.result or "")


def _signature(contract: Contract, place: str) -> list[Problem]:
    try:
        parse_signature(contract.signature)
    except ValueError as error:
        mend = "Write it like: def name(text: str, limit: int = 10) -> list[str]"
        return [Problem("contract.bad_signature", str(error), f"{place}.signature", mend)]
    return []


def _is_python(spec: Spec, contract: Contract) -> bool:
    placed = contract.model_copy(update={"path": path_of(spec, contract)})
    return contract.kind in _PYTHON_KINDS and language_of(placed) == "python"
