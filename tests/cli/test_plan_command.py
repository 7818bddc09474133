"""`plan`, `check` and `approve`: what is written, said, bound and refused."""

import json
from pathlib import Path

import pytest
from workflow_case import Project, fenced, is_plan, plan, script

from masterplan.providers.fake import Received, Reply
from masterplan.spec import digest, ensure_approved, parse_spec


def test_plan_when_ready_then_written_unapproved_with_cost_and_break_even(
    project: Project,
) -> None:
    fake = project.serve(script())
    before = project.files()
    told = project.call("plan", "brief.md", "--json")
    assert told.code == 0, told.err
    plan_ = told.json
    spec = parse_spec(project.spec_file().read_text())
    assert (plan_["digest"], plan_["is_approved"]) == (digest(spec), False)
    assert spec.approval is None
    assert Path(plan_["markdown"]).read_text().startswith("# Spec")
    assert plan_["is_ready"] is True
    assert plan_["not_checked"] == []
    assert plan_["modules"][0]["rung"] == "1 of 3"
    alone = plan_["cost"]["alone"]
    assert set(alone) == {
        "anthropic/claude-opus-4-6",
        "anthropic/claude-haiku-4-5",
        "google/gemini-3.1-pro",
    }
    spent = plan_["cost"]["spent"]["reported_nano"]
    assert spent > 0
    for sums in alone.values():
        assert sums["planned_nano"] == plan_["cost"]["planned_nano"] > spent
        assert sums["difference_nano"] == sums["alone_nano"] - sums["planned_nano"]
    assert fake.executions == 1
    assert project.files() == before
    shown = project.call("plan", "brief.md", "--out", "plans")
    assert "one model alone would be cheaper by $" in shown.out
    assert "next: read plans/SPEC.md, then `masterplan approve plans/spec.json`" in shown.out
    assert parse_spec(Path("plans/spec.json").read_text()).digest == spec.digest


def test_plan_when_the_gate_refuses_then_written_and_every_problem_said(project: Project) -> None:
    questions = [{"id": "q1", "text": "Which numbers?", "waived_by": "the planner"}]

    def reply(received: Received) -> Reply:
        return Reply(fenced(json.dumps(plan() | {"questions": questions, "non_goals": []})))

    fake = project.serve(reply)
    said = project.call("plan", "brief.md")
    assert said.code == 3
    assert "Which numbers?" in said.err
    assert "masterplan check --seal .masterplan/specs/numbers/spec.json" in said.out
    assert parse_spec(project.spec_file().read_text()).approval is None
    # It was returned to the planner twice, with what is wrong.
    assert fake.executions == 3
    assert "Which numbers?" in fake.received[-1].text
    told = project.call("check", "numbers", "--json")
    assert told.code == 3
    assert told.json["error"]["problems"] == told.json["problems"]
    assert fake.executions == 3


def test_plan_when_made_again_then_the_first_is_kept(project: Project) -> None:
    project.serve(script())
    first = project.call("plan", "brief.md", "--json").json["spec"]
    second = project.call("plan", "brief.md", "--json").json["spec"]
    assert first != second
    assert Path(first).read_text() == Path(second).read_text()
    assert project.call("check", "--json").json["spec"] == second


def test_check_when_commands_run_on_the_base_then_green_too_early_is_refused(
    project: Project,
) -> None:
    fake = project.serve(script())
    green = [{"id": "a.shown", "run": "python -c 'print(1)'"}]
    data = plan(acceptance=green, held_out_files={})
    Path("spec.json").write_text(json.dumps(data))
    told = project.call("check", "spec.json", "--json").json
    assert any("a.shown" in problem["message"] for problem in told["problems"])
    assert fake.executions == 0


def test_check_when_edits_are_sealed_then_they_can_be_approved(project: Project) -> None:
    project.serve(script())
    project.call("plan", "brief.md")
    file = project.spec_file()
    project.call("approve")
    file.write_text(file.read_text().replace("Give a.", "Give a number."))
    refused = project.call("approve", "--json").json["error"]
    assert refused["code"] == "spec.edited"
    assert project.call("build").code == 3
    assert project.call("check", "--seal").code == 0
    approved = project.call("approve", "--by", "Ada", "--json").json
    spec = parse_spec(file.read_text())
    ensure_approved(spec)
    assert (approved["by"], approved["digest"]) == ("Ada", digest(spec))
    assert "approved by Ada" in file.with_name("SPEC.md").read_text()


def test_approve_when_it_names_nobody_or_nothing_then_refused(project: Project) -> None:
    assert project.call("approve", "--by", " ", "--json").json["error"]["code"] == "approve.nobody"
    assert project.call("approve", "--json").json["error"]["code"] == "spec.none"


@pytest.mark.parametrize("place", ["brief.md", "notes/brief.md"])
def test_plan_when_only_the_brief_is_uncommitted_then_not_dirty(
    project: Project, place: str
) -> None:
    project.serve(script())
    Path(place).parent.mkdir(exist_ok=True)
    Path("brief.md").rename(place)
    told = project.call("plan", place, "--json").json
    assert not [w for w in told["warnings"] if w["code"] == "spec.dirty_base"]


def test_plan_when_what_is_uncommitted_is_left_out_then_the_spec_says_so(project: Project) -> None:
    project.serve(script())
    Path("notes.txt").write_text("Mine.\n")
    assert project.call("plan", "brief.md").code == 2
    told = project.call("plan", "brief.md", "--allow-dirty", "--json").json
    assert [w for w in told["warnings"] if w["code"] == "spec.dirty_base"]


def test_plan_when_asked_then_the_planner_sees_the_brief_and_the_repository(
    project: Project,
) -> None:
    fake = project.serve(script())
    project.call("plan", "brief.md")
    assert is_plan(fake.received[0])
    assert "adds one" in fake.received[0].text
    assert "README.md" in fake.received[0].text
