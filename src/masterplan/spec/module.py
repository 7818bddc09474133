"""A module of the spec: one builder's work, its files and acceptance, and what the router reads.

Owns the module's fields and their defaults: a planner writes judgement, the rest may stay away.
Must not know the rest of the spec; references to it are checked by the ready gate.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from masterplan.core.money import parse_usd
from masterplan.core.task import Kind, Need
from masterplan.spec.text import Command, DottedId, FileText, Id, Line, Prose, RepoPath, Sha, Usd

Phase = Literal["red_green", "stay_green"]
Visibility = Literal["builder", "held_out"]
Size = Literal["small", "medium", "large"]

OUTPUT_TOKENS: dict[Size, int] = {"small": 600, "medium": 1_500, "large": 5_000}
"""How many tokens a builder is expected to write for a module of each size."""


class Part(BaseModel):
    """Base of every part of a spec: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Modification(Part):
    """An existing file a module may change, the symbol it is about and its blob sha at the base."""

    path: RepoPath
    symbol: Line = ""
    sha: Sha = ""


class ModuleFiles(Part):
    """``create`` and ``modify`` are the allow-list of the diff; ``test`` is frozen beforehand."""

    create: tuple[RepoPath, ...] = Field((), max_length=200)
    modify: tuple[Modification, ...] = Field((), max_length=200)
    test: tuple[RepoPath, ...] = Field((), max_length=200)

    @property
    def writable(self) -> tuple[str, ...]:
        """The paths that the module's diff may touch."""
        return (*self.create, *(change.path for change in self.modify))


class Acceptance(Part):
    """A command that proves the module. ``expect`` is ``exit N``, or text its output must hold.

    ``red_green`` fails on the base and passes after; ``stay_green`` passes on both. ``held_out``
    ones never reach a builder. ``timeout`` is seconds. Ids are unique in the whole spec.
    """

    id: DottedId
    run: Command
    expect: Line = "exit 0"
    phase: Phase = "red_green"
    visibility: Visibility = "builder"
    timeout: int = Field(120, ge=1, le=3_600)


class EdgeCase(Part):
    """A case at the edge; ``error`` names what is raised instead of ``expected``.

    Where ``input`` is a call of a Python contract of the module with literal arguments, and
    ``expected`` a literal or ``error`` an error class, it becomes a frozen test; else it is text.
    """

    scenario: Line
    input: Line = ""
    expected: Line = ""
    error: Line | None = None


class ModuleBudget(Part):
    """What one module may cost before it stops: dollars, calls to a model, and seconds."""

    usd: Usd = "$0.50"
    turns: int = Field(20, ge=1, le=200)
    seconds: int = Field(1_800, ge=1, le=86_400)

    @property
    def limit_nano(self) -> int:
        """The dollars as integer nano-dollars."""
        return parse_usd(self.usd)


class Module(Part):
    """One builder's work.

    ``test_files`` holds the text of frozen tests a builder may read (paths of ``files.test``);
    ``held_out_files`` the text of tests that only the verifier sees: both are covered by the
    digest, and no slice ever holds the second.
    """

    id: Id
    title: Line = ""
    responsibility: Line
    not_responsible_for: tuple[Line, ...] = Field((), max_length=20)
    requirements: tuple[DottedId, ...] = Field((), max_length=100)
    decisions: tuple[DottedId, ...] = Field((), max_length=100)
    depends_on: tuple[Id, ...] = Field((), max_length=100)
    consumes: tuple[DottedId, ...] = Field((), max_length=100)
    produces: tuple[DottedId, ...] = Field((), max_length=100)
    files: ModuleFiles = ModuleFiles()
    read: tuple[RepoPath, ...] = Field((), max_length=100)
    steps: tuple[Prose, ...] = Field((), max_length=7)
    acceptance: tuple[Acceptance, ...] = Field((), max_length=50)
    edge_cases: tuple[EdgeCase, ...] = Field((), max_length=50)
    test_files: dict[RepoPath, FileText] = Field({}, max_length=100)
    held_out_files: dict[RepoPath, FileText] = Field({}, max_length=100)
    kind: Kind = "codegen"
    needs: tuple[Need, ...] = ()
    risk: Literal["low", "medium", "high"] = "medium"
    complexity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.3
    size: Size = "medium"
    start: Line = ""
    ladder: tuple[Line, ...] = Field((), max_length=20)
    max_tries: int = Field(3, ge=1, le=10)
    budget: ModuleBudget = ModuleBudget()

    @property
    def output_tokens(self) -> int:
        """How many tokens its builder is expected to write."""
        return OUTPUT_TOKENS[self.size]
