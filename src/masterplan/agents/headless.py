"""How an agent is run without a person: its arguments, quiet switches, and where its program is.

Owns what each agent needs to build unasked and where it is installed. Must not know cages,
gateways nor what is asked of it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from masterplan.agents.limits import AUTO
from masterplan.agents.registry import find_agent
from masterplan.agents.subagent import prompt_file
from masterplan.core.errors import InputError

_NOWHERE = "/dev/null"
_MODULES = "node_modules"
_SHEBANG = b"#!"
_CLAUDE_TOOLS = "Bash,Edit,Write,Read,Glob,Grep,NotebookEdit,TodoWrite,Agent"


@dataclass(frozen=True)
class Errand:
    """What an agent is sent for: the prompt's file (also its standard input), and its files.

    ``is_caged``: something else bounds what it may do, so it need not ask.
    """

    prompt: Path
    is_caged: bool
    writable: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


@dataclass(frozen=True)
class Headless:
    """One agent without a person.

    ``arguments`` stand behind those of its wiring. ``program`` names the Python program of ours
    that is the agent (empty: its own is run), ``module`` the file by which a Python that can run
    it is known where the agent has no program of its own.
    """

    arguments: Callable[[Errand], tuple[str, ...]]
    env: Mapping[str, str] = field(default_factory=dict)
    program: str = ""
    module: str = ""


@dataclass(frozen=True)
class Program:
    """Where an agent's program is: the file to run, and what else must be readable for it.

    ``path_dirs`` are folders of programs of a Python environment, which bring it along.
    """

    path: Path
    readonly: tuple[Path, ...] = ()
    path_dirs: tuple[Path, ...] = ()


def _claude(errand: Errand) -> tuple[str, ...]:
    asked = ("--permission-mode", "acceptEdits", "--allowedTools", _CLAUDE_TOOLS)
    may = ("--dangerously-skip-permissions",) if errand.is_caged else asked
    nothing_outside = ("--disallowedTools", "WebFetch,WebSearch", "--strict-mcp-config")
    return ("-p", "--output-format", "text", *may, *nothing_outside)


def _codex(errand: Errand) -> tuple[str, ...]:
    quiet = ("check_for_update_on_startup=false", "analytics.enabled=false")
    # A cage of its own cannot be made inside one.
    free = "--dangerously-bypass-approvals-and-sandbox"
    overrides = tuple(part for pair in quiet for part in ("-c", pair))
    return (*overrides, "exec", "--skip-git-repo-check", "--color", "never", free, "-")


def _opencode(errand: Errand) -> tuple[str, ...]:
    return ("run",)


def _aider(errand: Errand) -> tuple[str, ...]:
    """Take architect mode back: the plan was made, and who builds is decided."""
    return (
        *("--edit-format", "diff", "--model", f"openai/{AUTO}"),
        *("--message-file", str(errand.prompt), "--yes-always", "--no-git", "--no-pretty"),
        *("--no-stream", "--no-detect-urls", "--no-suggest-shell-commands", "--no-auto-lint"),
        *("--map-tokens", "0", "--no-check-update", "--no-show-release-notes"),
        *("--analytics-disable", "--no-fancy-input"),
        # It would leave these in the folder it works in.
        *("--chat-history-file", _NOWHERE, "--input-history-file", _NOWHERE),
        *(part for path in errand.writable for part in ("--file", path)),
        *(part for path in errand.read for part in ("--read", path)),
    )


def _antigravity(errand: Errand) -> tuple[str, ...]:
    return ()


HEADLESS: Mapping[str, Headless] = {
    "claude": Headless(
        _claude,
        {
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
        },
    ),
    "codex": Headless(_codex),
    "opencode": Headless(
        _opencode,
        {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "NO_COLOR": "1",
        },
    ),
    "aider": Headless(_aider, program="aider_build.py.txt"),
    "antigravity": Headless(
        _antigravity,
        program="antigravity_build.py.txt",
        module="lib/python3*/site-packages/google/antigravity/__init__.py",
    ),
}
"""The agents that can build, by name."""


def program_text(headless: Headless) -> str:
    """Return the Python program that is the agent, empty where it has one of its own."""
    return prompt_file(headless.program) if headless.program else ""


def find_program(name: str, environ: Mapping[str, str]) -> Program:
    """Return where an agent is installed; InputError with the command that brings it."""
    agent, headless = find_agent(name), HEADLESS[name]
    path = environ.get("PATH", os.defpath)
    if headless.module:
        has = (one for one in _pythons(path) if any(one.parent.parent.glob(headless.module)))
        found = next(has, None)
    else:
        place = shutil.which(agent.program, path=path)
        found = None if place is None else Path(place).absolute()
        if found is not None and headless.program:
            found = _interpreter(found)
    if found is None:
        what = f"the agent {name!r} is not installed"
        raise InputError("agent.not_installed", what, "--builder", agent.install)
    return _located(found)


def _interpreter(script: Path) -> Path | None:
    """Return the Python that a script of a Python package names in its first line."""
    with script.open("rb") as file:
        first = file.readline(4_096).strip()
    named = Path(os.fsdecode(first.removeprefix(_SHEBANG)).strip())
    return named if first.startswith(_SHEBANG) and named.is_file() else None


def _located(found: Path) -> Program:
    """Return what of an installation must be readable: never more than the program's own."""
    if (found.parent.parent / "pyvenv.cfg").is_file():
        return Program(found, path_dirs=(found.parent,))
    real = found.resolve()
    if (real.parent.parent / "pyvenv.cfg").is_file():
        return Program(real, path_dirs=(real.parent,))
    if _MODULES in real.parts:
        # What an npm package runs lies beside it: the folder of all that were installed with it.
        root = Path(*real.parts[: real.parts.index(_MODULES) + 1])
        return Program(real, readonly=(root,))
    return Program(real, readonly=(real,))


def _pythons(path: str) -> Iterator[Path]:
    for folder in path.split(os.pathsep):
        python = Path(folder, "python")
        if folder and python.is_file():
            yield python.absolute()
    yield Path(sys.executable)
