"""Every error a user can meet, as one small tree with stable codes.

An error says what is wrong, where, and what to do next; the command line prints exactly that and
never a traceback. This module must not know which room raises which error.

    MasterplanError
    ├── InputError          a brief, argument or file of the user's that cannot be used
    ├── PolicyError         masterplan.toml cannot be used
    ├── CatalogError        a model or a price that is not known
    ├── RoutingError        no model may do this task
    │   └── GuardError      a guard of the policy refuses it
    ├── SpecError           a spec that the gate, the digest or the approval refuses
    ├── DialectError        bytes that are not what the wire protocol says
    ├── ProviderError       a provider refused, failed or could not be reached
    │   └── SubstitutionError   it answered with another model than the decided one
    ├── BudgetError         a budget has no room for the worst case of a call
    ├── LedgerError         a row cannot be made durable, or the books are damaged
    ├── CageError           generated code cannot be caged here
    ├── WorkspaceError      git or the user's tree cannot be worked with
    └── BuildError          a build ended without a verified result
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One complaint: a stable code, where it is, what is wrong and how to mend it.

    ``where`` is a path a person can follow (``masterplan.toml:12``, ``modules[1].files.create``).
    """

    code: str
    message: str
    where: str = ""
    mend: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f" → {self.mend}" if self.mend else ""
        return f"{place}{self.message} [{self.code}]{mend}"


@dataclass
class MasterplanError(Exception):
    """Base of all errors. ``problems`` holds every complaint where there is more than one."""

    code: str
    message: str
    where: str = ""
    mend: str = ""
    problems: tuple[Problem, ...] = field(default=())

    exit_code = 1

    def __str__(self) -> str:
        return str(Problem(self.code, self.message, self.where, self.mend))

    def as_json(self) -> dict[str, object]:
        """Return the error as the ``error`` object of every command's ``--json``."""
        listed = [
            {"code": p.code, "message": p.message, "where": p.where, "mend": p.mend}
            for p in self.problems
        ]
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "mend": self.mend,
            "problems": listed,
        }


class InputError(MasterplanError):
    """A brief, an argument or a file of the user's cannot be used."""

    exit_code = 2


class PolicyError(MasterplanError):
    """``masterplan.toml`` cannot be used as it stands."""

    exit_code = 2


class CatalogError(MasterplanError):
    """A model or its price is not known."""

    exit_code = 2


class RoutingError(MasterplanError):
    """No model of the policy may do this task."""

    exit_code = 3


class GuardError(RoutingError):
    """A guard of the policy refuses this choice."""


class SpecError(MasterplanError):
    """The spec is refused by its schema, the ready gate, its digest or its approval."""

    exit_code = 3


class DialectError(MasterplanError):
    """Bytes are not what the wire protocol says they are."""

    exit_code = 4


@dataclass
class ProviderError(MasterplanError):
    """A provider refused, failed, or could not be reached.

    ``status`` is the HTTP status, or ``None`` where none arrived. ``body`` keeps the provider's
    own wording and ``headers`` what of its answer's head a client may be told (lower case).
    ``is_ambiguous`` says that the request was fully sent and may have been executed.
    """

    status: int | None = None
    provider: str = ""
    body: str = ""
    retry_after_s: float | None = None
    is_ambiguous: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    exit_code = 4


@dataclass
class SubstitutionError(ProviderError):
    """The response's model is not the decided one."""

    requested: str = ""
    served: str = ""


class BudgetError(MasterplanError):
    """A budget has no room for the worst case of this call."""

    exit_code = 5


class LedgerError(MasterplanError):
    """A row cannot be made durable, or the books are damaged."""

    exit_code = 6


class CageError(MasterplanError):
    """Generated code cannot be caged on this machine."""

    exit_code = 7


class WorkspaceError(MasterplanError):
    """Git or the user's tree cannot be worked with."""

    exit_code = 2


class BuildError(MasterplanError):
    """A build ended without a verified result; what was verified is kept."""

    exit_code = 8
