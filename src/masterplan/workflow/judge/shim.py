"""Lays out what a judged command finds first in its PATH: test runners that give evidence.

A small program named ``python``, ``pytest`` or ``node`` starts the real one, with our witness in
front where tests are run. Must not read the evidence.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

CAGED = Path(__file__).parent / "caged"
EVIDENCE_ENV = "MASTERPLAN_EVIDENCE"

_PYTHONS = ("python", "python3", f"python3.{sys.version_info.minor}")
_RUNNERS = ("pytest", "py.test")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

_PYTHON_SHIM = """#!/bin/sh
for word in "$@"; do
  case "$word" in
    -[BEsuOIqSPv]*) flags="$flags $word"; shift ;;
    -m) case "$2" in
          pytest) mode=pytest-m ;;
          unittest) mode=unittest ;;
        esac
        break ;;
    *) break ;;
  esac
done
if [ -n "$mode" ]; then
  shift 2
  MASTERPLAN_PYTHONPATH="$PYTHONPATH"; export MASTERPLAN_PYTHONPATH; unset PYTHONPATH
  exec {real} $flags {witness} "$mode" "$@"
fi
exec {real} $flags "$@"
"""
_RUNNER_SHIM = """#!/bin/sh
MASTERPLAN_PYTHONPATH="$PYTHONPATH"; export MASTERPLAN_PYTHONPATH; unset PYTHONPATH
exec {real} {witness} pytest "$@"
"""
_NODE_SHIM = """#!/bin/sh
for word in "$@"; do
  case "$word" in
    --test) is_test=yes; break ;;
    -*) ;;
    *) break ;;
  esac
done
if [ -n "$is_test" ] && [ -e "$MASTERPLAN_EVIDENCE/orders.json" ]; then
  exec {real} --test-reporter=spec --test-reporter-destination=stdout \\
    --test-reporter={reporter} --test-reporter-destination=/dev/null "$@"
fi
exec {real} "$@"
"""


@dataclass(frozen=True)
class Bench:
    """One judged run's folder: the shims, the orders with the key, and the evidence to come."""

    folder: Path
    key: bytes

    @property
    def shims(self) -> Path:
        """The folder that comes first in PATH."""
        return self.folder / "bin"

    @property
    def evidence_folder(self) -> Path:
        """The one folder the command may write evidence to."""
        return self.folder / "evidence"

    def read(self) -> bytes:
        """Return what was written, empty if nothing was or it is absurdly large."""
        path = self.evidence_folder / "evidence"
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 64_000_000:
            return b""
        return path.read_bytes()


def lay_out(folder: Path, tree: Path, frozen: Collection[str], tool_dirs: Sequence[Path]) -> Bench:
    """Write shims and orders for one run; ``frozen`` are paths of tests beneath ``tree``."""
    bench = Bench(folder, secrets.token_bytes(32))
    bench.shims.mkdir()
    bench.evidence_folder.mkdir()
    root = os.path.realpath(tree)
    orders = {
        "key": bench.key.hex(),
        "root": root,
        "frozen": [os.path.join(root, path) for path in frozen],
    }
    (bench.evidence_folder / "orders.json").write_text(json.dumps(orders))
    for name, text in _shims(tool_dirs).items():
        path = bench.shims / name
        path.write_text(text)
        path.chmod(0o755)
    return bench


def tool_path(tool_dirs: Sequence[Path]) -> str:
    """Return the PATH in which a caged command's programs are looked up."""
    own = [*map(str, tool_dirs), str(Path(sys.prefix) / "bin")]
    return os.pathsep.join([*own, _SYSTEM_PATH])


def _shims(tool_dirs: Sequence[Path]) -> dict[str, str]:
    path = tool_path(tool_dirs)
    witness = shlex.quote(str(CAGED / "witness.py"))
    texts = {}
    for name in _PYTHONS:
        real = shutil.which(name, path=path)
        if real:
            texts[name] = _PYTHON_SHIM.replace("{real}", shlex.quote(real)).replace(
                "{witness}", witness
            )
    for name in _RUNNERS:
        script = shutil.which(name, path=path)
        real = shutil.which("python", path=str(Path(script).parent)) if script else None
        if real:
            texts[name] = _RUNNER_SHIM.replace("{real}", shlex.quote(real)).replace(
                "{witness}", witness
            )
    node = shutil.which("node", path=path) or shutil.which("node")
    if node:
        reporter = shlex.quote(str(CAGED / "reporter.mjs"))
        texts["node"] = _NODE_SHIM.replace("{real}", shlex.quote(node)).replace(
            "{reporter}", reporter
        )
    return texts
