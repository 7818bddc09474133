"""The coding agents people use: how each is started behind the gateway, and its sub-agent files.

``find_agent`` and ``Agent.wire`` are the doors; one small file an agent, all found by entry point.
Must not open the gateway: its address is handed in. Writes nothing outside the folder it is given.
"""

from masterplan.agents.agent import Address, Agent, Place, Scope, Wiring
from masterplan.agents.registry import agent_names, find_agent
from masterplan.agents.subagent import Subagent, subagents

__all__ = [
    "Address",
    "Agent",
    "Place",
    "Scope",
    "Subagent",
    "Wiring",
    "agent_names",
    "find_agent",
    "subagents",
]
