"""Where the user's own files live: configuration, state and cache, by the XDG variables.

Owns the three paths. Must not create anything: who writes makes the folder, with mode 0700.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def config_dir(env: Mapping[str, str]) -> Path:
    """Return the folder of the user's policy, prices and trust list."""
    return _folder(env, "MASTERPLAN_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")


def state_dir(env: Mapping[str, str]) -> Path:
    """Return the folder of the ledger, runs and error logs."""
    return _folder(env, "MASTERPLAN_STATE_DIR", "XDG_STATE_HOME", ".local/state")


def cache_dir(env: Mapping[str, str]) -> Path:
    """Return the folder of the embedded models' weights, shared by all projects."""
    return _folder(env, "MASTERPLAN_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def _folder(env: Mapping[str, str], ours: str, xdg: str, below_home: str) -> Path:
    if env.get(ours):
        return Path(env[ours]).absolute()
    if env.get(xdg) and Path(env[xdg]).is_absolute():
        return Path(env[xdg]) / "masterplan"
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    return home / below_home / "masterplan"
