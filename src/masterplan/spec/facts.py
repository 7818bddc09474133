"""What the workflow gathered about the world, handed to the ready gate as plain values.

Owns the shape of the facts only. ``None`` means "not gathered": the rule that needs it is then
reported as not checked, never as passed. Must not know how a fact is gathered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

BaseState = Literal["pass", "fail", "unresolved", "not_run"]


@dataclass(frozen=True)
class BaseResult:
    """How one acceptance command ended on the base.

    ``unresolved`` means that the command could not even start (no such program or file);
    ``not_run`` that nobody tried. ``detail`` is for people: the tail of the output.
    """

    state: BaseState
    detail: str = ""


@dataclass(frozen=True)
class Facts:
    """What is true of the repository, the machine and the prices when the gate is asked.

    ``base_commit`` is the commit now; ``file_shas`` the blob shas now of the paths the spec names
    (a path that is missing now is left out); ``base_paths`` all tracked paths at the base.
    ``acceptance`` is keyed by acceptance id; ``resolves`` by acceptance id or ``smoke[0]`` and
    says whether the command's program is there. ``missing_symbols`` maps each package of
    ``third_party`` to the symbols it lacks: ``()`` all there, ``("*",)`` not installed.
    ``base_contracts`` holds contract ids or symbols that exist at the base. ``builder_windows``
    is the context, in tokens, of the builder chosen for each module, ``context_tokens`` what that
    module reads and changes (0 where left out). Amounts are nano-dollars; ``single_model_nano`` is
    the brief done by ``single_model`` alone.
    """

    base_commit: str | None = None
    file_shas: Mapping[str, str] | None = None
    base_paths: frozenset[str] | None = None
    acceptance: Mapping[str, BaseResult] | None = None
    resolves: Mapping[str, bool] | None = None
    missing_symbols: Mapping[str, tuple[str, ...]] | None = None
    base_contracts: frozenset[str] | None = None
    builder_windows: Mapping[str, int] | None = None
    context_tokens: Mapping[str, int] | None = None
    estimate_nano: int | None = None
    budget_nano: int | None = None
    single_model_nano: int | None = None
    single_model: str = ""
