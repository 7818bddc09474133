"""``masterplan agents sync``: files from the policy, and a person's edits that stay."""

import ast
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from agent_case import POLICY

from masterplan.cli.door import call

TEAM = {"planner", "researcher", "builder", "frontend-builder", "debugger", "reviewer"}


class Project:
    """An empty repository and a home, with a policy."""

    def __init__(self, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.root, self._capfd = root, capfd
        self.policy(POLICY)

    def policy(self, text: str) -> None:
        self.root.joinpath("policy.toml").write_text(text)

    def sync(self, *args: str, agent: str = "claude") -> tuple[int, Any]:
        """Run the command and return its exit code and its document."""
        self._capfd.readouterr()
        words = ("agents", "sync", "--policy", "policy.toml", "--agent", agent, "--json")
        code = call((*words, *args))
        return code, json.loads(self._capfd.readouterr().out)

    def states(self, *args: str, agent: str = "claude") -> set[str]:
        return {file["state"] for file in self.sync(*args, agent=agent)[1]["files"]}


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Project:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Project(root, capfd)


def head(path: Path) -> dict[str, Any]:
    """Return the YAML head of a file; its values are JSON."""
    _, lines, _ = path.read_text().split("---\n", 2)
    pairs = (line.split(": ", 1) for line in lines.splitlines() if not line.startswith("#"))
    return {key: json.loads(value) for key, value in pairs}


def test_sync_when_claude_then_the_team_with_models_tools_and_a_handoff_rule(
    project: Project,
) -> None:
    code, told = project.sync()
    folder = project.root / ".claude/agents"
    assert code == 0
    assert {path.stem for path in folder.iterdir()} == TEAM
    assert {one["state"] for one in told["files"]} == {"absent"}
    planner, builder = head(folder / "planner.md"), head(folder / "builder.md")
    assert planner["model"] == "masterplan/planner"
    assert "Write" not in planner["tools"]
    assert "Write" in builder["tools"]
    assert head(folder / "frontend-builder.md")["model"] == "masterplan/frontend"
    for path in folder.iterdir():
        text = path.read_text()
        assert all(word in text for word in ("**Goal**", "**Contracts**", "**Next step**"))
    assert "masterplan plan" in (project.root / ".claude/commands/masterplan.md").read_text()


def test_sync_when_run_again_then_current_and_not_written(project: Project) -> None:
    project.sync()
    path = project.root / ".claude/agents/builder.md"
    before = path.stat().st_mtime_ns
    assert project.states() == {"current"}
    assert path.stat().st_mtime_ns == before


def test_sync_when_the_policy_changes_then_renewed_and_check_notices(project: Project) -> None:
    project.sync()
    assert project.sync("--check")[0] == 0
    project.policy(POLICY.replace('"haiku", "gemini", "opus"', '"gemini", "opus"'))
    code, told = project.sync("--check")
    assert (code, told["is_current"]) == (1, False)
    before = (project.root / ".claude/agents/builder.md").read_text()
    assert "haiku" in before
    assert "outdated" in project.states()
    assert "haiku" not in (project.root / ".claude/agents/builder.md").read_text()
    assert project.sync("--check")[0] == 0


def test_sync_when_a_person_edits_then_left_alone_and_told(project: Project) -> None:
    project.sync()
    path = project.root / ".claude/agents/builder.md"
    edited = path.read_text().replace("You build one module", "You build two modules")
    path.write_text(edited)
    project.policy(POLICY.replace('"haiku", "gemini", "opus"', '"gemini", "opus"'))
    code, told = project.sync()
    assert code == 0
    assert {f["state"] for f in told["files"] if f["path"] == str(path)} == {"edited"}
    assert path.read_text() == edited


def test_sync_when_a_file_is_a_persons_own_then_left_alone(project: Project) -> None:
    path = project.root / ".claude/agents/reviewer.md"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert "foreign" in project.states()
    assert path.read_text() == "mine"


def test_sync_when_check_then_nothing_is_written(project: Project) -> None:
    assert project.sync("--check")[0] == 1
    assert not (project.root / ".claude").exists()


@pytest.mark.parametrize("link", [".claude", ".claude/agents"])
def test_sync_when_a_folder_is_a_link_out_of_the_project_then_refused(
    link: str, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = project.root / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(tmp_path / "elsewhere")
    code, told = project.sync()
    assert (code, told["error"]["code"]) == (2, "agents.file")
    assert not list((tmp_path / "elsewhere").rglob("*"))


def test_sync_when_codex_then_toml_with_model_and_sandbox(project: Project) -> None:
    project.sync(agent="codex")
    folder = project.root / ".codex/agents"
    read = {path.stem: tomllib.loads(path.read_text()) for path in folder.iterdir()}
    assert set(read) == TEAM
    assert read["reviewer"]["sandbox_mode"] == "read-only"
    assert read["builder"]["model"] == "masterplan/builder"
    assert "**Next step**" in read["debugger"]["developer_instructions"]


def test_sync_when_gemini_then_the_user_scope_is_advised_for_headless_use(
    project: Project, tmp_path: Path
) -> None:
    _, told = project.sync(agent="gemini")
    assert any("--user" in note for note in told["notes"])
    project.sync("--user", agent="gemini")
    found = head(tmp_path / "home/.gemini/agents/planner.md")
    assert (found["kind"], found["model"]) == ("local", "masterplan/planner")
    assert "write_file" not in found["tools"]


def test_sync_when_opencode_then_sub_agents_that_may_or_may_not_edit(project: Project) -> None:
    project.sync(agent="opencode")
    found = head(project.root / ".opencode/agent/researcher.md")
    assert (found["mode"], found["permission"]) == ("subagent", {"edit": "deny"})
    assert "permission" not in head(project.root / ".opencode/agent/builder.md")


def test_sync_when_antigravity_then_a_module_and_the_ides_workflow(project: Project) -> None:
    _, told = project.sync(agent="antigravity")
    tree = ast.parse((project.root / "masterplan_subagents.py").read_text())
    models = {
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "model" and isinstance(keyword.value, ast.Constant)
    }
    assert "masterplan/frontend" in models
    assert (project.root / ".agents/workflows/masterplan.md").exists()
    assert any("IDE" in note for note in told["notes"])


@pytest.mark.parametrize("agent", ["aider", "pi"])
def test_sync_when_an_agent_has_no_sub_agents_then_said(agent: str, project: Project) -> None:
    code, told = project.sync(agent=agent)
    assert (code, told["files"]) == (0, [])
    assert "no sub-agents" in told["notes"][0]


def test_sync_when_no_agent_is_installed_then_how_to_name_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert call(("agents", "sync", "--policy", "policy.toml")) == 2
    assert "--agent" in capfd.readouterr().err
