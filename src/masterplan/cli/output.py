"""What goes to the terminal: plain lines, one JSON document, or a rich console.

Owns that foreign text cannot act on a terminal and that ``--json`` is stable. Must not know what
is printed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import click

WIDE = 240
"""Columns where no terminal says how many there are: nothing is cut in a file or a pipe."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    Decorated = TypeVar("Decorated", bound=Callable[..., object] | click.Command)
else:
    Decorated = TypeVar("Decorated")


def json_option(function: Decorated) -> Decorated:
    """Add ``--json`` (parameter ``is_json``) to a command."""
    return click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")(
        function
    )


def emit_json(value: object) -> None:
    """Print one JSON document: UTF-8, sorted keys, two spaces.

    What could act on a terminal is written as JSON's own escape: the same value, but visible.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2)
    if not text.isascii() or "\x7f" in text:
        text = "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)
    click.echo(text.encode("utf-8", "backslashreplace"))


def say(lines: Iterable[str] | str, *, is_stderr: bool = False) -> None:
    """Print lines for people; control characters of foreign text are shown, not acted on."""
    for line in (lines,) if isinstance(lines, str) else lines:
        click.echo(harmless(line), err=is_stderr)


def harmless(text: str) -> str:
    """Return a text that cannot act on a terminal."""
    if all(part.isprintable() for part in text.split("\n")):
        return text
    # Imported here: the cage's room is heavy and nearly every text is harmless.
    from masterplan.sandbox.neutralise import neutralise

    return neutralise(text)


def counted(count: int, what: str) -> str:
    """Return a count with its noun: ``1 run``, ``2 runs``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def console(*, is_stderr: bool = False) -> Console:
    """Return a rich console: no colours and no markup in foreign text, by NO_COLOR and terminal."""
    from rich.console import Console

    stream = sys.stderr if is_stderr else sys.stdout
    return Console(
        file=stream,
        no_color=bool(os.environ.get("NO_COLOR")) or not stream.isatty(),
        markup=False,
        highlight=False,
        width=None if stream.isatty() else WIDE,
    )
