"""``masterplan mcp``, driven by the official client over stdio."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent_case import POLICY
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.types import TextContent

from masterplan.providers.fake import FakeProvider, Reply


@asynccontextmanager
async def session(root: Path, policy: str = POLICY) -> AsyncIterator[ClientSession]:
    (root / "policy.toml").write_text(policy)
    project = root / "project"
    project.mkdir(exist_ok=True)
    args = ["-m", "masterplan", "mcp", "--policy", "../policy.toml"]
    server = StdioServerParameters(
        command=sys.executable, args=args, cwd=project, env={"HOME": str(root / "home")}
    )
    async with stdio_client(server) as streams, ClientSession(*streams) as made:
        await made.initialize()
        yield made


async def answer(one: ClientSession, tool: str, **words: str) -> Any:
    result = await one.call_tool(tool, words)
    content = result.content[0]
    assert isinstance(content, TextContent)
    return json.loads(content.text)


async def test_mcp_when_driven_by_the_official_client_then_the_commands_answer(
    tmp_path: Path,
) -> None:
    async with session(tmp_path) as one:
        tools = {tool.name: tool for tool in (await one.list_tools()).tools}
        assert set(tools) == {"route", "plan", "build", "cost"}
        assert tools["route"].inputSchema["required"] == ["task"]
        routed = await answer(one, "route", task="Build a React login form")
        assert (routed["model"], routed["exit_code"]) == ("google/gemini-3.1-pro", 0)
        stated = await answer(one, "route", task="--json", kind="docs")
        assert (stated["kind"], stated["exit_code"]) == ("docs", 0)
        spent = await answer(one, "cost")
        assert spent["run_count"] == 0
        refused = await answer(one, "build", spec="nothing-there")
        assert refused["exit_code"] != 0
        assert refused["error"]["code"]
        no_brief = await answer(one, "plan", brief="")
        assert no_brief["exit_code"] != 0


async def test_mcp_when_a_brief_is_planned_then_the_planner_is_asked_and_a_refusal_is_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "project").mkdir()
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "base"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *words], cwd=tmp_path / "project", check=True)
    async with FakeProvider([Reply("this is no spec")]) as fake:
        server = f'[providers.anthropic]\ndialect = "anthropic"\nbase_url = "{fake.base_url}"\n'
        policy = POLICY.replace("[roles.planner]", server + "[roles.planner]")
        async with session(tmp_path, policy) as one:
            told = await answer(one, "plan", brief="# Numbers\n\n`pkg/a.py` adds one.\n")
        assert {received.model for received in fake.received} == {"claude-opus-4-6"}
        assert (told["exit_code"], told["error"]["code"][:5]) != (0, "")
        assert "adds one" in fake.received[0].text
