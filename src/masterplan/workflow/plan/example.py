"""The brief's examples in a whole spec: what the planner left out becomes acceptance all the same.

Owns which contract an example of the user's belongs to. Must not know models. Pure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from masterplan.spec import Contract, Example, Spec
from masterplan.spec.contract.example import declared_errors, example_problems
from masterplan.spec.contract.signature import names_of
from masterplan.workflow.brief import Brief

MAX_EXAMPLES = 50


def with_brief_examples(spec: Spec, brief: Brief) -> Spec:
    """Return the spec with the brief's examples at the contracts of their functions.

    One whose call stands in a test already, shown or held out, is left as the planner has it.
    """
    tests = [text for module in spec.modules for text in _tests(module.test_files.values())]
    tests += [text for module in spec.modules for text in _tests(module.held_out_files.values())]
    contracts = tuple(_with_examples(spec, one, brief, tests) for one in spec.contracts)
    return spec.model_copy(update={"contracts": contracts})


def _with_examples(spec: Spec, contract: Contract, brief: Brief, tests: list[str]) -> Contract:
    if contract.module is None or contract.kind != "function":
        return contract
    names = names_of(contract.signature)
    known = {_plain(example.call) for example in contract.examples}
    added = []
    for one in brief.examples:
        call = _plain(one.call)
        if one.function not in names or call in known or any(call in text for text in tests):
            continue
        example = Example(call=one.call, result=one.result, error=one.error)
        trial = contract.model_copy(update={"examples": (example,)})
        if not example_problems(trial, declared_errors(spec)):
            added.append(example)
    examples = (*contract.examples, *added)[: max(MAX_EXAMPLES, len(contract.examples))]
    return contract.model_copy(update={"examples": examples})


def _tests(texts: Iterable[str]) -> list[str]:
    return [_plain(text, "exec") for text in texts]


def _plain(text: str, mode: str = "eval") -> str:
    """Return code in one way of writing it; what is none stays as it is."""
    try:
        return ast.unparse(ast.parse(text.strip(), mode=mode))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text.strip()
