"""Gemini CLI: variables, and a settings file of the launch that wins over the user's login.

Owns ``.gemini/agents/*.md``. A named model switches off the CLI's own router, which would ask a
model of Google's before every prompt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from masterplan.agents.agent import Address, Definitions, Place, Scope, Wiring, merge, read_json
from masterplan.agents.limits import AUTO
from masterplan.agents.markdown import front_matter
from masterplan.agents.subagent import Subagent
from masterplan.core.message import Json
from masterplan.policy import Policy

SYSTEM_SETTINGS = Path("/etc/gemini-cli/settings.json")
READS = ("read_file", "list_directory", "glob", "grep_search", "web_fetch", "run_shell_command")
WRITES = ("read_file", "list_directory", "glob", "grep_search", "write_file", "replace",
          "run_shell_command")  # fmt: skip


class GeminiCli:
    """Google's Gemini CLI, 0.61 and its neighbours."""

    name = "gemini"
    program = "gemini"
    install = "npm install -g @google/gemini-cli"

    def wire(self, gateway: Address, policy: Policy, place: Place) -> Wiring:
        """Return the variables and the settings that point Gemini CLI at the gateway."""
        path = Path(place.env.get("GEMINI_CLI_SYSTEM_SETTINGS_PATH") or SYSTEM_SETTINGS)
        wanted: dict[str, Json] = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "experimental": {"enableAgents": True},
        }
        merged = merge(read_json(path), wanted)
        env = {
            "GOOGLE_GEMINI_BASE_URL": gateway.base_url,
            "GEMINI_API_KEY": gateway.token,
            "GEMINI_MODEL": AUTO,
            "GEMINI_CLI_SYSTEM_SETTINGS_PATH": str(place.folder / "gemini-settings.json"),
        }
        files = {"gemini-settings.json": json.dumps(merged, indent=2) + "\n"}
        unset = ("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA")
        return Wiring(("gemini",), env, unset, files, tuple(_shadows(place)))

    def definitions(self, team: Sequence[Subagent], scope: Scope) -> Definitions:
        """Return an agent file each."""
        files = {f".gemini/agents/{member.name}.md": _agent_file(member) for member in team}
        note = (
            "gemini asks once, in its window, before it uses a project's agents; without a window "
            "(gemini -p) it does not find them: use --user there"
        )
        return Definitions(files, (note,) if scope == "project" else ())


def _shadows(place: Place) -> list[str]:
    """Say which ``.env`` files set what the launch sets: Gemini CLI reads the nearest one."""
    model = read_json(place.home / ".gemini" / "settings.json").get("model")
    name = model.get("name") if isinstance(model, dict) else None
    if name:
        return [f"~/.gemini/settings.json: model.name {name!r} holds where GEMINI_MODEL does not"]
    return []


def _agent_file(member: Subagent) -> str:
    head = {
        "name": member.name,
        "description": member.description,
        "kind": "local",
        "tools": list(WRITES if member.is_writer else READS),
        "model": member.model,
    }
    return front_matter(head, note=f"{member.model} is {member.ladder}") + member.instructions
