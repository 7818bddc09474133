"""The ways in which input is bad: each puts a project into that state."""

import json
import shutil
from collections.abc import Callable

from workflow_case import POLICY, RIGHT, TEST, WRONG, Project, fenced, is_plan, plan, script

from masterplan.providers.fake import Received, Reply
from masterplan.spec import Spec, approve, dump_spec, seal

Setup = Callable[[Project], object]


def brief(text: str) -> Setup:
    return lambda project: (project.root / "brief.md").write_text(text)


def policy(old: str, new: str) -> Setup:
    def setup(project: Project) -> None:
        text = POLICY.format(url="http://127.0.0.1:9", key="")
        assert old in text
        project.policy.write_text(text.replace(old, new))

    return setup


def refusing_key(project: Project) -> None:
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
        check = [{"id": "b.shown", "run": "python -m unittest tests/test_b.py"}]
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


TESTS = f"FILE: tests/test_a.py\n{fenced('def test_a(): pass')}\nFILE: pkg/a.py\n{fenced(RIGHT)}"
OUTSIDE = f"FILE: ../evil.py\n{fenced(RIGHT)}\nFILE: pkg/a.py\n{fenced(RIGHT)}"
FOREIGN = f"FILE: README.md\n{fenced(RIGHT)}\nFILE: pkg/a.py\n{fenced(RIGHT)}"
