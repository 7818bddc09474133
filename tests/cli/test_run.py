"""The whole way: `run`, `apply` and `undo` on a brief, with a scripted provider over HTTP."""

import json
import re
from pathlib import Path

import pytest
from workflow_case import BRIEF, RIGHT, WRONG, Project, fenced, is_plan, plan, script

from masterplan.providers.fake import Received, Reply

TOOLKIT = Path(__file__).parents[2] / "examples" / "text-toolkit"


def toolkit(received: Received) -> Reply:
    """Plan and build the example as its reference does."""
    if is_plan(received):
        return Reply(fenced((TOOLKIT / "spec.json").read_text()))
    asked = re.search(
        r"Write the whole file `([^`]+)`|Write these files whole: (.+?\.py)\.", received.text
    )
    assert asked is not None
    paths = [asked[1]] if asked[1] else asked[2].split(", ")
    code = {path: (TOOLKIT / "solution" / path).read_text() for path in paths}
    return Reply("\n".join(f"FILE: {path}\n{fenced(text)}" for path, text in code.items()))


def test_run_when_the_example_is_built_then_applied_and_undone(project: Project) -> None:
    fake = project.serve(toolkit)
    (project.root / "brief.md").write_text((TOOLKIT / "brief.md").read_text())
    before = project.files()
    said = project.call("run", "brief.md", "--yes", "--trace")
    assert said.code == 0, said.err
    assert project.files() == before
    assert fake.executions == 4
    run = re.search(r"masterplan apply (\S+?)`", said.out)
    assert run is not None
    assert "report  verified  1" in said.out
    assert "by role: planner $" in said.out
    assert "cost per accepted module: $" in said.out
    assert "alone would be cheaper" in said.out
    assert "decision for build words: anthropic/claude-haiku-4-5" in said.err
    assert re.search(r"building · slug · try 1 of 3 · .*\(rung 1 of 3\) · \$\S+ so far", said.err)
    applied = project.call("apply", run[1], "--json").json
    assert "textkit/report.py" in applied["written"]
    assert project.files().keys() - before.keys() == set(applied["written"])
    assert project.call("apply").out.startswith(f"run {run[1]} is on your files already")
    undone = project.call("undo", "--json").json
    assert undone["undone"] == applied["apply"]
    assert project.files() == before


def test_run_when_no_git_then_built_from_nothing_and_applied_at_once(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.serve(script())
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "brief.md").write_text(BRIEF)
    monkeypatch.chdir(folder)
    told = project.call("run", "brief.md", "--yes", "--apply", "--json").json
    assert told["status"] == "verified"
    assert told["plan"]["is_ready"] is True
    assert told["plan"]["modules"][0]["model"] == "anthropic/claude-haiku-4-5"
    assert told["modules"]["a"]["checks"]
    assert told["apply"]["written"] == ["pkg/a.py", "tests/test_a.py"]
    assert (folder / "pkg" / "a.py").read_text() == RIGHT


def test_run_when_the_cheap_model_fails_then_the_next_rung_is_shown(project: Project) -> None:
    def reply(received: Received) -> Reply:
        if is_plan(received):
            return Reply(fenced(json.dumps(plan(max_tries=4))))
        return Reply(fenced(RIGHT if "gemini" in received.model else WRONG))

    project.serve(reply)
    said = project.call("run", "brief.md", "--yes")
    assert said.code == 0, said.err
    assert "escalating · a" in said.err
    assert re.search(r"a +verified +3 +google/gemini-3.1-pro +2 of 3", said.out)


def test_run_when_nobody_can_be_asked_then_refused_before_anything_is_spent(
    project: Project,
) -> None:
    fake = project.serve(script())
    for words in ((), ("--json",)):
        said = project.call("run", "brief.md", *words)
        assert said.code == 2
        assert "add --yes" in said.err
    assert fake.executions == 0


def test_run_when_planner_is_chosen_below_the_floor_then_only_with_a_reason(
    project: Project,
) -> None:
    project.serve(script())
    words = ("run", "brief.md", "--yes", "--planner", "haiku", "--json")
    refused = project.call(*words)
    assert refused.code == 3
    assert refused.json["error"]["code"] == "guard.floor"
    told = project.call(*words, "--override", "only a trial").json
    assert told["status"] == "verified"
    assert any("only a trial" in text for text in told["overrides"])
    assert told["plan"]["overrides"] == told["overrides"]


def test_run_when_without_a_cage_then_the_report_says_so(project: Project) -> None:
    project.serve(script())
    told = project.call("run", "brief.md", "--yes", "--no-sandbox", "--json").json
    assert (told["status"], told["cage"]) == ("verified", "none")
    assert any("--no-sandbox" in text for text in told["overrides"])
