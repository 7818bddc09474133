"""Specs that a person keeps where they like: checked, read, approved and found again."""

import json
import os
import re
from pathlib import Path

import pytest
from bad_input_case import written
from workflow_case import Project, plan, script

from masterplan.spec import ensure_approved, parse_spec


def by_hand(project: Project, name: str = "spec.json") -> Path:
    """Put a spec in the project that was written by hand: not sealed, not approved."""
    path = project.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(plan()))
    return path


@pytest.mark.parametrize("name", ["spec.json", "plans/numbers.json"])
def test_check_when_a_spec_was_written_by_hand_then_what_it_says_to_read_is_there(
    project: Project, name: str
) -> None:
    file = by_hand(project, name)
    text, before = file.read_text(), project.files()
    said = project.call("check", name)
    assert said.code == 0, said.err
    told = re.search(r"next: read (\S+), then `masterplan approve (\S+)`", said.out)
    assert told is not None
    assert Path(told[1]).read_text().startswith("# Spec `numbers`, revision 1")
    assert told[2] == name
    assert project.call("check", name, "--json").json["markdown"] == str(Path(told[1]).absolute())
    assert (project.files(), file.read_text()) == (before, text)


def test_check_when_its_path_was_named_before_then_it_is_found_as_the_newest(
    project: Project,
) -> None:
    project.serve(script())
    project.call("plan", "brief.md")
    file = by_hand(project, "plans/numbers.json")
    planned = project.call("check", "--json").json["spec"]
    assert planned != str(file)
    assert project.call("check", str(file)).code == 0
    assert project.call("check", "--json").json["spec"] == str(file)
    assert project.call("check", "--seal").code == 0
    assert project.call("approve", "--by", "Ada").code == 0
    ensure_approved(parse_spec(file.read_text()))
    assert sorted(path.name for path in file.parent.iterdir()) == ["numbers.json"]
    assert (
        "approved by Ada"
        in project.root.joinpath(".masterplan/specs/numbers-2/SPEC.md").read_text()
    )
    built = project.call("build", "--json")
    assert (built.code, built.json["status"]) == (0, "verified"), built.err
    # What was planned is still there under its id, and newest again once it is touched.
    assert project.call("check", "numbers", "--json").json["spec"] == planned
    os.utime(planned)
    assert project.call("check", "--json").json["spec"] == planned
    # A file that is gone is not looked for any more.
    file.unlink()
    assert project.call("check", "numbers-2", "--json").json["error"]["code"] == "spec.unknown"


def test_approve_when_a_file_of_the_users_has_the_name_then_it_is_left_alone(
    project: Project,
) -> None:
    written(lambda _: None)(project)
    mine = project.root / "SPEC.md"
    mine.write_text("# My own notes\n")
    assert project.call("approve", "spec.json").code == 0
    assert project.call("check", "spec.json").code == 0
    assert mine.read_text() == "# My own notes\n"


def test_check_when_asked_for_the_schema_then_printed_for_an_editor(project: Project) -> None:
    said = project.call("check", "--schema")
    assert said.code == 0
    assert said.json["properties"]["modules"]["items"] == {"$ref": "#/$defs/Module"}
    assert project.call("check", "--schema", "--json").json == said.json


def test_check_when_a_spec_names_no_commit_then_the_mend_it_tells_works(project: Project) -> None:
    file = by_hand(project)
    said = project.call("check", "spec.json")
    assert "[spec.unbound_base]" in said.out
    assert "`git rev-parse HEAD`" in said.out
    bound = json.loads(file.read_text()) | {
        "base": {"commit": project.git("rev-parse", "HEAD")[:40]}
    }
    file.write_text(json.dumps(bound))
    said = project.call("check", "spec.json", "--seal")
    assert (said.code, "unbound_base" in said.out) == (0, False)


def test_check_when_the_file_is_far_too_large_then_one_error_with_its_mend(
    project: Project,
) -> None:
    with (project.root / "spec.json").open("wb") as file:
        file.truncate(64_000_001)
    error = project.call("check", "spec.json", "--json").json["error"]
    assert (error["code"], error["where"]) == ("spec.too_large", "spec.json")
    assert "split it" in error["mend"]
