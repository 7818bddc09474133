"""The frame of every command: lazy commands, global options, the door for errors, output.

Owns how a command is found, how it prints (people or ``--json``), and which code it exits with.
A command is a module-level ``click.Command`` named ``command`` (or a group) in the module that the
table names. Must not know what any command does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from masterplan.core.decision import Decision
    from masterplan.policy import Policy

COMMANDS: dict[str, str] = {
    name: f"masterplan.cli.{name}:command"
    for name in (
        "init",
        "doctor",
        "route",
        "plan",
        "check",
        "approve",
        "build",
        "run",
        "apply",
        "undo",
        "cost",
        "trust",
        "models",
        "ledger",
    )
}


@dataclass
class Frame:
    """The global options of one call; commands get it with ``@pass_frame``."""

    policy_path: Path | None = None
    is_trace: bool = False
    is_json: bool = False
    traced: list[Decision] = field(default_factory=list)

    def policy(self) -> Policy:
        """Return the policy that holds here; notices go to stderr once."""
        raise NotImplementedError

    def trace(self, decision: Decision) -> None:
        """Print a decision to stderr where ``--trace`` was given."""
        raise NotImplementedError


pass_frame = click.make_pass_decorator(Frame, ensure=True)


def json_option(function: click.decorators.FC) -> click.decorators.FC:
    """Add ``--json`` (parameter ``is_json``) to a command and note it for the error door."""
    raise NotImplementedError


def emit_json(value: object) -> None:
    """Print one JSON document: UTF-8, sorted keys, stable."""
    raise NotImplementedError


def console(*, is_stderr: bool = False) -> Console:
    """Return a rich console; no colours where it is not a terminal or NO_COLOR is set."""
    raise NotImplementedError


def say(lines: Iterable[str] | str) -> None:
    """Print plain lines for people, with control characters of foreign text neutralised."""
    raise NotImplementedError


def run(args: list[str] | None = None) -> None:
    """Run a command and exit; the only place that turns errors into exit codes."""
    raise NotImplementedError
