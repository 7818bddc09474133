"""Gemini CLI: variables, and for who logs in otherwise a home of the launch beside the user's.

Owns ``.gemini/agents/*.md``. The login is a setting that no variable overrides. A named model
switches off the CLI's own router, which would ask a model of Google's before every prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from masterplan.agents.agent import Address, Definitions, Place, Scope, Wiring, merge, read_json
from masterplan.agents.limits import AUTO
from masterplan.agents.markdown import front_matter
from masterplan.agents.subagent import Subagent
from masterplan.core.message import Json
from masterplan.policy import Policy

BY_KEY = "gemini-api-key"
LOGIN: dict[str, Json] = {"security": {"auth": {"selectedType": BY_KEY}}}
ELSEWHERE = ("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA")
"""Variables that would send requests past the gateway."""
READS = ("read_file", "list_directory", "glob", "grep_search", "web_fetch", "run_shell_command")
WRITES = ("read_file", "list_directory", "glob", "grep_search", "write_file", "replace",
          "run_shell_command")  # fmt: skip


class GeminiCli:
    """Google's Gemini CLI, 0.61 and its neighbours."""

    name = "gemini"
    program = "gemini"
    install = "npm install -g @google/gemini-cli"

    def wire(self, gateway: Address, policy: Policy, place: Place) -> Wiring:
        """Return the variables and, where the user logs in otherwise, a home with a key's login."""
        env = {
            "GOOGLE_GEMINI_BASE_URL": gateway.base_url,
            "GEMINI_API_KEY": gateway.token,
            "GEMINI_MODEL": AUTO,
        }
        settings = read_json(_own(place) / "settings.json")
        if _login(settings) == BY_KEY:
            return Wiring(("gemini",), env, ELSEWHERE)
        return Wiring(
            ("gemini",),
            {**env, "GEMINI_CLI_HOME": str(place.folder / "home")},
            ELSEWHERE,
            {"home/.gemini/settings.json": json.dumps(merge(settings, LOGIN), indent=2) + "\n"},
            _links(_own(place)),
            tuple(_set_aside(settings)),
        )

    def definitions(self, team: Sequence[Subagent], scope: Scope) -> Definitions:
        """Return an agent file each."""
        files = {f".gemini/agents/{member.name}.md": _agent_file(member) for member in team}
        note = (
            "gemini asks once, in its window, before it uses a project's agents; without a window "
            "(gemini -p) it does not find them: use --user there"
        )
        return Definitions(files, (note,) if scope == "project" else ())


def _own(place: Place) -> Path:
    return Path(place.env.get("GEMINI_CLI_HOME") or place.home) / ".gemini"


def _login(settings: Mapping[str, Json]) -> str:
    found: Json = settings
    for key in ("security", "auth", "selectedType"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _links(own: Path) -> dict[str, Path]:
    """Return everything else of the user's folder, so that history and agents stay in use."""
    if not own.is_dir():
        return {}
    names = sorted(path.name for path in own.iterdir() if path.name != "settings.json")
    return {f"home/.gemini/{name}": own / name for name in names}


def _set_aside(settings: Mapping[str, Json]) -> list[str]:
    login = _login(settings)
    return [f"your login ({login}) is set aside for this launch: the gateway is used"] * bool(login)


def _agent_file(member: Subagent) -> str:
    head = {
        "name": member.name,
        "description": member.description,
        "kind": "local",
        "tools": list(WRITES if member.is_writer else READS),
        "model": member.model,
    }
    return front_matter(head, note=f"{member.model} is {member.ladder}") + member.instructions
