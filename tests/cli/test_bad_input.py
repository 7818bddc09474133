"""Bad input: each gets one clear error with place and mend, and nothing is lost or half-applied."""

import json
import os
import re
import subprocess
from dataclasses import dataclass

import pytest
from bad_input_case import (
    FOREIGN,
    OUTSIDE,
    TESTS,
    Setup,
    brief,
    building,
    cyclic,
    detached,
    dirty,
    edited,
    gitless,
    never,
    path,
    policy,
    refusing_key,
    spent_quota,
    symlink,
    truncated,
    two_owners,
    unapproved,
    unborn,
    written,
)
from cli_case import Said
from workflow_case import Project, is_plan, script

from masterplan.ledger import Ledger
from masterplan.providers.fake import Received, Reply
from masterplan.workflow.open import ledger_path

ERROR = re.compile(r"error: |\d+ mistakes:")
KEY = "wrong-key-wrong-key"
RUN, BUILD = ("run", "brief.md", "--yes"), ("build", "spec.json")
CHECK, APPROVE = ("check", "spec.json"), ("approve", "spec.json")
ANEW, TOML, FILE = "new run by `masterplan build ", "masterplan.toml:", "modules[0].files.create[0]"
SEAL = "masterplan check --seal spec.json"


@dataclass(frozen=True)
class Row:
    """One bad input: how it comes about, the command, and what must be said about it."""

    name: str
    setup: Setup
    args: tuple[str, ...]
    exit_code: int
    code: str
    place: str
    mend: str


def nothing(project: Project) -> None:
    """Leave a project as it is."""


MODEL = policy("anthropic/claude-opus-4-6", "acme/claude")
ALIASES = policy('"google/gemini-3.1-pro"', '"haiku"\nx = "y"\ny = "x"')
LADDER = policy('"haiku", "gemini", "opus"', '"haiku", "gemini", "haiku"')
ROWS = [
    Row("brief missing", nothing, ("run", "no.md", "--yes"), 2, "brief.unreadable", "no.md", ""),
    Row("brief empty", brief(" \n\t"), RUN, 2, "brief.empty", "brief.md", "write what should"),
    Row("policy key", policy("[budgets]", "[budget]"), RUN, 2, "policy.", TOML, "budgets"),
    Row("policy model", MODEL, RUN, 2, "policy.", TOML, "models list"),
    Row("policy cycle", ALIASES, RUN, 2, "policy.", TOML, ""),
    Row("ladder cycle", LADDER, RUN, 2, "policy.", TOML, ""),
    Row("key refused", refusing_key, RUN, 4, "provider.key_refused", "anthropic", "HOUSE_KEY"),
    Row("quota spent", spent_quota, RUN, 4, "provider.", "anthropic", ""),
    Row("provider down", nothing, RUN, 4, "provider.", "anthropic", "check that the server runs"),
    Row("spec truncated", truncated, BUILD, 3, "spec.truncated", "at line", "write the whole"),
    Row("spec cyclic", written(cyclic, sealed=False), CHECK, 3, "spec.cycle", "modules", "depends"),
    Row("spec two owners", written(two_owners), BUILD, 3, "spec.", "spec.json: modules", ""),
    Row("path up", path("../evil.py"), CHECK, 3, "path.", FILE, ""),
    Row("path absolute", path("/etc/evil"), CHECK, 3, "path.", FILE, ""),
    Row("path git", path(".git/hooks/post-commit"), CHECK, 3, "path.", FILE, ""),
    Row("path symlink", symlink, RUN, 2, "write.escapes", "pkg/", "write only"),
    Row("spec unapproved", unapproved, BUILD, 3, "spec.unapproved", "spec.json", "approve"),
    Row("spec edited", edited, BUILD, 3, "spec.edited", "spec.json", SEAL),
    Row("edited approve", edited, APPROVE, 3, "spec.edited", "spec.json", SEAL),
    Row("dirty", dirty, RUN, 2, "workspace.dirty", "README.md", "--allow-dirty"),
    Row("no git", gitless, RUN, 2, "workspace.no_git", "README.md", "git init"),
    Row("no commit", unborn, RUN, 2, "workspace.no_commit", "project", "git commit"),
    Row("detached", detached, RUN, 2, "workspace.detached", "project", "git switch -c"),
    Row("never converges", never, RUN, 8, "build.failed", "a.shown", ANEW),
    Row("edits tests", building(TESTS), RUN, 8, "build.failed", "frozen test", ANEW),
    Row("writes outside", building(OUTSIDE), RUN, 8, "build.failed", "../evil.py", ANEW),
    Row("writes foreign", building(FOREIGN), RUN, 8, "build.failed", "README.md", ANEW),
    Row("unknown run", nothing, ("apply", "nope"), 2, "run.unknown", "nope", "masterplan"),
    Row("unknown spec", nothing, ("build", "nope"), 2, "spec.unknown", "nope", "masterplan plan"),
    Row("unknown option", unapproved, (*CHECK, "--builder"), 2, "cli.usage", "--builder", "--help"),
    Row("unknown builder", written(lambda _: None), (*BUILD, "--builder", "x"), 2,
        "build.no_builder", "--builder", "direct"),
    Row("nothing to undo", nothing, ("undo",), 2, "undo.nothing", "project", "masterplan apply"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.name.replace(" ", "-") for row in ROWS])
def test_bad_input_when_given_then_one_clear_error_and_nothing_changed(
    project: Project, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSE_KEY", KEY)
    row.setup(project)
    before, status = project.files(), git_state(project)
    said = project.call(*row.args)
    assert said.code == row.exit_code, said
    assert_clear(said, row)
    # A run that failed is told again from what is recorded; anything else is asked anew.
    words = ("build", "--resume") if row.exit_code == 8 else row.args
    again = project.call(*words, "--json")
    error = again.json["error"]
    assert again.code == row.exit_code
    assert error["code"].startswith(row.code)
    told = json.dumps(error)
    assert row.place in told
    assert row.mend in told
    assert project.files() == before
    assert git_state(project) == status
    assert not (project.root.parent / "evil.py").exists()
    if ledger_path(os.environ).exists():
        with Ledger.open(ledger_path(os.environ)) as ledger:
            assert ledger.verify() == []
            assert not [attempt for attempt in ledger.attempts() if attempt.is_open]


def assert_clear(said: Said, row: Row) -> None:
    """One error, with its place and its mend; never a traceback."""
    whole = said.out + said.err
    assert "Traceback" not in whole
    assert "internal error" not in whole
    assert KEY not in whole
    heads = [line for line in said.err.splitlines() if ERROR.match(line)]
    assert len(heads) == 1, said.err
    assert row.place in said.err, said.err
    assert row.mend in said.err, said.err
    assert "→" in said.err


def git_state(project: Project) -> str:
    """Return branch, commits, index and stash."""
    if not (project.root / ".git" / "HEAD").exists():
        return ""
    try:
        return project.git("log", "--all", "--format=%H %D") + project.git("diff", "--cached")
    except subprocess.CalledProcessError:
        return "no commit"


def test_key_when_refused_in_the_build_then_it_waits_and_a_resume_pays_nothing_twice(
    project: Project,
) -> None:
    is_refused = [True]

    def reply(received: Received) -> Reply:
        if not is_plan(received) and is_refused[0]:
            return Reply(status=401)
        return script()(received)

    fake = project.serve(reply)
    said = project.call(*RUN)
    assert said.code == 8
    assert "[build.waiting]" in said.err
    is_refused[0] = False
    told = project.call("build", "--resume", "--json")
    assert (told.code, told.json["status"]) == (0, "verified")
    assert fake.executions == 2
    assert told.json["spend"]["by_role"].keys() == {"planner", "builder"}
