"""pi: the gateway as a provider in an extension file of the launch.

The user's agent folder (settings, sessions, logins) stays in use; only this one file is added.
pi has no sub-agents of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from masterplan.agents.agent import TOKEN_ENV, Address, Definitions, Place, Scope, Wiring
from masterplan.agents.limits import AUTO, MODELS, limits_of
from masterplan.agents.subagent import Subagent
from masterplan.core.message import Json
from masterplan.policy import Policy

PROVIDER = "masterplan"


class Pi:
    """pi, 0.73 and its neighbours."""

    name = "pi"
    program = "pi"
    install = "npm install -g @mariozechner/pi-coding-agent"

    def wire(self, gateway: Address, policy: Policy, place: Place) -> Wiring:
        """Return the extension that adds the gateway, and the arguments that choose it."""
        provider = {
            "name": "Masterplan",
            "baseUrl": gateway.base_url,
            "apiKey": TOKEN_ENV,  # pi takes the value of a variable of this name
            "api": "anthropic-messages",
            "models": [_model(policy, name) for name in MODELS],
        }
        text = (
            "export default function (pi) {\n"
            f"  pi.registerProvider({json.dumps(PROVIDER)}, {json.dumps(provider, indent=2)});\n"
            "}\n"
        )
        path = place.folder / "masterplan.js"
        argv = ("pi", "--extension", str(path), "--provider", PROVIDER, "--model", AUTO)
        return Wiring(argv, {TOKEN_ENV: gateway.token}, files={"masterplan.js": text})

    def definitions(self, team: Sequence[Subagent], scope: Scope) -> Definitions:
        """Return none: pi has no sub-agents of its own."""
        return Definitions(notes=("pi has no sub-agents of its own",))


def _model(policy: Policy, name: str) -> Json:
    limits = limits_of(policy, name)
    return {
        "id": name,
        "name": name,
        "reasoning": True,
        "input": ["text", "image"],
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "contextWindow": limits.context_tokens,
        "maxTokens": limits.max_output_tokens,
    }
