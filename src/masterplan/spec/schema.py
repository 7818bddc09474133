"""The spec as typed data, with exactly the fields of its written form.

Owns the fields, their bounds and defaults. Everything mechanical has a default (graph, ownership,
digest, provenance), so that a planner writes judgement only. Whether a spec makes sense as a whole
is the ready gate's business, not this module's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from masterplan.core.money import parse_usd
from masterplan.core.task import Role
from masterplan.spec.architecture import Architecture, Component, DataFlow, Relationship
from masterplan.spec.module import (
    Acceptance,
    EdgeCase,
    Modification,
    Module,
    ModuleBudget,
    ModuleFiles,
    Part,
)
from masterplan.spec.text import Command, DottedId, Id, Line, Prose, RepoPath, Sha, Usd

__all__ = [
    "Acceptance",
    "Approval",
    "Architecture",
    "Assumption",
    "Base",
    "Budget",
    "ChangeEntry",
    "Component",
    "Constraints",
    "Contract",
    "ContractKind",
    "DataFlow",
    "EdgeCase",
    "Example",
    "FileRead",
    "Graph",
    "Integration",
    "Layout",
    "Modification",
    "Module",
    "ModuleBudget",
    "ModuleFiles",
    "Part",
    "PlanDecision",
    "PlannerInfo",
    "Question",
    "Relationship",
    "Requirement",
    "Shared",
    "Smoke",
    "Spec",
    "ThirdParty",
]

ContractKind = Literal["function", "class", "http", "event", "cli", "table", "component"]


class Approval(Part):
    """Who agreed to which digest, and when (ISO 8601)."""

    by: Line
    at: Line
    digest: Sha


class FileRead(Part):
    """A file the planner saw, with its blob sha."""

    path: RepoPath
    sha: Sha = ""


class Base(Part):
    """What the planner saw of the repository."""

    repo: Line = ""
    commit: Sha = ""
    dirty: bool = False
    files_read: tuple[FileRead, ...] = Field((), max_length=2_000)


class PlannerInfo(Part):
    """Who planned, and what it took. ``cost`` is nano-dollars, ``None`` where unknown."""

    role: Role = "planner"
    model_requested: Line = ""
    model_served: Line = ""
    effort: Line = ""
    tokens: int = Field(0, ge=0)
    cost: int | None = Field(None, ge=0)
    price_version: Line = ""


class Requirement(Part):
    """Something testable: WHEN, IF or WHILE … SHALL."""

    id: DottedId
    text: Line
    priority: Literal["must", "should", "could"] = "must"


class Constraints(Part):
    """Rules that are copied word for word into every slice."""

    always: tuple[Line, ...] = Field((), max_length=50)
    never: tuple[Line, ...] = Field((), max_length=50)
    versions: dict[Line, Line] = Field({}, max_length=50)
    licences: tuple[Line, ...] = Field((), max_length=50)
    style: tuple[Line, ...] = Field((), max_length=50)


class PlanDecision(Part):
    """A choice of the plan, so that no builder makes it again."""

    id: DottedId
    choice: Line
    alternatives: tuple[Line, ...] = Field((), max_length=20)
    reason: Line = ""
    reversible: bool = True


class Assumption(Part):
    """Something taken for true, what would show it false, and what then happens."""

    text: Line
    falsified_by: Line = ""
    on_false: Literal["stop", "replan"] = "replan"


class Question(Part):
    """Intent that is missing; the build waits until a person answers or waives it."""

    id: DottedId
    text: Line
    waived_by: Line | None = None


class Layout(Part):
    """The tree as text, and the one module that owns each created or changed path."""

    tree: Prose = ""
    ownership: dict[RepoPath, Id] = Field({}, max_length=5_000)


class Shared(Part):
    """Names and meanings that make separately built files fit together."""

    glossary: dict[Line, Prose] = Field({}, max_length=200)
    errors: dict[Line, Prose] = Field({}, max_length=200)
    config_keys: dict[Line, Prose] = Field({}, max_length=200)
    schemas: dict[Line, Prose] = Field({}, max_length=200)


class Example(Part):
    """A call and its result, or the error it raises, as literal expressions."""

    call: Line
    result: Line | None = None
    error: Line | None = None


class Contract(Part):
    """An interface between modules. ``module`` is who produces it; ``None``: it is at the base.

    ``path`` is the file that defines it; ``language`` follows from its suffix where it is empty.
    """

    id: DottedId
    module: Id | None = None
    kind: ContractKind = "function"
    signature: Prose
    language: Line = ""
    path: RepoPath | None = None
    pre: tuple[Line, ...] = Field((), max_length=20)
    post: tuple[Line, ...] = Field((), max_length=20)
    errors: tuple[Line, ...] = Field((), max_length=20)
    examples: tuple[Example, ...] = Field((), max_length=50)


class ThirdParty(Part):
    """An installed package and the symbols of it that the plan counts on."""

    package: Line
    version: Line = ""
    symbols: tuple[Line, ...] = Field((), max_length=100)


class Graph(Part):
    """The build order, computed by ``seal``. An edge goes from what is needed to who needs it."""

    edges: tuple[tuple[Id, Id], ...] = ()
    waves: tuple[tuple[Id, ...], ...] = ()
    critical_path: tuple[Id, ...] = ()


class Smoke(Part):
    """A command over the merged whole; ``expect`` as in ``Acceptance``."""

    run: Command
    expect: Line = "exit 0"


class Integration(Part):
    """The end-to-end proof after the merge."""

    steps: tuple[Line, ...] = Field((), max_length=50)
    smoke: tuple[Smoke, ...] = Field((), max_length=50)


class Budget(Part):
    """What the whole run and any one module may cost."""

    total: Usd = "$5"
    per_module: Usd = "$1"
    on_exceed: Literal["stop", "ask"] = "stop"

    @property
    def total_nano(self) -> int:
        """The run's budget as integer nano-dollars."""
        return parse_usd(self.total)


class ChangeEntry(Part):
    """One revision: why it was made and which modules it changed, kept and made stale."""

    revision: int = Field(ge=1)
    trigger: Line
    cause: Prose = ""
    changed: tuple[Id, ...] = ()
    keep: tuple[Id, ...] = ()
    invalidates: tuple[Id, ...] = ()


class Spec(Part):
    """The handoff artifact. ``digest`` and ``approval`` are outside the digest, all else inside."""

    spec_version: Literal[1] = 1
    id: Id
    revision: int = Field(1, ge=1, le=10_000)
    parent_revision: int | None = Field(None, ge=1)
    digest: Sha = ""
    approval: Approval | None = None
    base: Base = Base()
    planner: PlannerInfo = PlannerInfo()
    goal: Prose
    why: Prose = ""
    non_goals: tuple[Line, ...] = Field((), max_length=50)
    architecture: Architecture = Architecture()
    requirements: tuple[Requirement, ...] = Field((), max_length=500)
    constraints: Constraints = Constraints()
    decisions: tuple[PlanDecision, ...] = Field((), max_length=200)
    assumptions: tuple[Assumption, ...] = Field((), max_length=100)
    questions: tuple[Question, ...] = Field((), max_length=100)
    layout: Layout = Layout()
    shared: Shared = Shared()
    contracts: tuple[Contract, ...] = Field((), max_length=1_000)
    third_party: tuple[ThirdParty, ...] = Field((), max_length=100)
    modules: tuple[Module, ...] = Field((), max_length=500)
    graph: Graph = Graph()
    integration: Integration = Integration()
    budget: Budget = Budget()
    change_log: tuple[ChangeEntry, ...] = ()

    def module(self, module_id: str) -> Module | None:
        """Return the module of that id, or ``None``."""
        return next((module for module in self.modules if module.id == module_id), None)

    def contract(self, contract_id: str) -> Contract | None:
        """Return the contract of that id, or ``None``."""
        return next((item for item in self.contracts if item.id == contract_id), None)
