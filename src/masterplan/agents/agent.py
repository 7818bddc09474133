"""What an agent is to Masterplan: how it is pointed at the gateway, and the files it reads.

This small Protocol is the manual for agents from outside the package (entry points
``masterplan.agents``); the built-in ones come in through the same door. An agent says what is
needed and does nothing itself: the launcher sets variables, writes files and takes them away.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from masterplan.agents.subagent import Subagent
from masterplan.core.message import Json
from masterplan.policy import Policy

Scope = Literal["project", "user"]
"""Whose definitions: a repository's, or those in the user's home."""

TOKEN_ENV = "MASTERPLAN_TOKEN"
"""The variable that carries the token where a client can be told the name of one."""

TOKEN_HEADER = "x-masterplan-token"
SETTINGS_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Address:
    """Where the gateway listens (``http://host:port``, no path) and the token it lets in."""

    base_url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Place:
    """Where an agent is started: its environment, its directory, and a folder of this launch."""

    env: Mapping[str, str]
    cwd: Path
    folder: Path

    @property
    def home(self) -> Path:
        """The user's home."""
        return Path(self.env["HOME"]) if self.env.get("HOME") else Path.home()


@dataclass(frozen=True)
class Wiring:
    """What starts an agent behind the gateway.

    ``argv`` is the program with the arguments that stand before the user's (empty: the user's
    first word is the program). ``files`` are texts by path in the launch's folder, ``links`` what
    else of the user's is to be found there. ``warnings`` say what of the user's own settings stands
    against it or is set aside.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    unset: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Path] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definitions:
    """Sub-agent files by path under the project or the home, and what is to be said of them."""

    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Agent(Protocol):
    """One coding agent: a class without arguments behind an entry point of its name.

    ``program`` is what it is started by (empty: the user's first word); ``install`` is the command
    that brings it.
    """

    name: str
    program: str
    install: str

    def wire(self, gateway: Address, policy: Policy, place: Place) -> Wiring:
        """Return what makes the agent send every request to the gateway; reads, never writes."""
        ...

    def definitions(self, team: Sequence[Subagent], scope: Scope) -> Definitions:
        """Return the sub-agents' files in the agent's own format; none where it has none."""
        ...


def read_settings(path: Path) -> str:
    """Return a settings file's text, empty where there is none.

    A repository may hold one too, so it is read to a bound, and only where it is a plain file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            is_plain = stat.S_ISREG(os.fstat(handle).st_mode)
            return file.read(SETTINGS_BYTES).decode() if is_plain else ""
    except (OSError, ValueError):
        return ""


def read_json(path: Path) -> Mapping[str, Json]:
    """Return a settings file's object; empty where there is none or it is no JSON object."""
    return json_object(read_settings(path))


def json_object(text: str) -> Mapping[str, Json]:
    """Return a text's JSON object; empty where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def merge(below: Mapping[str, Json], above: Mapping[str, Json]) -> dict[str, Json]:
    """Return two trees of settings as one; the second wins.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, dict) and isinstance(value, dict)
        merged[key] = merge(under or {}, value) if both else value
    return merged
