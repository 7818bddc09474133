"""Masterplan: plan with the best model, build with the right one, and measure what it saved.

The public names are loaded when they are asked for: importing the package has no effect.

>>> from masterplan import Policy, Router, Task
>>> policy = Policy.parse('''
... models = { opus = "anthropic/claude-opus-4-6", haiku = "anthropic/claude-haiku-4-5" }
... roles = { planner = { ladder = ["opus"] }, builder = { ladder = ["haiku", "opus"] } }
... ''')
>>> Router.of(policy).route(Task("Design the system architecture of a shop")).model
'anthropic/claude-opus-4-6'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from masterplan.catalog import Catalog, Prices
    from masterplan.core.decision import Decision
    from masterplan.core.errors import MasterplanError
    from masterplan.core.task import Task
    from masterplan.ledger import Ledger
    from masterplan.policy import Policy
    from masterplan.routing import Evidence, Router
    from masterplan.spec import Spec

__version__ = "0.1.0"

_HOMES = {
    "Catalog": "masterplan.catalog",
    "Decision": "masterplan.core.decision",
    "Evidence": "masterplan.routing",
    "Ledger": "masterplan.ledger",
    "MasterplanError": "masterplan.core.errors",
    "Policy": "masterplan.policy",
    "Prices": "masterplan.catalog",
    "Router": "masterplan.routing",
    "Spec": "masterplan.spec",
    "Task": "masterplan.core.task",
}

__all__ = [
    "Catalog",
    "Decision",
    "Evidence",
    "Ledger",
    "MasterplanError",
    "Policy",
    "Prices",
    "Router",
    "Spec",
    "Task",
]


def __getattr__(name: str) -> object:
    """Load a public name from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module 'masterplan' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]
