"""Which agents there are: entry points, built-in and third parties' alike.

Owns the lookup by name. Must not know what any agent needs.
"""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from masterplan.agents.agent import Agent
from masterplan.core.errors import InputError

GROUP = "masterplan.agents"


def agent_names() -> tuple[str, ...]:
    """Return the name of every installed agent, sorted."""
    return tuple(sorted(_plugins()))


def find_agent(name: str) -> Agent:
    """Return an agent; raises ``InputError`` with near names for one that is not there."""
    plugins = _plugins()
    plugin = plugins.get(name)
    if plugin is None:
        near = difflib.get_close_matches(name, plugins, n=1) or sorted(plugins)
        mend = f"use {' or '.join(near)}"
        raise InputError("agent.unknown", f"no agent is called {name!r}", "AGENT", mend)
    try:
        return cast(Agent, plugin.load()())
    except Exception as error:
        raise InputError(
            "agent.plugin",
            f"the agent {name!r} of {plugin.value} could not be loaded: {type(error).__name__}",
            mend="update or uninstall the package it comes from",
        ) from error


def _plugins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
