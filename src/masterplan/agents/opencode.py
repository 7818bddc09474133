"""opencode: one provider in ``OPENCODE_CONFIG_CONTENT``, which it lays over every file.

Owns ``.opencode/agent/*.md``. Speaks Chat Completions: that provider's code is in the program, so
nothing is fetched at start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from masterplan.agents.agent import (
    TOKEN_ENV,
    Address,
    Definitions,
    Place,
    Scope,
    Wiring,
    json_object,
    merge,
)
from masterplan.agents.limits import AUTO, MODELS, limits_of
from masterplan.agents.markdown import front_matter
from masterplan.agents.subagent import Subagent
from masterplan.core.message import Json
from masterplan.policy import Policy

PROVIDER = "masterplan"


class OpenCode:
    """opencode, 1.18 and its neighbours."""

    name = "opencode"
    program = "opencode"
    install = "npm install -g opencode-ai"

    def wire(self, gateway: Address, policy: Policy, place: Place) -> Wiring:
        """Return the configuration that makes the gateway opencode's provider."""
        own: dict[str, Json] = {
            "model": AUTO,
            "small_model": "masterplan/housekeeper",
            "provider": {
                PROVIDER: {
                    "npm": "@ai-sdk/openai-compatible",
                    "name": "Masterplan",
                    "options": {
                        "baseURL": f"{gateway.base_url}/v1",
                        "apiKey": f"{{env:{TOKEN_ENV}}}",
                    },
                    "models": {name.partition("/")[2]: _model(policy, name) for name in MODELS},
                }
            },
        }
        theirs = json_object(place.env.get("OPENCODE_CONFIG_CONTENT", ""))
        env = {
            TOKEN_ENV: gateway.token,
            "OPENCODE_CONFIG_CONTENT": json.dumps(merge(theirs, own)),
        }
        return Wiring(("opencode",), env)

    def definitions(self, team: Sequence[Subagent], scope: Scope) -> Definitions:
        """Return an agent file each."""
        folder = ".opencode/agent" if scope == "project" else ".config/opencode/agent"
        return Definitions({f"{folder}/{member.name}.md": _agent_file(member) for member in team})


def _model(policy: Policy, name: str) -> Json:
    limits = limits_of(policy, name)
    return {
        "id": name,
        "name": name,
        "limit": {"context": limits.context_tokens, "output": limits.max_output_tokens},
        "tool_call": True,
    }


def _agent_file(member: Subagent) -> str:
    head: dict[str, Json] = {
        "description": member.description,
        "mode": "subagent",
        "model": member.model,
    }
    if not member.is_writer:
        head["permission"] = {"edit": "deny"}
    return front_matter(head, note=f"{member.model} is {member.ladder}") + member.instructions
