"""Which policy holds here: the file that was named, the repository's if trusted, the user's, ours.

Owns the search order and the one line that says a repository's file is not trusted. Must not know
what is written in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from masterplan.policy.schema import Policy


@dataclass(frozen=True)
class Located:
    """A policy, where it came from, and what the user should be told about the search."""

    policy: Policy
    where: str
    notices: tuple[str, ...] = ()


def load_policy(
    path: Path | None = None, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Policy:
    """Return the policy that holds here; PolicyError where the file cannot be used."""
    return locate_policy(path, cwd=cwd, env=env).policy


def locate_policy(
    path: Path | None = None, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Located:
    """Return the policy that holds here with its place and notices.

    Order: ``path``; ``masterplan.toml`` here or above, up to the repository's root, if trusted;
    the user's configuration folder; the built-in default for what this machine has.
    """
    raise NotImplementedError
