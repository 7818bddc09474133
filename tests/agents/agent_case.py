"""What the tests of the agents share: a gateway's address, a policy, a place to start in."""

from pathlib import Path

import pytest

from masterplan.agents import Address, Place, Wiring, find_agent
from masterplan.policy import Policy

NAMES = ("aider", "antigravity", "claude", "codex", "gemini", "opencode", "pi")
URL = "http://127.0.0.1:4100"
TOKEN = "mp-the-token-of-this-launch"
GATEWAY = Address(URL, TOKEN)

POLICY = """
[models]
opus = "anthropic/claude-opus-4-6"
gemini = "google/gemini-3.1-pro"
haiku = "anthropic/claude-haiku-4-5"
[roles.planner]
ladder = ["opus"]
[roles.builder]
ladder = ["haiku", "gemini", "opus"]
[[rules]]
when = { kind = "frontend" }
use = "gemini"
"""


def policy(text: str = POLICY) -> Policy:
    return Policy.parse(text)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A home and a project with nothing in them."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    return place_at(tmp_path)


def place_at(root: Path, **env: str) -> Place:
    return Place({"HOME": str(root / "home"), **env}, root / "project", root / "launch")


def wired(name: str, at: Place, text: str = POLICY) -> Wiring:
    return find_agent(name).wire(GATEWAY, policy(text), at)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
