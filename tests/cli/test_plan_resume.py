"""Planning that was killed: begun again with the same brief it pays no recorded answer twice."""

import json
import os
import signal
import subprocess
import sys
import time

from workflow_case import Project, fenced, is_plan, plan

from masterplan.ledger import Ledger
from masterplan.providers.fake import Received, Reply
from masterplan.workflow.open import ledger_path


def _wait_for(count: int, project: Project) -> None:
    until = time.monotonic() + 20
    while project.servers[0].fake.executions < count:
        assert time.monotonic() < until, "the provider was not asked"
        time.sleep(0.02)


def test_plan_when_killed_and_begun_again_then_only_what_is_missing_is_asked(
    project: Project,
) -> None:
    asked: list[str] = []

    def script(received: Received) -> Reply:
        assert is_plan(received)
        asked.append(received.text)
        if len(asked) == 1:
            return Reply("no JSON")
        return Reply(fenced(json.dumps(plan())), delay_s=60 if len(asked) == 2 else 0)

    project.serve(script)
    words = ("plan", "brief.md", "--policy", str(project.policy))
    child = subprocess.Popen([sys.executable, "-m", "masterplan", *words], cwd=project.root)
    _wait_for(2, project)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    told = project.call("plan", "brief.md", "--json").json
    assert told["is_ready"]
    assert len(asked) == 3
    assert asked[2] == asked[1]
    with Ledger.open(ledger_path(os.environ), must_exist=True) as ledger:
        rows = ledger.attempts()
    assert {row.run for row in rows} == {told["run"]}
    assert [row.outcome for row in rows] == ["complete", "unknown", "complete"]
    again = project.call("plan", "brief.md", "--json").json
    assert again["run"] != told["run"]
    assert len(asked) == 4


def test_plan_when_no_answer_is_usable_then_the_next_one_asks_anew(project: Project) -> None:
    fake = project.serve(lambda _: Reply("no JSON"))
    first = project.call("plan", "brief.md", "--json")
    assert (first.code, first.json["error"]["code"]) == (8, "model.unusable_output")
    assert fake.executions == 3
    assert project.call("plan", "brief.md").code == 8
    assert fake.executions == 6
