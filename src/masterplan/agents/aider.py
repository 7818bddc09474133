"""aider in architect mode: planner, builder and housekeeper as its three models.

Owns its arguments and the two files that tell it what its models can do. aider has no sub-agents:
the architect's plan is what is handed to the editor.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from masterplan.agents.agent import Address, Definitions, Place, Scope, Wiring, read_settings
from masterplan.agents.limits import MODELS, limits_of
from masterplan.agents.subagent import Subagent
from masterplan.core.message import Json
from masterplan.policy import Policy


class Aider:
    """aider, 0.86 and its neighbours."""

    name = "aider"
    program = "aider"
    install = "python -m pip install aider-chat"

    def wire(self, gateway: Address, policy: Policy, place: Place) -> Wiring:
        """Return the arguments and variables for architect mode behind the gateway."""
        argv = (
            "aider",
            "--architect",
            "--model",
            "openai/masterplan/planner",
            "--editor-model",
            "openai/masterplan/builder",
            "--weak-model",
            "openai/masterplan/housekeeper",
            # A name it does not know would get whole files back, which costs the most tokens.
            "--editor-edit-format",
            "editor-diff",
            "--model-metadata-file",
            str(place.folder / "aider-models.json"),
            "--no-show-model-warnings",
        )
        env = {"OPENAI_API_BASE": f"{gateway.base_url}/v1", "OPENAI_API_KEY": gateway.token}
        metadata = {f"openai/{name}": _metadata(policy, name) for name in MODELS}
        files = {"aider-models.json": json.dumps(metadata, indent=2) + "\n"}
        return Wiring(argv, env, files=files, warnings=tuple(_shadows(place, env)))

    def definitions(self, team: Sequence[Subagent], scope: Scope) -> Definitions:
        """Return none: aider has no sub-agents."""
        return Definitions(notes=("aider has no sub-agents; its three models are set at launch",))


def _metadata(policy: Policy, name: str) -> Json:
    limits = limits_of(policy, name)
    return {
        "max_input_tokens": limits.context_tokens,
        "max_output_tokens": limits.max_output_tokens,
        # Not a price: aider would count by it, and what a call cost is in the books.
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    }


def _shadows(place: Place, env: dict[str, str]) -> list[str]:
    """Say which ``.env`` file would win: aider lays them over its environment."""
    found = []
    for folder in dict.fromkeys((place.home, place.cwd)):
        lines = read_settings(folder / ".env").splitlines()
        names = {line.removeprefix("export ").partition("=")[0].strip() for line in lines}
        found += [
            f"{folder / '.env'}: {name} wins over the launch; take it out for this to work"
            for name in sorted(names & env.keys())
        ]
    return found
