"""docs/cli.md is what the commands say of themselves, and they name every key of their JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from masterplan.cli.frame import COMMANDS, ROOT

PROJECT = Path(__file__).resolve().parents[2]


def run(*words: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


COMMANDS_WITH_JSON = dict(leaves(ROOT))
PROTOCOLS = {"mcp"}
"""Commands that speak a protocol of their own on standard output."""


def test_page_when_written_anew_then_it_is_the_same(tmp_path: Path) -> None:
    done = run(PROJECT / "scripts" / "cli_docs.py", "--check", home=tmp_path)
    assert done.returncode == 0, done.stderr


def test_commands_when_walked_then_all_are_there() -> None:
    assert {name.partition(" ")[0] for name in COMMANDS_WITH_JSON} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS_WITH_JSON)
def test_command_when_asked_for_help_then_it_names_its_json(name: str) -> None:
    if name in PROTOCOLS:
        return
    command = COMMANDS_WITH_JSON[name]
    assert "--json" in {option for item in command.params for option in item.opts}
    assert "--json: " in (command.help or "")


@pytest.mark.parametrize(
    "line",
    [
        "init --print",
        "doctor",
        "route hello",
        "models list",
        "trust --list",
        "cost",
        "replay",
        "verifier",
        "models own",
        "models learn",
        "check spec.json",
        "approve spec.json --by Ada",
    ],
)
def test_command_when_run_then_every_key_is_in_its_help(line: str, tmp_path: Path) -> None:
    spec = PROJECT / "examples" / "text-toolkit" / "spec.json"
    (tmp_path / "spec.json").write_text(spec.read_text("utf-8"), "utf-8")
    done = run("-m", "masterplan", *line.split(), "--json", home=tmp_path)
    told = json.loads(done.stdout)
    assert told
    name = next(name for name in COMMANDS_WITH_JSON if line.startswith(name))
    words = set(re.findall(r"\w+", COMMANDS_WITH_JSON[name].help or ""))
    assert set(told) <= words, set(told) - words
