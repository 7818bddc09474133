"""The user's folder, read only, and the private repository in which everything is committed.

The private one lies under ``.masterplan/`` and borrows the user's objects; the user's refs, index,
stash, configuration and hooks are never written or run. Must not know runs, specs or models.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from masterplan.core.errors import WorkspaceError
from masterplan.workflow.workspace import git
from masterplan.workflow.workspace.git import Git, GitError

PRIVATE = ".masterplan"
POLICY = "masterplan.toml"
_UNFINISHED = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
# Trees hold exactly the bytes of the commit, whatever attributes the repository has.
_ATTRIBUTES = "* -text -filter -ident -eol -working-tree-encoding -crlf\n"
_CONFIG = (
    "[core]\n\trepositoryformatversion = {version}\n\tbare = true\n\tlogallrefupdates = false\n"
    "\tsymlinks = true\n\tfilemode = true\n[gc]\n\tauto = 0\n"
)
_SHA256 = "[extensions]\n\tobjectformat = sha256\n"
_NOBODY = "Masterplan <masterplan@localhost>"


@dataclass(frozen=True)
class Repo:
    """A folder to work on: ``root`` is its top, ``git_dir`` the private repository's place.

    ``base_commit`` is what the user has checked out, or an empty commit where there is no git.
    """

    root: Path
    git_dir: Path
    base_commit: str
    has_git: bool

    @staticmethod
    def open(path: Path) -> Repo:
        """Open the git repository that holds ``path``; WorkspaceError if it cannot be used."""
        if not path.is_dir():
            raise WorkspaceError("workspace.no_folder", f"{path} is not a folder", str(path))
        user = git.at(path.resolve())
        root, own = _locate(user, path)
        for name, what in _UNFINISHED.items():
            if (own / name).exists():
                raise WorkspaceError(
                    "workspace.unfinished",
                    f"a {what} is under way in this repository",
                    str(root),
                    f"finish it or run `git {what} --abort`, then try again",
                )
        try:
            base = user.line("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        except GitError:
            raise WorkspaceError(
                "workspace.no_commit",
                "this repository has no commit yet",
                str(root),
                'git add -A && git commit -m "Start"',
            ) from None
        return Repo(root, root / PRIVATE / "repo.git", base, has_git=True)

    @staticmethod
    def create_for_run(path: Path) -> Repo:
        """Open a folder without git (made if missing): its base is empty, apply adds files."""
        path.mkdir(parents=True, exist_ok=True)
        root = path.resolve()
        repo = Repo(root, root / PRIVATE / "repo.git", "", has_git=False)
        tree = repo.private.line("mktree")
        base = repo.commit_tree(tree, (), "Empty base", 0)
        return Repo(root, repo.git_dir, base, has_git=False)

    @cached_property
    def private(self) -> Git:
        """Git for the private repository, which is made if it is not there."""
        own = make_private_folder(self.root)
        fresh = Git(("--git-dir", str(own / "repo.git")), is_private=True)
        objects, shallow, is_sha256 = self._borrowed()
        if not (own / "repo.git" / "HEAD").exists():
            kind = ("--object-format=sha256",) if is_sha256 else ()
            fresh.run("init", "--quiet", "--bare", "--template=", *kind)
        # Written anew each time: a repository that ships a private folder must steer nothing.
        config = _CONFIG.format(version=1) + _SHA256 if is_sha256 else _CONFIG.format(version=0)
        _keep(own / "repo.git" / "config", config)
        _keep(own / "repo.git" / "info" / "attributes", _ATTRIBUTES)
        _keep(own / "repo.git" / "objects" / "info" / "alternates", objects)
        _keep(own / "repo.git" / "shallow", shallow)
        return fresh

    def is_dirty(self, brief: str = "") -> bool:
        """Tell whether the user has uncommitted work; see ``uncommitted``."""
        return bool(self.uncommitted(brief))

    def uncommitted(self, brief: str = "") -> tuple[str, ...]:
        """List changed and untracked paths; ``.masterplan``, policy and brief do not count.

        ``brief`` is the file that a plan is made from: it is read where it lies.
        """
        if not self.has_git:
            return ()
        user = git.at(self.root).with_filters_off()
        listed = user.run(
            *("status", "--porcelain=v1", "-z", "--no-renames"),
            # A folder that is untracked as a whole could hide that only the brief is in it.
            f"--untracked-files={'all' if brief else 'normal'}",
            *("--ignore-submodules=dirty", "--", "."),
            *(f":(exclude,top){PRIVATE}", f":(exclude,top){POLICY}"),
        )
        entries = listed.decode(errors="surrogateescape").split("\0")[:-1]
        own = Path(brief).resolve() if brief else None
        return tuple(entry[3:] for entry in entries if self.root / entry[3:] != own)

    def paths_at(self, commit: str) -> tuple[str, ...]:
        """List the files of a commit, sorted; symlinks and submodules are left out."""
        listed = self.private.run("ls-tree", "-r", "-z", "--full-tree", commit)
        entries = listed.decode(errors="surrogateescape").split("\0")[:-1]
        return tuple(
            sorted(e.partition("\t")[2] for e in entries if e.startswith(("100644", "100755")))
        )

    def read_at(self, commit: str, path: str) -> bytes | None:
        """Return a file's bytes at a commit, ``None`` if it is not there."""
        listed = self.private.line(
            "--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", path
        )
        described, _, name = listed.rstrip("\0").partition("\t")
        if name != path or not described.startswith("100"):
            return None
        return self.private.run("cat-file", "blob", described.split(" ")[2])

    def changed_paths(self, old: str, new: str) -> tuple[str, ...]:
        """List the paths that differ between two commits."""
        return tuple(change.path for change in self.private.changes(old, new))

    def diff(self, old: str, new: str) -> str:
        """Return the change between two commits as a unified diff."""
        words = ("diff-tree", "-p", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
        return self.private.run(*words, old, new, "--").decode(errors="replace")

    def commit_tree(self, tree: str, parents: tuple[str, ...], message: str, when: int) -> str:
        """Commit a tree; the same arguments always give the same commit."""
        env = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (
                ("NAME", _NOBODY.partition(" <")[0]),
                ("EMAIL", _NOBODY.partition("<")[2].rstrip(">")),
                ("DATE", f"@{when} +0000"),
            )
        }
        above = [word for parent in parents for word in ("-p", parent)]
        return self.private.line("commit-tree", tree, *above, stdin=message.encode(), env=env)

    def _borrowed(self) -> tuple[str, str, bool]:
        """Return the user's object folder, its shallow boundary, and whether ids are SHA-256."""
        if not self.has_git:
            return "", "", False
        user = git.at(self.root)
        shipped = user.line(
            "ls-files", "--", *(f"{PRIVATE}/{n}" for n in ("repo.git", "undo", "runs"))
        )
        if shipped:
            raise WorkspaceError(
                "workspace.shipped",
                f"this repository brings its own {PRIVATE}/ along, which is not to be trusted",
                shipped.partition("\n")[0],
                f"git rm -r --cached {PRIVATE} && rm -r {PRIVATE}",
            )
        words = (
            "rev-parse",
            "--show-object-format",
            "--git-path",
            "objects",
            "--git-path",
            "shallow",
        )
        kind, objects, shallow = user.line(*words).split("\n")
        boundary = self.root / shallow
        text = boundary.read_text() if boundary.exists() else ""
        return f"{(self.root / objects).resolve()}\n", text, kind == "sha256"


def make_private_folder(root: Path) -> Path:
    """Make ``.masterplan/``, which ignores itself, and return it; a symlink is refused."""
    own = root / PRIVATE
    if own.is_symlink() or (own.exists() and not own.is_dir()):
        raise WorkspaceError(
            "workspace.private", f"{PRIVATE} is not a folder of its own", str(own), f"rm {own}"
        )
    own.mkdir(exist_ok=True)
    _keep(own / ".gitignore", "*\n")
    return own


def _locate(user: Git, path: Path) -> tuple[Path, Path]:
    """Return the top folder and git's own folder of the repository around a path."""
    try:
        is_bare = user.line("rev-parse", "--is-bare-repository") == "true"
        if not is_bare and user.line("rev-parse", "--is-inside-work-tree") == "true":
            top, own = user.line("rev-parse", "--show-toplevel", "--absolute-git-dir").split("\n")
            return Path(top), Path(own)
    except GitError as error:
        if "not a git repository" in error.message:
            raise WorkspaceError(
                "workspace.no_git",
                "this folder is not in a git repository",
                str(path),
                'git init && git add -A && git commit -m "Start"',
            ) from None
        raise WorkspaceError(
            "workspace.git", f"git cannot read this repository: {error.message}", str(path)
        ) from None
    raise WorkspaceError(
        "workspace.bare",
        "this is a bare repository or inside git's own folder; there are no files to work on",
        str(path),
        "run it in a clone or a worktree",
    )


def _keep(file: Path, text: str) -> None:
    """Make a file hold exactly this text, or be absent if there is none."""
    if not text:
        file.unlink(missing_ok=True)
    elif not file.is_file() or file.is_symlink() or file.read_text(errors="replace") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f"{file.name}.{os.getpid()}.new")
        new.write_text(text)
        new.replace(file)
