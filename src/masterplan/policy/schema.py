"""``masterplan.toml`` as frozen values: models, providers, roles, rules, guards, budgets, build.

Owns the shape of the file and the questions asked of it (which rungs has a role, which floor a
kind). Must not read files nor know where a value stood: that is parse's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from masterplan.catalog.card import Catalog
from masterplan.core.model import Dialect, Effort, Rung, Tier
from masterplan.core.money import parse_usd
from masterplan.core.task import Kind, Need, Role

EFFORTS: tuple[Effort, ...] = ("none", "low", "medium", "high", "max")
FALLBACK_ROLES: dict[Role, tuple[Role, ...]] = {
    "planner": (),
    "builder": (),
    "debugger": ("planner",),
    "reviewer": ("debugger", "planner"),
    "researcher": ("builder",),
    "housekeeper": ("builder",),
}
"""Whose ladder a role climbs when the policy gives it none."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _named(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


def _usd(value: object) -> object:
    return parse_usd(str(value)) if not isinstance(value, bool) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Usd = Annotated[int, BeforeValidator(_usd)]
"""An amount the file writes as ``"$5"``; nano-dollars here."""


class ModelEntry(_Table):
    """One line of ``[models]``: a catalog id, or a table that describes a model of the user's."""

    id: str = Field(min_length=1)
    context_tokens: int | None = Field(default=None, gt=0)
    max_output_tokens: int | None = Field(default=None, gt=0)
    tier: Tier | None = None
    abilities: frozenset[Need] | None = None
    is_free: bool | None = None


Model = Annotated[ModelEntry, BeforeValidator(_named)]


class ProviderEntry(_Table):
    """One ``[providers.NAME]``: a server that speaks one of the four dialects.

    ``key_env`` names the environment variable of its key: a key is sent only to ``base_url``.
    """

    dialect: Dialect
    base_url: str
    key_env: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    is_free: bool | None = None
    context_tokens: int = Field(default=32_768, gt=0)
    max_output_tokens: int = Field(default=8_192, gt=0)
    price_provider: str = ""


class RoleEntry(_Table):
    """The ladder of one role, from where it starts to where it may end."""

    ladder: tuple[str, ...] = Field(min_length=1)
    effort: Effort | None = None


class RuleWhen(_Table):
    """What a task must be for a rule to hold; everything that is stated must be true."""

    kind: Annotated[tuple[Kind, ...], BeforeValidator(_one_or_many)] = ()
    role: Annotated[tuple[Role, ...], BeforeValidator(_one_or_many)] = ()
    lane: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    needs: Annotated[frozenset[Need], BeforeValidator(_one_or_many)] = frozenset()
    complexity_at_least: float | None = Field(default=None, ge=0, le=1)
    complexity_at_most: float | None = Field(default=None, ge=0, le=1)
    input_tokens_at_least: int | None = Field(default=None, ge=0)


class Rule(_Table):
    """One ``[[rules]]``: the first whose ``when`` holds says which rungs the task gets."""

    when: RuleWhen
    use: Names


class Guards(_Table):
    """What is never done to save money; on by default."""

    floor: dict[Kind, str] = Field(default_factory=dict)
    handoff: Literal["required", "off"] = "required"
    max_premium_share: float = Field(default=0.5, ge=0, le=1)


class Budgets(_Table):
    """Caps in nano-dollars; ``None`` is no cap."""

    run: Usd | None = None
    day: Usd | None = None
    month: Usd | None = None
    module: Usd | None = None


class BuildEntry(_Table):
    """How a build runs."""

    parallel: int = Field(default=2, ge=1, le=64)
    max_tries: int = Field(default=6, ge=1, le=50)
    max_replans: int = Field(default=2, ge=0, le=10)
    check_timeout_s: int = Field(default=300, ge=1, le=86_400)


class SandboxEntry(_Table):
    """Limits of the cage for generated code; ``None`` leaves the cage's own."""

    memory_mb: int | None = Field(default=None, ge=64)
    cpu_s: int | None = Field(default=None, ge=1)
    wall_s: int | None = Field(default=None, ge=1)
    processes: int | None = Field(default=None, ge=1)
    output_mb: int | None = Field(default=None, ge=1)


class Policy(_Table):
    """The user's rules. Ladders hold rungs as written: ``"name"`` or ``"name@effort"``."""

    models: dict[
        str,
        Annotated[ModelEntry, BeforeValidator(lambda v: {"id": v} if isinstance(v, str) else v)],
    ] = Field(default_factory=dict)
    providers: dict[str, ProviderEntry] = Field(default_factory=dict)
    roles: dict[Role, RoleEntry] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    guards: Guards = Guards()
    budgets: Budgets = Budgets()
    build: BuildEntry = BuildEntry()
    sandbox: SandboxEntry = SandboxEntry()

    @property
    def hash(self) -> str:
        """The name of this exact policy, in every decision."""
        raise NotImplementedError

    def catalog(self, base: Catalog) -> Catalog:
        """Return the catalog with this policy's own models in it."""
        raise NotImplementedError

    def ladder(self, role: Role) -> tuple[Rung, ...]:
        """Return a role's rungs with catalog ids; a role without a ladder climbs a neighbour's."""
        raise NotImplementedError

    def rung(self, text: str) -> Rung:
        """Return ``"name"`` or ``"name@effort"`` as a rung with the model's id."""
        raise NotImplementedError

    def floor(self, kind: Kind) -> str | None:
        """Return the id of the model below which a kind may not go, or ``None``."""
        raise NotImplementedError
