"""`build` where only a person can mend it: it ends at once, says what to do, and goes on later."""

import json
import time

import pytest
from bad_input_case import one, second, written
from workflow_case import RIGHT, Project, fenced, script

from masterplan.core.usage import Usage
from masterplan.providers.fake import Received, Reply

BUILD = ("build", "spec.json")


def two_modules(data: dict[str, object]) -> None:
    """Add a module that nothing holds back, so that there is more to build than what failed."""
    second(files={"create": ["pkg/b.py"], "test": ["tests/test_b.py"]})(data)
    one(data)["max_tries"] = 2


def error_in(err: str) -> str:
    """Return what a command ended with, without its progress."""
    return err[err.index("error: ") :]


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
    error = error_in(said.err)
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


QUESTION = "Shall a negative number be added to too?"


def asking(received: Received) -> Reply:
    """Ask until a person has answered."""
    is_answered = "Yes, all numbers." in received.text
    return Reply(fenced(RIGHT) if is_answered else f"ASK: {QUESTION}\n")


def test_build_when_the_builder_asks_then_it_waits_and_the_answer_is_handed_on(
    project: Project,
) -> None:
    fake = project.serve(asking)
    written(lambda _: None)(project)
    waiting = project.call(*BUILD)
    assert waiting.code == 8
    assert QUESTION in waiting.err
    assert error_in(waiting.err).count('--answer "…"`') == 1
    # Without an answer nothing is asked or paid again, and the question is still there.
    again = project.call("build", "--resume", "--json").json
    assert (again["status"], again["modules"]["a"]["question"]) == ("waiting", QUESTION)
    assert '--answer "…"`' in again["next_step"]
    assert fake.executions == 1
    told = project.call(
        "build", "--resume", again["run"], "--answer", "Yes, all numbers.", "--json"
    )
    assert (told.code, told.json["status"]) == (0, "verified"), told.err
    assert QUESTION in fake.received[-1].text
    assert "mended" not in fake.received[-1].text
    assert fake.executions == 2
    # What was answered is not asked again in a later life.
    assert project.call("build", "--resume", again["run"]).code == 0
    assert fake.executions == 2


def test_build_when_two_modules_ask_then_each_answer_names_its_module(project: Project) -> None:
    def reply(received: Received) -> Reply:
        name = "b" if "# Module b" in received.text else "a"
        code = fenced(RIGHT.replace("def a", f"def {name}"))
        return Reply(code if f"It is {name}." in received.text else f"ASK: Which, in {name}?")

    project.serve(reply)
    test = "from pkg.b import b\n\n\ndef test_b() -> None:\n    assert b(1) == 2\n"
    check = [{"id": "b.shown", "run": "python -m pytest -q tests/test_b.py"}]
    written(second(test_files={"tests/test_b.py": test}, acceptance=check))(project)
    waiting = project.call(*BUILD, "--json").json
    assert [one["question"] for one in waiting["modules"].values()] == [
        "Which, in a?",
        "Which, in b?",
    ]
    unclear = project.call("build", "--resume", "--answer", "It is a.", "--json").json["error"]
    assert unclear["code"] == "answer.unclear"
    assert "Which, in b?" in str(unclear)
    words = ("--answer", "a: It is a.", "--answer", "b: It is b.")
    assert project.call("build", "--resume", *words, "--json").json["status"] == "verified"
    late = project.call("build", "--resume", waiting["run"], "--answer", "No.", "--json")
    assert late.json["error"]["code"] == "answer.no_question"


def test_build_when_an_answer_is_for_no_run_then_refused(project: Project) -> None:
    written(lambda _: None)(project)
    said = project.call(*BUILD, "--answer", "Yes.", "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "answer.no_run")


@pytest.mark.parametrize(("on_exceed", "status"), [("stop", "stopped"), ("ask", "waiting")])
def test_build_when_a_budget_is_used_up_then_stopped_or_asked_and_raised_it_goes_on(
    project: Project, on_exceed: str, status: str
) -> None:
    usage = Usage(input_tokens=1_000, output_tokens=2_000, source="reported")
    wrong = RIGHT.replace("+ 1", "+ 7")
    fake = project.serve(
        lambda received: Reply(fenced(wrong if len(fake.received) < 2 else RIGHT), usage=usage)
    )

    def short(data: dict[str, object]) -> None:
        data["budget"] = {"total": "$0.01", "per_module": "$0.01", "on_exceed": on_exceed}
        one(data)["budget"] = {"usd": "$0.01"}

    written(short)(project)
    ended = project.call(*BUILD, "--json").json
    assert (ended["status"], ended["modules"]["a"]["status"]) == (status, status)
    assert "raise budget" in ended["next_step"]
    assert f"`masterplan build SPEC --resume {ended['run']}`" in ended["next_step"]
    paid = fake.executions
    path = project.root / "spec.json"
    path.write_text(path.read_text().replace("$0.01", "$1"))
    assert project.call("check", "--seal", "spec.json").code == 0
    assert project.call("approve", "spec.json").code == 0
    told = project.call(*BUILD, "--resume", ended["run"], "--json")
    assert (told.code, told.json["status"]) == (0, "verified"), told.err
    assert fake.executions == paid + 1


def test_build_when_the_planner_is_needed_and_has_no_key_then_its_variable_is_named(
    project: Project,
) -> None:
    project.serve(lambda _: Reply("CANNOT: a.call says too little"), key="HOUSE_KEY")
    text = project.policy.read_text().replace('"haiku", "gemini", "opus"', '"gemini"')
    project.policy.write_text(text)
    written(lambda _: None)(project)
    said = project.call(*BUILD)
    assert said.code == 8
    assert "→ set HOUSE_KEY, then `masterplan build --resume " in error_in(said.err)
