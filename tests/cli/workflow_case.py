"""What the tests of the workflow's commands share: a project, a provider in a thread, one spec."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import pytest
from cli_case import Run, Said

from masterplan.providers.fake import FakeProvider, Received, Reply

Script = Callable[[Received], Reply]

POLICY = """
[models]
opus = "anthropic/claude-opus-4-6"
haiku = "anthropic/claude-haiku-4-5"
gemini = "google/gemini-3.1-pro"
[providers.anthropic]
dialect = "anthropic"
base_url = "{url}"
{key}
[providers.google]
dialect = "gemini"
base_url = "{url}"
[roles.planner]
ladder = ["opus"]
[roles.builder]
ladder = ["haiku", "gemini", "opus"]
[budgets]
run = "$5"
"""

BRIEF = "# Numbers\n\n`pkg/a.py` has `a(x: int) -> int`, which adds one.\n\n>>> a(1)\n2\n"
RIGHT = "def a(x: int) -> int:\n    return x + 1\n"
WRONG = "def a(x: int) -> int:\n    return x + 7\n"
CASE = """import unittest

from pkg.a import a


class TestA(unittest.TestCase):
    def test_a(self) -> None:
        self.assertEqual(a({0}), {0} + 1)
"""
TEST, HIDDEN = CASE.format(1), CASE.format(5)


def plan(**changes: object) -> dict[str, object]:
    """Return what a planner writes: one module, one frozen test, one held out."""
    module = {
        "id": "a",
        "responsibility": "Give a.",
        "requirements": ["r1"],
        "produces": ["a.call"],
        "files": {"create": ["pkg/a.py"], "test": ["tests/test_a.py"]},
        "test_files": {"tests/test_a.py": TEST},
        "held_out_files": {"held/test_more.py": HIDDEN},
        "acceptance": [
            {"id": "a.shown", "run": "python -m unittest tests/test_a.py"},
            {
                "id": "a.hidden",
                "run": "python -m unittest held/test_more.py",
                "visibility": "held_out",
            },
        ],
        "complexity": 0.2,
        "size": "small",
        **changes,
    }
    return {
        "id": "numbers",
        "goal": "Numbers.",
        "non_goals": ["anything else"],
        "requirements": [{"id": "r1", "text": "WHEN called it SHALL add one."}],
        "contracts": [
            {
                "id": "a.call",
                "module": "a",
                "signature": "def a(x: int) -> int",
                "path": "pkg/a.py",
            }
        ],
        "modules": [module],
        "integration": {"smoke": [{"run": "python -c 'from pkg.a import a; print(a(1))'"}]},
    }


def is_plan(received: Received) -> bool:
    """Tell whether the planner is asked for a spec."""
    return "Write the spec as one JSON object" in received.text


def fenced(text: str) -> str:
    """Return a text in one fenced block."""
    return f"```\n{text.rstrip()}\n```\n"


def script(code: str = RIGHT, **changes: object) -> Script:
    """Return a provider that plans ``plan(**changes)`` and always builds ``code``."""

    def reply(received: Received) -> Reply:
        if is_plan(received):
            return Reply(fenced(json.dumps(plan(**changes))))
        return Reply(fenced(code))

    return reply


class Server:
    """The scripted provider in a thread of its own, so that a command can be run in this one."""

    def __init__(self, script: Script) -> None:
        self.fake = FakeProvider(script)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with self.fake:
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> "Server":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)


@dataclass
class Project:
    """A user's project: a repository with one commit, a brief, a policy, and a provider."""

    root: Path
    run: Run
    policy: Path
    servers: list[Server] = field(default_factory=list)

    def serve(self, script: Script, key: str = "") -> FakeProvider:
        """Start the provider that the policy names; ``key`` is a variable it needs."""
        server = Server(script).__enter__()
        self.servers.append(server)
        self.point_at(server.fake.base_url, key)
        return server.fake

    def point_at(self, url: str, key: str = "") -> None:
        """Write the policy for a provider at this address."""
        named = f'key_env = "{key}"' if key else ""
        self.policy.write_text(POLICY.format(url=url, key=named))

    def call(self, *args: str) -> Said:
        """Run a command with the project's policy."""
        return self.run(*args, "--policy", str(self.policy))

    def files(self) -> dict[str, bytes]:
        """Return the user's files, without what is Masterplan's or git's own."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {
            name: path.read_bytes()
            for path in found
            if (name := str(path.relative_to(self.root))).partition("/")[0]
            not in (".git", ".masterplan")
        }

    def git(self, *words: str) -> str:
        """Run git in the project."""
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        return subprocess.run(
            ["git", *who, *words], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout

    def spec_file(self) -> Path:
        """Return the one spec's file."""
        (found,) = self.root.glob(".masterplan/specs/*/spec.json")
        return found


@pytest.fixture
def project(run: Run, tmp_path: Path) -> Iterator[Project]:
    """A committed project with a brief beside it that is not committed."""
    case = Project(Path.cwd(), run, tmp_path / "masterplan.toml")
    case.git("init", "-q")
    (case.root / "README.md").write_text("Numbers.\n")
    case.git("add", "-A")
    case.git("commit", "-qm", "Start")
    (case.root / "brief.md").write_text(BRIEF)
    case.point_at("http://127.0.0.1:9")
    yield case
    for server in case.servers:
        server.__exit__(None, None, None)
