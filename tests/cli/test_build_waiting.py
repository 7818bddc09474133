"""`build` where only a person can mend it: it ends at once, says what to do, and goes on later."""

import json
import time

import pytest
from bad_input_case import one, second, written
from workflow_case import Project, script

from masterplan.providers.fake import Reply

BUILD = ("build", "spec.json")


def two_modules(data: dict[str, object]) -> None:
    """Add a module that nothing holds back, so that there is more to build than what failed."""
    second(files={"create": ["pkg/b.py"], "test": ["tests/test_b.py"]})(data)
    one(data)["max_tries"] = 2


def test_build_when_the_key_is_missing_then_one_error_at_once_that_names_the_variable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = project.serve(script(), key="HOUSE_KEY")
    written(two_modules)(project)
    monkeypatch.delenv("HOUSE_KEY", raising=False)
    begun = time.monotonic()
    said = project.call(*BUILD, "--parallel", "1")
    assert "waiting · a · " in said.err
    assert "failed · " not in said.err
    error = said.err[said.err.index("error: ") :]
    assert error.count("HOUSE_KEY") == error.count("there is no key for provider 'anthropic'") == 1
    assert "→ set HOUSE_KEY, then `masterplan build --resume " in error
    assert "no try is used up" not in said.err
    # Waits between calls would have taken 7 seconds beside the checks on the base.
    told = project.call("build", "--resume", "--parallel", "1", "--json")
    assert (said.code, told.code, told.json["status"]) == (8, 8, "waiting")
    assert time.monotonic() - begun < 20
    assert {name: one["status"] for name, one in told.json["modules"].items()} == {
        "a": "waiting",
        "b": "blocked",
    }
    assert told.json["error"]["mend"].startswith("set HOUSE_KEY, then `masterplan build --resume")
    assert fake.executions == 0
    monkeypatch.setenv("HOUSE_KEY", "a-key-a-key-a-key")
    resumed = project.call("build", "--resume", "--json")
    assert resumed.json["modules"]["a"]["status"] == "verified", resumed.err


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "authentication_error"), (403, "permission_error")]
)
def test_build_when_the_key_is_refused_then_asked_once_and_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, status: int, kind: str
) -> None:
    body = {"type": "error", "error": {"type": kind, "message": "not with this key"}}
    fake = project.serve(
        lambda _: Reply(status=status, body=json.dumps(body).encode()), key="HOUSE_KEY"
    )
    monkeypatch.setenv("HOUSE_KEY", "a-key-a-key-a-key")
    written(lambda _: None)(project)
    said = project.call(*BUILD)
    assert (said.code, len(fake.received)) == (8, 1)
    assert "not with this key" in said.err
    assert "→ check " in said.err
    assert ", then `masterplan build --resume " in said.err


def test_build_when_the_weights_are_not_there_then_the_command_that_pulls_them(
    project: Project,
) -> None:
    written(lambda _: None)(project)
    text = project.policy.read_text().replace('"haiku", "gemini"', '"embedded/qwen2.5-coder-1.5b"')
    project.policy.write_text(text)
    said = project.call(*BUILD)
    assert said.code == 8, said.err
    assert "masterplan models pull" in said.err
    assert "no try is used up" not in said.err
