"""The policy for what a machine has: which models plan, build and debug, and its file's text.

Owns that choice, as a pure function of what was found. Must not look for anything itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """A local server that answered: its name, its address up to ``/v1``, its models."""

    name: str
    base_url: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What is on the machine: providers with a key, local servers, embedded weights, agents."""

    keys: frozenset[str] = frozenset()
    servers: tuple[Server, ...] = ()
    embedded: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()


def render_policy(found: Found) -> str:
    """Return the commented text of the ``masterplan.toml`` that fits what was found."""
    raise NotImplementedError
