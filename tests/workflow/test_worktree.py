"""A run builds in a place of its own: what the user has stays byte for byte as it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gitfixture import git, make_repository, memory_folder, snapshot

from masterplan.core.errors import WorkspaceError
from masterplan.workflow.workspace.apply import apply, undo
from masterplan.workflow.workspace.worktree import Repo, RunTree
from masterplan.workflow.workspace.write import write_beneath


@pytest.fixture
def repository() -> Iterator[Path]:
    with memory_folder() as folder:
        yield make_repository(folder / "user")


def build(repo: Repo, files: dict[str, bytes | None], run_id: str = "r1") -> str:
    """Run the whole way of one module and return the integration commit."""
    run = RunTree.create(repo, run_id, repo.base_commit)
    tree = run.module_tree("m1", run.head)
    write_beneath(tree, files, frozenset(files))
    return run.merge([run.commit_files(tree, list(files), "m1")])


def staged(root: Path) -> None:
    (root / "other.txt").write_text("staged\n")
    git(root, "add", "other.txt")


def unstaged(root: Path) -> None:
    (root / "other.txt").write_text("unstaged\n")


def both(root: Path) -> None:
    staged(root)
    unstaged(root)


def untracked(root: Path) -> None:
    (root / "mine.txt").write_text("mine\n")


def ignored(root: Path) -> None:
    (root / ".gitignore").write_text("*.log\n")
    (root / "x.log").write_text("log\n")


def stashed(root: Path) -> None:
    unstaged(root)
    git(root, "stash")


def detached(root: Path) -> None:
    git(root, "checkout", "-q", "--detach")


def hooked(root: Path) -> None:
    for name in ("post-checkout", "pre-commit", "post-commit", "reference-transaction"):
        hook = root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {root}/HOOKED\n")
        hook.chmod(0o755)


def filtered(root: Path) -> None:
    git(root, "config", "filter.evil.clean", f"touch {root}/FILTERED; cat")
    git(root, "config", "filter.evil.smudge", f"touch {root}/FILTERED; cat")
    git(root, "config", "filter.evil.required", "true")
    git(root, "config", "core.fsmonitor", f"touch {root}/MONITORED")
    (root / ".gitattributes").write_text("* filter=evil text eol=crlf\n")


def clean(root: Path) -> None:
    pass


STATES = [clean, staged, unstaged, both, untracked, ignored, stashed, detached, hooked, filtered]
DIRTY = {staged, unstaged, both, untracked, ignored, filtered}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_run_when_users_tree_is_in_any_state_then_nothing_of_theirs_changes(
    repository: Path, state: Callable[[Path], None]
) -> None:
    state(repository)
    before = snapshot(repository)
    repo = Repo.open(repository)
    assert repo.is_dirty() == (state in DIRTY)
    commit = build(repo, {"a.txt": b"new\n", "deep/er/new.py": b"x = 1\n"})
    assert snapshot(repository) == before
    applied = apply(repo, commit, repo.base_commit)
    assert set(applied.written) == {"a.txt", "deep/er/new.py"}
    assert (repository / "a.txt").read_bytes() == b"new\n"
    assert {path for path, now in snapshot(repository).items() if before.get(path) != now} == {
        "a.txt",
        "deep/er/new.py",
    }
    undo(repo, applied.id)
    assert snapshot(repository) == before


def test_open_when_repository_is_shallow_then_works(repository: Path, tmp_path: Path) -> None:
    (repository / "a.txt").write_text("two\n")
    git(repository, "commit", "-qam", "two")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", str(shallow))
    repo = Repo.open(shallow)
    commit = build(repo, {"a.txt": b"three\n"})
    apply(repo, commit, repo.base_commit)
    assert (shallow / "a.txt").read_text() == "three\n"


def test_open_when_in_a_linked_worktree_then_works(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "linked"))
    repo = Repo.open(tmp_path / "linked" / "dir")
    assert repo.root == tmp_path / "linked"
    apply(repo, build(repo, {"a.txt": b"new\n"}), repo.base_commit)
    assert (tmp_path / "linked/a.txt").read_text() == "new\n"
    assert (repository / "a.txt").read_text() == "one\n"


def test_open_when_there_is_a_submodule_then_leaves_it(repository: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    git(tmp_path, "clone", "-q", str(repository), str(inner))
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    git(repository, "commit", "-qm", "sub")
    before = snapshot(repository)
    repo = Repo.open(repository)
    assert not repo.is_dirty()
    assert "sub" not in repo.paths_at(repo.base_commit)
    applied = apply(repo, build(repo, {"a.txt": b"new\n"}), repo.base_commit)
    undo(repo, applied.id)
    assert snapshot(repository) == before


def test_open_when_ids_are_sha256_then_works(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "a.txt").write_text("one\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    repo = Repo.open(tmp_path)
    apply(repo, build(repo, {"a.txt": None, "b.txt": b"two\n"}), repo.base_commit)
    assert not (tmp_path / "a.txt").exists()


def rebasing(root: Path) -> None:
    for text in ("two", "three"):
        git(root, "checkout", "-q", "-b", text, "HEAD~0")
        (root / "a.txt").write_text(f"{text}\n")
        git(root, "commit", "-qam", text)
        git(root, "checkout", "-q", "main") if text == "two" else None
    subprocess.run(["git", "-C", root, "rebase", "-q", "two"], capture_output=True, check=False)


def merging(root: Path) -> None:
    rebasing(root)
    git(root, "rebase", "--abort")
    subprocess.run(["git", "-C", root, "merge", "-q", "two"], capture_output=True, check=False)


def no_git(root: Path) -> None:
    subprocess.run(["rm", "-r", root / ".git"], check=True)


def no_commit(root: Path) -> None:
    no_git(root)
    git(root, "init", "-q")


def bare(root: Path) -> None:
    git(root, "config", "core.bare", "true")


def gone(root: Path) -> None:
    subprocess.run(["rm", "-r", root], check=True)


def private_link(root: Path) -> None:
    (root / ".masterplan").symlink_to("/tmp")


def private_shipped(root: Path) -> None:
    (root / ".masterplan/repo.git").mkdir(parents=True)
    (root / ".masterplan/repo.git/config").write_text("[core]\n\tfsmonitor = touch HIT\n")
    git(root, "add", "-f", ".masterplan")
    git(root, "commit", "-qm", "evil")


REFUSED = [
    (rebasing, "workspace.unfinished"),
    (merging, "workspace.unfinished"),
    (no_git, "workspace.no_git"),
    (no_commit, "workspace.no_commit"),
    (bare, "workspace.bare"),
    (gone, "workspace.no_folder"),
    (private_link, "workspace.private"),
    (private_shipped, "workspace.shipped"),
]


@pytest.mark.parametrize(
    ("state", "code"), REFUSED, ids=lambda value: getattr(value, "__name__", "")
)
def test_open_when_repository_cannot_be_used_then_says_why_and_changes_nothing(
    repository: Path, state: Callable[[Path], None], code: str
) -> None:
    state(repository)
    before = snapshot(repository)
    with pytest.raises(WorkspaceError) as caught:
        build(Repo.open(repository), {"a.txt": b"new\n"})
    assert caught.value.code == code
    assert caught.value.mend or code == "workspace.no_folder"
    assert snapshot(repository) == before


def test_create_for_run_when_folder_is_empty_then_apply_brings_the_files(tmp_path: Path) -> None:
    repo = Repo.create_for_run(tmp_path / "new")
    assert repo.paths_at(repo.base_commit) == ()
    commit = build(repo, {"src/a.py": b"a\n"})
    assert os.listdir(repo.root) == [".masterplan"]
    applied = apply(repo, commit, repo.base_commit)
    assert (repo.root / "src/a.py").read_text() == "a\n"
    assert not (repo.root / ".git").exists()
    undo(repo, applied.id)
    assert os.listdir(repo.root) == [".masterplan"]


def test_private_folder_when_it_was_tampered_with_then_steers_nothing(repository: Path) -> None:
    private = repository / ".masterplan/repo.git"
    build(Repo.open(repository), {"a.txt": b"new\n"})
    with (private / "config").open("a") as file:
        file.write(f"[core]\n\tfsmonitor = touch {repository}/HIT\n")
        file.write(f'[filter "x"]\n\tsmudge = touch {repository}/HIT; cat\n')
    (private / "info/attributes").write_text("* filter=x\n")
    (private / "hooks").mkdir(exist_ok=True)
    (private / "hooks/post-checkout").write_text(f"#!/bin/sh\ntouch {repository}/HIT\n")
    (private / "hooks/post-checkout").chmod(0o755)
    build(Repo.open(repository), {"a.txt": b"newer\n"}, "r2")
    assert not (repository / "HIT").exists()


def test_read_at_when_path_is_odd_or_absent_then_is_exact(repository: Path) -> None:
    repo = Repo.open(repository)
    assert repo.read_at(repo.base_commit, "dir/b.txt") == b"b\n"
    for absent in ("dir", "nope", "*.txt", ":(top)a.txt", "dir/"):
        assert repo.read_at(repo.base_commit, absent) is None


def test_commit_files_when_repeated_elsewhere_then_is_the_same_commit(repository: Path) -> None:
    repo = Repo.open(repository)
    heads = set()
    for name in ("r1", "r2"):
        run = RunTree.create(repo, name, repo.base_commit, when=1_700_000_000)
        tree = run.module_tree("m", run.head)
        write_beneath(tree, {"x": b"1"}, frozenset({"x"}))
        heads.add(run.merge([run.commit_files(tree, ["x"], "x")]))
    assert len(heads) == 1


def test_commit_files_when_more_was_changed_then_takes_only_what_is_named(repository: Path) -> None:
    repo = Repo.open(repository)
    run = RunTree.create(repo, "r", repo.base_commit)
    tree = run.module_tree("m", run.head)
    (tree / "a.txt").write_text("sneaky\n")
    (tree / "extra.py").write_text("sneaky\n")
    (tree / "dir/b.txt").unlink()
    write_beneath(tree, {"x": b"1"}, frozenset({"x"}))
    git(tree, "commit", "-qam", "an agent's own commit")
    assert run.changed_in(tree) == ("a.txt", "dir/b.txt", "extra.py", "x")
    commit = run.commit_files(tree, ["x"], "x")
    assert repo.changed_paths(repo.base_commit, commit) == ("x",)
    assert "+1" in repo.diff(repo.base_commit, commit)


def test_commit_files_when_path_became_a_symlink_then_is_refused(repository: Path) -> None:
    repo = Repo.open(repository)
    run = RunTree.create(repo, "r", repo.base_commit)
    tree = run.module_tree("m", run.head)
    (tree / "x").symlink_to("/etc/passwd")
    with pytest.raises(WorkspaceError) as caught:
        run.commit_files(tree, ["x"], "x")
    assert caught.value.code == "workspace.kind"


def test_merge_when_modules_are_disjoint_then_order_gives_the_same_files(repository: Path) -> None:
    repo = Repo.open(repository)
    trees = set()
    for name, order in (("r1", (0, 1)), ("r2", (1, 0))):
        run = RunTree.create(repo, name, repo.base_commit)
        commits = []
        for module in ("m1", "m2"):
            tree = run.module_tree(module, repo.base_commit)
            write_beneath(tree, {module: b"x"}, frozenset({module}))
            commits.append(run.commit_files(tree, [module], module))
        for i in order:
            head = run.merge([commits[i]])
        assert run.merge(commits) == head == RunTree.create(repo, name, repo.base_commit).head
        trees.add(repo.private.line("rev-parse", f"{head}^{{tree}}"))
        run.close()
    assert len(trees) == 1


def test_merge_when_modules_changed_the_same_file_then_is_refused(repository: Path) -> None:
    repo = Repo.open(repository)
    run = RunTree.create(repo, "r", repo.base_commit)
    commits = []
    for module in ("m1", "m2"):
        tree = run.module_tree(module, repo.base_commit)
        write_beneath(tree, {"a.txt": module.encode()}, frozenset({"a.txt"}))
        commits.append(run.commit_files(tree, ["a.txt"], module))
    with pytest.raises(WorkspaceError):
        run.merge(commits)
    run.merge(commits[:1])
    with pytest.raises(WorkspaceError) as caught:
        run.merge(commits[1:])
    assert caught.value.code == "workspace.overlap"
    assert repo.read_at(run.head, "a.txt") == b"m1"


IDS = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "x" * 101,
    "ü",
    "a\0b",
    "-x",
    "a..b",
    "a.lock",
    "a.",
    " a",
    "a\n",
]


@pytest.mark.parametrize("name", IDS, ids=repr)
def test_create_when_id_is_no_plain_name_then_is_refused(repository: Path, name: str) -> None:
    repo = Repo.open(repository)
    with pytest.raises(WorkspaceError):
        RunTree.create(repo, name, repo.base_commit)
    run = RunTree.create(repo, "r", repo.base_commit)
    with pytest.raises(WorkspaceError):
        run.module_tree(name, repo.base_commit)
