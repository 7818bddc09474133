"""What a caged command sees of the machine: its programs, never its people.

Lists system folders, interpreters and the environment. Must not know how a cage hides the rest.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from masterplan.sandbox.cage import CageJob

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs and libraries; on merged systems all but the first are links into it."""

SETTINGS = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/fonts",
    "/etc/chromium",
    "/etc/chromium.d",
    "/etc/ssl/openssl.cnf",
    "/etc/ssl/certs",
    "/nix/store",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_TOOLS = ("node",)
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


def interpreter_roots() -> tuple[Path, ...]:
    """Return the folders outside the system that the running Python and node live in."""
    roots = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve()]
    for tool in _TOOLS:
        found = shutil.which(tool)
        if found is not None:
            roots.append(Path(found).resolve().parents[1])
    return tuple(dict.fromkeys(root for root in roots if not is_system(root)))


def is_system(path: Path) -> bool:
    """Tell whether a path lies in the system's own folders."""
    return any(path.is_relative_to(folder) for folder in SYSTEM) or path == Path("/")


def readable(job: CageJob) -> Iterator[Path]:
    """Yield what a job may read beside the system and its own folder."""
    yield from interpreter_roots()
    for folder in job.path_dirs:
        if not is_system(folder):
            yield folder
            yield from _environment_roots(folder)
    yield from job.readonly


def _environment_roots(programs: Path) -> Iterator[Path]:
    """Yield what a Python environment needs beside its programs: itself, and its base Python."""
    if not (programs.parent / "pyvenv.cfg").is_file():
        return
    yield programs.parent
    python = programs / "python"
    links = [Path(os.readlink(python))] if python.is_symlink() else []
    for link in dict.fromkeys((*links, python.resolve())):
        # Only what is a Python installation: a link must not open any other folder.
        root = link.parents[1] if link.is_absolute() and len(link.parts) > 2 else Path("/")
        if not is_system(root) and any(root.glob("lib/python3*/os.py")):
            yield root


def environment(job: CageJob, home: str, temp: str) -> dict[str, str]:
    """Return the whole environment of a job: nothing of the user's is in it."""
    python = Path(sys.prefix) / "bin"
    tools = [Path(found).parent for tool in _TOOLS if (found := shutil.which(tool))]
    first = [*map(str, job.path_dirs), str(python), *map(str, tools)]
    return {
        "HOME": home,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join(dict.fromkeys([*first, *_SYSTEM_PATH])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "SHELL": "/bin/sh",
        "SOURCE_DATE_EPOCH": "315532800",
        "TERM": "dumb",
        "TMPDIR": temp,
        "TZ": "UTC",
        "USER": "builder",
        **job.env,
    }


def is_writable(job: CageJob) -> bool:
    """Tell whether the whole of a job's folder may be written."""
    return any(job.workdir.is_relative_to(path) for path in job.writable)
