"""An apply happens wholly or not at all, whatever kills it, and can be taken back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gitfixture import git, make_repository, memory_folder, snapshot

from masterplan.core.errors import WorkspaceError
from masterplan.workflow.workspace.apply import Applied, apply, list_applied, recover, undo
from masterplan.workflow.workspace.worktree import Repo, RunTree
from masterplan.workflow.workspace.write import write_beneath

COUNT = 50


@pytest.fixture
def repository() -> Iterator[Path]:
    with memory_folder() as folder:
        yield make_repository(folder / "user")


def build(repo: Repo, files: dict[str, bytes | None], run_id: str = "r1") -> str:
    run = RunTree.create(repo, run_id, repo.base_commit)
    tree = run.module_tree("m1", run.head)
    write_beneath(tree, files, frozenset(files))
    commit = run.merge([run.commit_files(tree, list(files), "m1")])
    run.close()
    return commit


def fifty(root: Path) -> dict[str, bytes | None]:
    """Commit files and return a change of fifty: some edited, some deleted, some new."""
    for i in range(COUNT):
        if i % 3:
            path = root / f"d{i % 7}" / f"f{i}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"old {i}\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "many")
    return {
        f"d{i % 7}/f{i}.txt" if i % 3 else f"new{i % 7}/f{i}.txt": None
        if i % 3 == 1
        else f"new {i}\n".encode()
        for i in range(COUNT)
    }


def in_child(work: Callable[[], object]) -> int:
    """Run something in a forked process and return its wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def killed_at(number: int) -> Callable[[str], None]:
    """Return a listener to steps that kills the process at one of them."""
    steps = iter(range(1_000))

    def on_step(_: str) -> None:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_step


def kill_within(delay_s: float, work: Callable[[], object]) -> None:
    """Run something in a forked process and kill that after a while."""

    def timed() -> None:
        signal.setitimer(signal.ITIMER_REAL, delay_s)  # its alarm ends the process
        work()

    in_child(timed)


def test_apply_when_killed_at_any_step_then_next_command_rolls_back(repository: Path) -> None:
    files = fifty(repository)
    repo = Repo.open(repository)
    before, commit = snapshot(repository), build(repo, files)
    for number in range(0, COUNT + 1, 5):
        status = in_child(
            lambda n=number: apply(repo, commit, repo.base_commit, on_step=killed_at(n))  # type: ignore[misc]
        )
        assert os.WTERMSIG(status) == signal.SIGKILL
        (recovered,) = recover(repo)
        assert recovered.kept == ()
        assert snapshot(repository) == before
        assert recover(repo) == ()
        assert list_applied(repo) == ()
    applied = apply(repo, commit, repo.base_commit)
    assert len(applied.written) + len(applied.deleted) == COUNT


def test_undo_when_killed_at_any_step_then_next_command_completes_it(repository: Path) -> None:
    files = fifty(repository)
    repo = Repo.open(repository)
    before, commit = snapshot(repository), build(repo, files)
    for number in range(0, COUNT + 1, 17):
        applied = apply(repo, commit, repo.base_commit)
        status = in_child(lambda n=number, name=applied.id: undo(repo, name, on_step=killed_at(n)))  # type: ignore[misc]
        assert os.WTERMSIG(status) == signal.SIGKILL
        recover(repo)
        assert snapshot(repository) == before


@pytest.mark.parametrize("seed", range(4))
def test_apply_when_killed_at_any_time_then_recovering_survives_a_kill_too(
    repository: Path, seed: int
) -> None:
    chance = random.Random(seed)
    files = fifty(repository)
    repo = Repo.open(repository)
    before, commit = snapshot(repository), build(repo, files)
    kill_within(chance.uniform(0, 0.4), lambda: apply(repo, commit, repo.base_commit))
    for _ in range(3):
        kill_within(chance.uniform(0, 0.01), lambda: recover(repo))
    recover(repo)
    if list_applied(repo):
        undo(repo, list_applied(repo)[0].id)
    assert snapshot(repository) == before


def test_apply_when_interrupted_then_rolls_back_at_once(repository: Path) -> None:
    repo = Repo.open(repository)
    commit = build(repo, {"a.txt": b"x", "b": b"y"})
    before = snapshot(repository)

    def interrupt(path: str) -> None:
        if path == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(repo, commit, repo.base_commit, on_step=interrupt)
    assert snapshot(repository) == before
    assert recover(repo) == ()


def test_recover_when_user_edited_meanwhile_then_keeps_the_edit(repository: Path) -> None:
    repo = Repo.open(repository)
    commit = build(repo, {"a.txt": b"new\n", "other.txt": b"new\n"})
    in_child(lambda: apply(repo, commit, repo.base_commit, on_step=killed_at(2)))
    (repository / "a.txt").write_text("my edit\n")
    (recovered,) = recover(repo)
    assert recovered.kept == ("a.txt",)
    assert (repository / "a.txt").read_text() == "my edit\n"
    assert (repository / "other.txt").read_text() == "other\n"


def edited(root: Path) -> None:
    (root / "a.txt").write_text("my work\n")


def staged(root: Path) -> None:
    edited(root)
    git(root, "add", "a.txt")


def deleted(root: Path) -> None:
    (root / "a.txt").unlink()


def occupied(root: Path) -> None:
    (root / "fresh.txt").write_text("mine\n")


def occupied_folder(root: Path) -> None:
    (root / "fresh.txt").mkdir()


def linked(root: Path) -> None:
    (root / "a.txt").rename(root / "real.txt")
    (root / "a.txt").symlink_to("real.txt")


def linked_folder(root: Path) -> None:
    (root / "dir").rename(root.parent / "elsewhere")
    (root / "dir").symlink_to(root.parent / "elsewhere")


def moved_on(root: Path) -> None:
    edited(root)
    git(root, "commit", "-qam", "base moved")


STATES = [edited, staged, deleted, occupied, occupied_folder, linked, linked_folder, moved_on]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_apply_when_users_files_differ_then_changes_nothing_and_names_them(
    repository: Path, state: Callable[[Path], None]
) -> None:
    repo = Repo.open(repository)
    files = {"a.txt": b"new\n", "fresh.txt": b"new\n", "dir/b.txt": b"new\n"}
    commit = build(repo, files)
    state(repository)
    before = snapshot(repository)
    with pytest.raises(WorkspaceError) as caught:
        apply(repo, commit, repo.base_commit)
    assert caught.value.where in files
    assert snapshot(repository) == before
    assert list_applied(repo) == ()


def test_apply_when_other_files_are_dirty_then_leaves_them_alone(repository: Path) -> None:
    repo = Repo.open(repository)
    commit = build(repo, {"a.txt": b"new\n"})
    (repository / "other.txt").write_text("mine\n")
    git(repository, "add", "other.txt")
    index = (repository / ".git/index").read_bytes()
    assert apply(repo, commit, repo.base_commit).written == ("a.txt",)
    assert (repository / ".git/index").read_bytes() == index
    assert (repository / "other.txt").read_text() == "mine\n"


def test_apply_when_repeated_then_there_is_nothing_left_to_do(repository: Path) -> None:
    repo = Repo.open(repository)
    commit = build(repo, {"a.txt": b"new\n"})
    apply(repo, commit, repo.base_commit)
    assert apply(repo, commit, repo.base_commit) == Applied("", (), ())


def test_undo_when_file_was_edited_since_then_refuses(repository: Path) -> None:
    repo = Repo.open(repository)
    applied = apply(repo, build(repo, {"a.txt": b"new\n", "b": b"b"}), repo.base_commit)
    (repository / "a.txt").write_text("edited since\n")
    before = snapshot(repository)
    with pytest.raises(WorkspaceError) as caught:
        undo(repo, applied.id)
    assert (caught.value.code, caught.value.where) == ("undo.edited", "a.txt")
    assert snapshot(repository) == before


def test_undo_when_two_were_applied_then_goes_back_one_by_one(repository: Path) -> None:
    repo = Repo.open(repository)
    states, applied = [snapshot(repository)], []
    for name in ("r1", "r2"):
        commit = build(repo, {f"{name}.txt": b"x"}, name)
        applied.append(apply(repo, commit, repo.base_commit))
        states.append(snapshot(repository))
    assert [one.id for one in list_applied(repo)] == [one.id for one in applied]
    for one in reversed(applied):
        states.pop()
        undo(repo, one.id)
        assert snapshot(repository) == states[-1]
    with pytest.raises(WorkspaceError):
        undo(repo, applied[0].id)


@pytest.mark.parametrize("name", ["", "..", "../../x", "lock", "0" * 12])
def test_undo_when_id_is_unknown_then_says_so(repository: Path, name: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        undo(Repo.open(repository), name)
    assert caught.value.code == "undo.unknown"


def test_apply_when_mode_and_owner_are_the_users_then_they_stay(repository: Path) -> None:
    (repository / "a.txt").chmod(0o600)
    if os.getuid() == 0:
        os.chown(repository / "a.txt", 12345, 12345)
    repo = Repo.open(repository)
    owner = (repository / "a.txt").stat().st_uid
    applied = apply(repo, build(repo, {"a.txt": b"new\n"}), repo.base_commit)
    found = (repository / "a.txt").stat()
    assert (found.st_mode & 0o777, found.st_uid) == (0o600, owner)
    undo(repo, applied.id)
    found = (repository / "a.txt").stat()
    assert (found.st_mode & 0o777, found.st_uid) == (0o600, owner)


def test_apply_when_another_is_at_work_then_says_so(repository: Path) -> None:
    repo = Repo.open(repository)
    commit = build(repo, {"a.txt": b"new\n"})
    caught: list[str] = []

    def meanwhile(_: str) -> None:
        assert recover(repo) == ()
        with pytest.raises(WorkspaceError) as error:
            apply(repo, commit, repo.base_commit)
        caught.append(error.value.code)

    apply(repo, commit, repo.base_commit, on_step=meanwhile)
    assert caught == ["apply.busy", "apply.busy"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of a few megabytes, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)]
    if subprocess.run(options, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("left_bytes", [0, 40_000, 200_000, 1_200_000])
def test_apply_when_disk_is_full_then_changes_nothing(small_disk: Path, left_bytes: int) -> None:
    root = make_repository(small_disk / "user")
    repo = Repo.open(root)
    files: dict[str, bytes | None] = {f"d/f{i}": os.urandom(30_000) for i in range(COUNT)}
    commit = build(repo, {**files, "a.txt": b"new\n"})
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * (free - left_bytes))
    before = snapshot(root)
    with pytest.raises(WorkspaceError) as caught:
        apply(repo, commit, repo.base_commit)
    assert caught.value.code == "apply.disk_full"
    assert snapshot(root) == before
    filler.unlink()
    applied = apply(repo, commit, repo.base_commit)
    assert len(applied.written) == COUNT + 1
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(b"\0" * free)
    undo(repo, applied.id)
    assert snapshot(root) == before
