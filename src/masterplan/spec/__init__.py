"""The handoff artifact: schema, ready gate, order, rendering, slices, contracts. No I/O."""

from masterplan.spec.check import (
    BaseResult,
    Facts,
    Verdict,
    check,
    rule_names,
    warning_names,
)
from masterplan.spec.contract import ContractResult, check_contract, example_tests, stubs
from masterplan.spec.order import dependents, find_cycle, order
from masterplan.spec.path import check_path
from masterplan.spec.record import (
    approve,
    canonical_json,
    digest,
    dump_spec,
    ensure_approved,
    json_schema,
    parse_spec,
    schema_problems,
    seal,
)
from masterplan.spec.render import render_markdown
from masterplan.spec.revise import ChangeRequest, SpecChange, revise
from masterplan.spec.schema import (
    Acceptance,
    Contract,
    EdgeCase,
    Example,
    Module,
    ModuleFiles,
    Requirement,
    Spec,
)
from masterplan.spec.slice import Slice, estimate_tokens, slice_of

__all__ = [
    "Acceptance",
    "BaseResult",
    "ChangeRequest",
    "Contract",
    "ContractResult",
    "EdgeCase",
    "Example",
    "Facts",
    "Module",
    "ModuleFiles",
    "Requirement",
    "Slice",
    "Spec",
    "SpecChange",
    "Verdict",
    "approve",
    "canonical_json",
    "check",
    "check_contract",
    "check_path",
    "dependents",
    "digest",
    "dump_spec",
    "ensure_approved",
    "estimate_tokens",
    "example_tests",
    "find_cycle",
    "json_schema",
    "order",
    "parse_spec",
    "render_markdown",
    "revise",
    "rule_names",
    "schema_problems",
    "seal",
    "slice_of",
    "stubs",
    "warning_names",
]
