"""Google Antigravity: a Python program of its SDK, started with the gateway as its one endpoint.

Owns the helper module of a launch, ``masterplan_subagents.py``, and the IDE's workflow. The IDE
itself takes neither another endpoint nor sub-agents from files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from masterplan.agents.agent import TOKEN_ENV, Address, Definitions, Place, Scope, Wiring
from masterplan.agents.markdown import front_matter
from masterplan.agents.subagent import Subagent, prompt, prompt_file
from masterplan.policy import Policy

READS = ("LIST_DIR", "SEARCH_DIR", "FIND_FILE", "VIEW_FILE", "SEARCH_WEB", "READ_URL_CONTENT")
WRITES = ("LIST_DIR", "SEARCH_DIR", "FIND_FILE", "VIEW_FILE", "CREATE_FILE", "EDIT_FILE",
          "RUN_COMMAND")  # fmt: skip
IDE_NOTE = (
    "the Antigravity IDE takes no other endpoint and no sub-agents from files: it gets the "
    "workflow /masterplan only, and its own models stay its own"
)


class Antigravity:
    """Google's Antigravity SDK, 0.1.22 and its neighbours."""

    name = "antigravity"
    program = ""
    install = "python -m pip install google-antigravity"

    def wire(self, gateway: Address, policy: Policy, place: Place) -> Wiring:
        """Return the variables for ``masterplan launch antigravity -- python PROGRAM``."""
        paths = (str(place.folder), place.env.get("PYTHONPATH", ""))
        env = {
            "MASTERPLAN_GATEWAY": gateway.base_url,
            TOKEN_ENV: gateway.token,
            # The SDK asks for a key before it looks at the endpoint.
            "GEMINI_API_KEY": gateway.token,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        unset = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE")
        files = {"masterplan_antigravity.py": prompt_file("antigravity_launch.py.txt")}
        return Wiring((), env, unset, files)

    def definitions(self, team: Sequence[Subagent], scope: Scope) -> Definitions:
        """Return the module for the SDK and, for the IDE, a workflow."""
        if scope == "user":
            return Definitions(notes=("antigravity's files belong to a project; use --project",))
        head = front_matter({"description": "Plan, route or build with Masterplan"})
        files = {
            "masterplan_subagents.py": _module(team),
            ".agents/workflows/masterplan.md": head + prompt("command"),
        }
        return Definitions(files, (IDE_NOTE,))


def _module(team: Sequence[Subagent]) -> str:
    lines = [
        '"""Masterplan\'s team for the Antigravity SDK: `LocalAgentConfig(subagents=SUBAGENTS)`.',
        "",
        "Run the program by `masterplan launch antigravity -- python PROGRAM`; there",
        "`masterplan_antigravity.model()` is the main agent's model.",
        '"""',
        "",
        "from google.antigravity import types",
        "",
        "SUBAGENTS = [",
        *(line for member in team for line in _config(member)),
        "]",
        "",
    ]
    return "\n".join(lines)


def _config(member: Subagent) -> list[str]:
    tools = [f"types.BuiltinTools.{name}" for name in (WRITES if member.is_writer else READS)]
    return [
        f"    # {member.model} is {member.ladder}",
        "    types.SubagentConfig(",
        f"        name={member.name!r},",
        f"        description={member.description!r},",
        f"        system_instructions={member.instructions!r},",
        f"        model={member.model!r},",
        "        capabilities=types.SubagentCapabilities(",
        f"            enabled_tools=[{', '.join(tools)}],",
        "        ),",
        "    ),",
    ]
