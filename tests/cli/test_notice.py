"""What a policy will be regretted for is said where money is spent, not only by `doctor`."""

import pytest
from bad_input_case import written
from workflow_case import Project, script


@pytest.fixture
def premium(project: Project) -> Project:
    """A project whose policy builds everything on premium models."""
    project.serve(script())
    text = project.policy.read_text().replace('"haiku", "gemini", "opus"', '"opus"')
    project.policy.write_text(text)
    written(lambda _: None)(project)
    return project


ARGS = [("plan", "brief.md", "--allow-dirty"), ("build", "spec.json")]
ARGS += [("run", "brief.md", "--yes", "--allow-dirty")]


@pytest.mark.parametrize("args", ARGS, ids=[args[0] for args in ARGS])
def test_command_when_everything_is_premium_then_a_notice(
    premium: Project, args: tuple[str, ...]
) -> None:
    said = premium.call(*args)
    assert said.code == 0, said.err
    line = "notice: roles.builder.ladder: everything is built on premium models"
    assert said.err.count(line) == 1
    assert "notice: " not in said.out
    told = premium.call(*args, "--json").json
    (found,) = [one for one in told["notices"] if one["code"] == "lint.premium_everywhere"]
    assert found["where"] == "roles.builder.ladder"
    assert "first rung" in found["mend"]


def test_command_when_the_policy_is_good_then_no_notice(project: Project) -> None:
    project.serve(script())
    said = project.call("plan", "brief.md", "--json")
    assert said.json["notices"] == []
    assert "notice: " not in said.err
