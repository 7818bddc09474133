"""Runs commands in process, in a home of their own, and hands back what they said."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from masterplan.cli.door import call

KEYS = (
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
)


@dataclass(frozen=True)
class Said:
    """A command's exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh user in an empty project; no keys, nothing of this machine's configuration."""
    for name in [*KEYS, *(name for name in os.environ if name.startswith(("MASTERPLAN_", "XDG_")))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command: ``run("route", "text", "--json")``."""

    def run(*args: str) -> Said:
        capfdbinary.readouterr()
        code = call(args)
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode(), err.decode())

    return run
