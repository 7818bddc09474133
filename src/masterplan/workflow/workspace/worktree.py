"""A run's worktrees and its integration branch, in the private repository.

Each module gets a folder of its own; what is verified is merged by plumbing, without a checkout.
Must not know specs, models or how files are proposed.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from masterplan.core.errors import Problem, WorkspaceError
from masterplan.spec.path import check_path
from masterplan.workflow.workspace.beneath import Beneath
from masterplan.workflow.workspace.git import Change, GitError
from masterplan.workflow.workspace.repo import PRIVATE, Repo

__all__ = ["Repo", "RunTree"]

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|lock$|$)){0,99}")


@dataclass(frozen=True)
class RunTree:
    """One run's worktrees and integration branch, under ``.masterplan/runs/<run_id>/``."""

    repo: Repo
    run_id: str
    base: str
    when: int

    @staticmethod
    def create(repo: Repo, run_id: str, base: str, when: int = 0) -> RunTree:
        """Create or reopen a run's place. ``when`` (Unix seconds) dates all its commits."""
        _ensure_id(run_id, "run")
        run = RunTree(repo, run_id, base, when)
        if not run._resolve("head"):
            repo.private.run("update-ref", run._ref("head"), base, "")
        (run._folder / "trees").mkdir(parents=True, exist_ok=True)
        return run

    @property
    def head(self) -> str:
        """The run's integration commit: the base and every module merged so far."""
        return self._resolve("head") or self.base

    def module_tree(self, module_id: str, base_commit: str) -> Path:
        """Make a fresh worktree for a module, replacing an older one of the same module."""
        _ensure_id(module_id, "module")
        self.remove_tree(module_id)
        tree = self._folder / "trees" / module_id
        private = self.repo.private
        private.run("worktree", "add", "--quiet", "--force", "--detach", str(tree), base_commit)
        # An agent may move its worktree's HEAD; the base is what we say it is.
        private.run("update-ref", self._ref("base", module_id), base_commit)
        return tree

    def changed_in(self, tree: Path) -> tuple[str, ...]:
        """List what differs in a worktree from its base: changed, deleted and new files.

        New files that the tree's own ignore rules name are left out.
        """
        with self._index(self._base_of(tree)) as env:
            words = ("--work-tree", str(tree), "ls-files", "-z", "-t", "-m", "-d", "-o")
            listed = self.repo.private.run(*words, "--exclude-standard", env=env)
        entries = listed.decode(errors="surrogateescape").split("\0")[:-1]
        return tuple(sorted({entry[2:] for entry in entries}))

    def commit_files(self, tree: Path, paths: Sequence[str], message: str) -> str:
        """Commit exactly ``paths`` as they stand in ``tree`` on its base; same in, same commit.

        A path that is not there is deleted. Raise WorkspaceError for a path that is not a plain
        file beneath ``tree``.
        """
        base = self._base_of(tree)
        entries = []
        with Beneath(tree) as folder:
            for path in sorted(set(paths)):
                problem = check_path(path)
                if problem is not None:
                    raise WorkspaceError(problem.code, problem.message, path, problem.mend)
                entries.append(self._entry(folder, path))
        commit = self._commit(base, entries, (base,), message)
        self.repo.private.run("update-ref", self._ref("module", tree.name), commit)
        return commit

    def merge(self, commits: Sequence[str]) -> str:
        """Bring verified module commits onto the integration branch; WorkspaceError on overlap.

        What is there already is not merged again, so a resumed run may repeat itself.
        """
        private, head = self.repo.private, self.head
        wanted: dict[str, Change] = {}
        problems: list[Problem] = []
        for commit in commits:
            for change in private.changes(f"{commit}^1", commit):
                other = wanted.setdefault(change.path, change)
                if (other.new_id, other.new_mode) != (change.new_id, change.new_mode):
                    problems.append(_overlap(change.path))
        there = {change.path: change for change in private.changes(self.base, head)}
        entries = []
        for path, change in sorted(wanted.items()):
            now = there.get(path)
            if now is not None and (now.new_id, now.new_mode) == (change.new_id, change.new_mode):
                continue
            if now is not None and now.new_id != change.old_id:
                problems.append(_overlap(path))
            entries.append(f"{change.new_mode:06o} {change.new_id or self._nothing}\t{path}")
        if problems:
            raise WorkspaceError(
                "workspace.overlap",
                "modules changed the same files",
                where=", ".join(problem.where for problem in problems),
                mend="give each path one owner",
                problems=tuple(problems),
            )
        if not entries:
            return head
        merged = self._commit(head, entries, (head, *commits), "Merge verified modules")
        private.run("update-ref", self._ref("head"), merged, head)
        return merged

    def remove_tree(self, module_id: str) -> None:
        """Remove a module's worktree; its commits stay."""
        tree = self._folder / "trees" / module_id
        if tree.is_symlink():
            tree.unlink()
        elif tree.exists():
            shutil.rmtree(tree)
        self.repo.private.run("worktree", "prune", "--expire=now")

    def close(self) -> None:
        """Remove all worktrees of the run; its commits and its branch stay."""
        shutil.rmtree(self._folder / "trees", ignore_errors=True)
        self.repo.private.run("worktree", "prune", "--expire=now")

    @property
    def _folder(self) -> Path:
        return self.repo.root / PRIVATE / "runs" / self.run_id

    @property
    def _nothing(self) -> str:
        return "0" * len(self.base)

    def _ref(self, *names: str) -> str:
        return "/".join(("refs/masterplan", self.run_id, *names))

    def _resolve(self, *names: str) -> str:
        try:
            return self.repo.private.line("rev-parse", "--verify", "--quiet", self._ref(*names))
        except GitError:
            return ""

    def _base_of(self, tree: Path) -> str:
        base = self._resolve("base", tree.name)
        if not base or tree.parent != self._folder / "trees":
            raise WorkspaceError("workspace.tree", f"{tree} is not a worktree of run {self.run_id}")
        return base

    def _entry(self, folder: Beneath, path: str) -> str:
        try:
            found = folder.read(path)
        except OSError as error:
            raise WorkspaceError(
                "workspace.kind", f"{path!r} cannot be committed: {error.strerror}", path
            ) from error
        if found is None:
            return f"0 {self._nothing}\t{path}"
        data, mode = found
        blob = self.repo.private.line("hash-object", "-w", "--no-filters", "--stdin", stdin=data)
        return f"{'100755' if mode & 0o100 else '100644'} {blob}\t{path}"

    def _commit(
        self, onto: str, entries: Sequence[str], parents: tuple[str, ...], message: str
    ) -> str:
        """Commit ``onto``'s tree with some entries replaced."""
        with self._index(onto) as env:
            text = "".join(f"{entry}\0" for entry in entries)
            private = self.repo.private
            private.run("update-index", "-z", "--index-info", stdin=text.encode(), env=env)
            return self.repo.commit_tree(
                private.line("write-tree", env=env), parents, message, self.when
            )

    @contextmanager
    def _index(self, commit: str) -> Iterator[dict[str, str]]:
        """Give an index of its own that holds a commit's tree."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="index-") as folder:
            env = {"GIT_INDEX_FILE": f"{folder}/index"}
            self.repo.private.run("read-tree", commit, env=env)
            yield env


def _ensure_id(name: str, what: str) -> None:
    if not _ID.fullmatch(name):
        raise WorkspaceError(
            "workspace.id",
            f"{name[:40]!r} cannot be the id of a {what}",
            mend="use letters, digits, '-', '_' and single dots",
        )


def _overlap(path: str) -> Problem:
    return Problem("workspace.overlap", f"{path!r} was changed twice", path)
