"""Bad input: each gets one clear error with place and mend, and nothing is lost or half-applied."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_case import Said
from workflow_case import BRIEF, POLICY, RIGHT, TEST, WRONG, Project, fenced, is_plan, plan, script

from masterplan.ledger import Ledger
from masterplan.providers.fake import Received, Reply
from masterplan.spec import Spec, approve, dump_spec, seal
from masterplan.workflow.open import ledger_path

ERROR = re.compile(r"error: |\d+ mistakes:")
RUN = ("run", "brief.md", "--yes")
Setup = Callable[[Project], object]


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


def brief(text: str) -> Setup:
    return lambda project: (project.root / "brief.md").write_text(text)


def policy(old: str, new: str) -> Setup:
    def setup(project: Project) -> None:
        text = POLICY.format(url="http://127.0.0.1:9", key="")
        assert old in text
        project.policy.write_text(text.replace(old, new))

    return setup


def answering(reply: Reply) -> Setup:
    return lambda project: project.serve(lambda _: reply)


def refusing_key(project: Project) -> None:
    os.environ["HOUSE_KEY"] = "wrong-key-wrong-key"
    error = {"type": "error", "error": {"type": "authentication_error", "message": "bad key"}}
    project.serve(lambda _: Reply(status=401, body=json.dumps(error).encode()), key="HOUSE_KEY")


def spent_quota(project: Project) -> None:
    error = {"type": "error", "error": {"type": "billing_error", "message": "no credit left"}}
    project.serve(lambda _: Reply(status=402, body=json.dumps(error).encode()))


def written(change: Callable[[dict[str, object]], object], *, sealed: bool = True) -> Setup:
    """Put a spec in place whose data was changed."""

    def setup(project: Project) -> None:
        data = plan()
        change(data)
        text = json.dumps(data)
        if sealed:
            made = seal(Spec.model_validate(data))
            text = dump_spec(approve(made, "a person", "2026-03-01T00:00:00Z"))
        (project.root / "spec.json").write_text(text)

    return setup


def one(data: dict[str, object]) -> dict[str, object]:
    modules = data["modules"]
    assert isinstance(modules, list)
    found = modules[0]
    assert isinstance(found, dict)
    return found


def second(**changes: object) -> Callable[[dict[str, object]], object]:
    """Return a change that adds a second module."""

    def change(data: dict[str, object]) -> None:
        modules = data["modules"]
        assert isinstance(modules, list)
        files = {"create": ["pkg/b.py"], "test": ["tests/test_b.py"]}
        check = [{"id": "b.shown", "run": "python -m pytest -q tests/test_b.py"}]
        modules.append(
            {
                "id": "b",
                "responsibility": "Give b.",
                "requirements": ["r1"],
                "files": files,
                "test_files": {"tests/test_b.py": TEST},
                "acceptance": check,
                **changes,
            }
        )

    return change


def cyclic(data: dict[str, object]) -> None:
    second(depends_on=["a"])(data)
    one(data)["depends_on"] = ["b"]


def two_owners(data: dict[str, object]) -> None:
    files = {"create": ["pkg/a.py"], "test": ["tests/test_b.py"]}
    second(files=files)(data)


def path(text: str) -> Setup:
    def change(data: dict[str, object]) -> None:
        one(data)["files"] = {"create": [text, "pkg/a.py"], "test": ["tests/test_a.py"]}

    return written(change, sealed=False)


def truncated(project: Project) -> None:
    written(lambda _: None)(project)
    whole = (project.root / "spec.json").read_text()
    (project.root / "spec.json").write_text(whole[: len(whole) // 2])


def unapproved(project: Project) -> None:
    made = seal(Spec.model_validate(plan()))
    (project.root / "spec.json").write_text(dump_spec(made))


def edited(project: Project) -> None:
    written(lambda _: None)(project)
    text = (project.root / "spec.json").read_text()
    (project.root / "spec.json").write_text(text.replace("Give a.", "Give something else."))


def symlink(project: Project) -> None:
    outside = project.root.parent / "outside"
    outside.mkdir()
    (project.root / "pkg").symlink_to(outside)
    project.git("add", "pkg")
    project.git("commit", "-qm", "Link")
    project.serve(script())


def dirty(project: Project) -> None:
    (project.root / "README.md").write_text("Changed.\n")


def gitless(project: Project) -> None:
    shutil.rmtree(project.root / ".git")


def detached(project: Project) -> None:
    project.git("checkout", "-q", "--detach")


def unborn(project: Project) -> None:
    shutil.rmtree(project.root / ".git")
    project.git("init", "-q")


def never(project: Project) -> None:
    project.serve(script(WRONG, max_tries=3))


def building(answer: str) -> Setup:
    return lambda project: project.serve(script_of(answer))


def script_of(answer: str) -> Callable[[Received], Reply]:
    def reply(received: Received) -> Reply:
        if is_plan(received):
            return Reply(fenced(json.dumps(plan(max_tries=2))))
        return Reply(answer)

    return reply


BUILD = ("build", "spec.json")
CHECK = ("check", "spec.json")
TESTS = f"FILE: tests/test_a.py\n{fenced('def test_a(): pass')}\nFILE: pkg/a.py\n{fenced(RIGHT)}"
OUTSIDE = f"FILE: ../evil.py\n{fenced(RIGHT)}\nFILE: pkg/a.py\n{fenced(RIGHT)}"
FOREIGN = f"FILE: README.md\n{fenced(RIGHT)}\nFILE: pkg/a.py\n{fenced(RIGHT)}"

ROWS = [
    Row("brief missing", brief(BRIEF), ("run", "no.md", "--yes"), 2, "brief.unreadable", "no.md", "name a text file"),
    Row("brief empty", brief(" \n\t"), RUN, 2, "brief.empty", "brief.md", "write what should exist"),
    Row("policy key", policy("[budgets]", "[budget]"), RUN, 2, "policy.", "masterplan.toml:", "budgets"),
    Row("policy model", policy("anthropic/claude-opus-4-6", "acme/claude"), RUN, 2, "policy.", "masterplan.toml:", ""),
    Row("policy cycle", policy('"google/gemini-3.1-pro"', '"haiku"\nx = "y"\ny = "x"'), RUN, 2, "policy.", "masterplan.toml:", ""),
    Row("ladder cycle", policy('"haiku", "gemini", "opus"', '"haiku", "gemini", "haiku"'), RUN, 2, "policy.", "masterplan.toml:", ""),
    Row("key refused", refusing_key, RUN, 4, "provider.", "", "HOUSE_KEY"),
    Row("quota spent", spent_quota, RUN, 4, "provider.", "", ""),
    Row("provider down", lambda _: None, RUN, 4, "provider.", "", ""),
    Row("spec truncated", truncated, BUILD, 3, "spec.truncated", "line 91", "write the whole"),
    Row("spec cyclic", written(cyclic, sealed=False), CHECK, 3, "spec.cycle", "spec.json: modules", "depends_on"),
    Row("spec two owners", written(two_owners), BUILD, 3, "spec.", "spec.json: modules", ""),
    Row("path up", path("../evil.py"), CHECK, 3, "path.", "modules[0].files.create[0]", ""),
    Row("path absolute", path("/etc/evil"), CHECK, 3, "path.", "modules[0].files.create[0]", ""),
    Row("path git", path(".git/hooks/post-commit"), CHECK, 3, "path.", "modules[0].files.create[0]", ""),
    Row("path symlink", symlink, RUN, 2, "write.escapes", "pkg/", ""),
    Row("spec unapproved", unapproved, BUILD, 3, "spec.unapproved", "spec.json", "masterplan approve spec.json"),
    Row("spec edited", edited, BUILD, 3, "spec.edited", "spec.json", "masterplan check --seal spec.json"),
    Row("edited approve", edited, ("approve", "spec.json"), 3, "spec.edited", "spec.json", "masterplan check --seal spec.json"),
    Row("dirty", dirty, RUN, 2, "workspace.dirty", "README.md", "--allow-dirty"),
    Row("no git", gitless, RUN, 2, "workspace.no_git", "README.md", "git init"),
    Row("no commit", unborn, RUN, 2, "workspace.no_commit", "", "git commit"),
    Row("detached", detached, RUN, 2, "workspace.detached", "", "git switch -c"),
    Row("never converges", never, RUN, 8, "build.failed", "", "masterplan build --resume"),
    Row("edits tests", building(TESTS), RUN, 8, "build.failed", "frozen test", "masterplan build --resume"),
    Row("writes outside", building(OUTSIDE), RUN, 8, "build.failed", "../evil.py", "masterplan build --resume"),
    Row("writes foreign", building(FOREIGN), RUN, 8, "build.failed", "README.md", "masterplan build --resume"),
    Row("unknown run", lambda _: None, ("apply", "nope"), 2, "run.unknown", "nope", "masterplan"),
    Row("unknown spec", lambda _: None, ("build", "nope"), 2, "spec.unknown", "nope", "masterplan plan"),
    Row("unknown builder", unapproved, ("check", "spec.json", "--builder", "x"), 2, "cli.usage", "", ""),
    Row("nothing to undo", lambda _: None, ("undo",), 2, "undo.nothing", "", "masterplan apply"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.name.replace(" ", "-") for row in ROWS])
def test_bad_input_when_given_then_one_clear_error_and_nothing_changed(
    project: Project, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOUSE_KEY", raising=False)
    row.setup(project)
    before, status = project.files(), git_state(project)
    said = project.call(*row.args)
    assert said.code == row.exit_code, said
    assert_clear(said, row)
    again = project.call(*row.args, "--json")
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
    assert "wrong-key-wrong-key" not in whole
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


needs_mount = pytest.mark.skipif(
    subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    != 0
    if shutil.which("unshare")
    else True,
    reason="needs a mount namespace for a small disk",
)


def on_full_disk(place: Path, room: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a disk of that size at ``place``, seen by it alone, filled to ``room``."""
    copy = f"cp -a {place}/. $keep/ && mount -t tmpfs -o size={room} none {place} && "
    back = f"cp -a $keep/. {place}/ && cd {Path.cwd()} && "
    fill = f"dd if=/dev/zero of={place}/.fill bs=1k 2>/dev/null; "
    words = " ".join(f"'{word}'" for word in (sys.executable, "-m", "masterplan", *args))
    body = f"keep=$(mktemp -d) && {copy}{back}{fill}exec {words}"
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", body], capture_output=True, text=True, check=False
    )


@needs_mount
@pytest.mark.parametrize("which", ["state", "project"])
def test_disk_when_full_then_said_before_anything_is_spent(project: Project, which: str) -> None:
    fake = project.serve(script())
    state = ledger_path(os.environ).parent
    state.mkdir(parents=True, exist_ok=True)
    before = project.files()
    place = {"state": state, "project": project.root}[which]
    told = on_full_disk(place, "256k", *RUN, "--policy", str(project.policy))
    assert told.returncode in (2, 6), told
    assert "Traceback" not in told.stderr
    assert "internal error" not in told.stderr
    assert sum(line.startswith("error:") for line in told.stderr.splitlines()) == 1
    assert "→" in told.stderr
    assert fake.executions == 0
    assert project.files() == before
    assert project.call(*RUN).code == 0
