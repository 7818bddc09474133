"""Which lane a request belongs to, from what its client says of it.

Signals in order: the explicit header, the client's hint headers, its attribution block, versioned
fingerprints, and then ``main``. Wrongly main is safe and wrongly auxiliary is not. Must not know
policies, models nor what was decided before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from masterplan.core.message import Message
from masterplan.dialects.peek import Peek

LaneName = Literal["main", "plan", "build", "subagent", "compaction", "auxiliary"]
LANE_NAMES: tuple[LaneName, ...] = get_args(LaneName)
LaneSignal = Literal["header", "hint", "attribution", "fingerprint", "default"]


@dataclass(frozen=True)
class Lane:
    """One lane: ``key`` is stable over all its requests, ``agent`` says which sub-agent it is."""

    name: LaneName
    key: str
    session: str = ""
    agent: str = ""
    parent: str = ""
    client: str = ""
    version: str = ""
    signal: LaneSignal = "default"
    reason: str = ""

    @property
    def label(self) -> str:
        """The lane as ``Task.lane`` and rules name it: ``main``, ``subagent:Explore``."""
        return f"{self.name}:{self.agent}" if self.name == "subagent" and self.agent else self.name


def find_lane(
    headers: Mapping[str, str],
    peek: Peek,
    *,
    known_agents: Mapping[str, str] | None = None,
    spawned: Mapping[str, str] | None = None,
) -> Lane:
    """Return the lane of a request; header names are lower-case.

    ``known_agents`` maps an agent's name to the body of its definition; ``spawned`` maps the
    prompts that the session's agents gave to sub-agents to these sub-agents' names.
    """
    raise NotImplementedError


def spawns(messages: Sequence[Message]) -> dict[str, str]:
    """Return the prompts of the sub-agents that these messages start, with the agents' names."""
    raise NotImplementedError


def plan_mode(peek: Peek) -> Literal["active", "left", ""]:
    """Tell whether Claude Code plans now, has left plan mode (approved), or never planned here."""
    raise NotImplementedError
