"""Nothing a model proposes may land, or be read, outside the folder it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterplan.core.errors import WorkspaceError
from masterplan.workflow.workspace.beneath import Beneath
from masterplan.workflow.workspace.write import (
    check_path,
    is_protected,
    read_beneath,
    write_beneath,
)

GIT = (".git", ".GIT", ".Git", ".git.", ".git ", ".git. .", "git~1", "GIT~2")
ESCAPES = [
    *("", ".", "..", "/", "//", "../x", "../../x", "a/../../b", "a/..", "a/../b", "./x", "a/./b"),
    *("/etc/passwd", "//etc/passwd", "a//b", "a/", "~", "~/x", "~root/x", "C:/x", "c:x", "C:\\x"),
    *(
        "\\\\host\\share",
        "a\\b",
        "..\\x",
        "x\0",
        "x\0.py",
        "x\ny",
        "x\r",
        "x\ty",
        "\x1b[2J",
        "x\x7f",
    ),
    *("a" * 256, "a/" * 2100 + "b", "é" * 200, "ﬁle.py", "ａ.py", "x\u200b.py", "x\u202epy.exe"),
    *("\ufeffx", "cafe\u0301.py", "x\u2028y", "x\u00a0y", "x\udcff", "\ue000", "①.py"),
    *("x.", "x ", " x", "a./b", "a /b", " a/b", "x. ", "con", "CON", "con.txt", "a/aux/b", "nul"),
    *("NUL.py", "com1", "COM9.txt", "lpt1", "prn", "com¹"),
    *(
        "-rf",
        "--help",
        "a/-x",
        "*.py",
        "a?b",
        "[ab]",
        "{a,b}",
        "$HOME",
        "`id`",
        "a;b",
        "a|b",
        "a&b",
    ),
    *("a>b", "a<b", "(x)", "'x'", '"x"', "!x", "x:y", "file::$DATA"),
    *GIT,
    *(f"{git}/config" for git in GIT),
    *(f"a/{git}/hooks/pre-commit" for git in GIT),
    *(f"./{git}/hooks/x" for git in GIT),
    *(
        f"{git}/{name}"
        for git in GIT
        for name in ("HEAD", "hooks/post-checkout", "info/attributes")
    ),
    *(".masterplan", ".masterplan/x", ".Masterplan/repo.git/config", "masterplan.toml"),
    *(f"{'../' * i}etc/cron.d/x" for i in range(1, 21)),
    *(f"a{'/..' * i}/x" for i in range(1, 21)),
    *(f"{'a/' * i}{'../' * (i + 1)}x" for i in range(1, 21)),
    *(f"x{chr(code)}" for code in (*range(1, 32), *range(0x80, 0x84), 0x200E, 0x2066, 0xFE0F)),
]
PROTECTED = [
    *(".gitmodules", ".gitattributes", ".github/workflows/x.yml", ".gitlab-ci.yml", ".ci/run"),
    *(".circleci/config.yml", ".husky/pre-commit", ".githooks/x", ".envrc", ".vscode/tasks.json"),
    *("conftest.py", "tests/conftest.py", "sitecustomize.py", "usercustomize.py", "a.pth"),
    *(
        "package-lock.json",
        "poetry.lock",
        "uv.lock",
        "Cargo.lock",
        "pytest.ini",
        "tox.ini",
        ".npmrc",
    ),
    *("Conftest.py", ".GitHub/workflows/x.yml", "CLAUDE.md", "AGENTS.md", ".mcp.json", ".claude/x"),
]
PLAIN = [
    "a.py",
    "src/app/main.py",
    "Über/straße.py",
    "a b/c.txt",
    "x@2.png",
    ".gitignore",
    "git.py",
]


def all_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_corpus_when_counted_then_holds_two_hundred_forms() -> None:
    assert len(set(ESCAPES)) >= 200


@pytest.mark.parametrize("path", ESCAPES, ids=lambda path: repr(path)[:40])
def test_write_when_path_is_not_plain_then_nothing_is_written(tmp_path: Path, path: str) -> None:
    root = tmp_path / "a" / "tree"
    root.mkdir(parents=True)
    before = all_below(tmp_path)
    with pytest.raises(WorkspaceError) as caught:
        write_beneath(root, {"fine.py": b"x", path: b"x"}, frozenset({path, "fine.py"}))
    assert caught.value.code.startswith("path.")
    assert all_below(tmp_path) == before
    with pytest.raises(WorkspaceError):
        read_beneath(root, path)


@pytest.mark.parametrize("path", PLAIN)
def test_write_when_path_is_plain_and_allowed_then_is_read_back(tmp_path: Path, path: str) -> None:
    write_beneath(tmp_path, {path: b"one"}, frozenset({path}))
    assert read_beneath(tmp_path, path) == b"one"
    write_beneath(tmp_path, {path: None}, frozenset({path}))
    assert read_beneath(tmp_path, path) is None
    assert all_below(tmp_path) == set()


@pytest.mark.parametrize("path", PROTECTED)
def test_write_when_path_steers_tools_then_needs_a_grant(tmp_path: Path, path: str) -> None:
    assert is_protected(path)
    with pytest.raises(WorkspaceError) as caught:
        write_beneath(tmp_path, {path: b"x"}, frozenset({path}))
    assert caught.value.code == "write.protected"
    assert all_below(tmp_path) == set()
    write_beneath(tmp_path, {path: b"x"}, frozenset({path}), granted=frozenset({path}))
    assert read_beneath(tmp_path, path) == b"x"


def test_write_when_not_owned_then_names_every_path(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        write_beneath(tmp_path, {"a.py": b"", "b.py": b"", "c.py": b""}, frozenset({"a.py"}))
    assert {problem.where for problem in caught.value.problems} == {"b.py", "c.py"}
    assert all_below(tmp_path) == set()


@pytest.mark.parametrize("pair", [("A.py", "a.py"), ("a", "a/b"), ("x/y/z", "x")])
def test_write_when_paths_collide_then_is_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(WorkspaceError):
        write_beneath(tmp_path, dict.fromkeys(pair, b""), frozenset(pair))
    assert all_below(tmp_path) == set()


def link_file(root: Path, outside: Path) -> str:
    (root / "link").symlink_to(outside / "secret")
    return "link"


def link_folder(root: Path, outside: Path) -> str:
    (root / "folder").symlink_to(outside)
    return "folder/secret"


def link_chain(root: Path, outside: Path) -> str:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to(outside)
    return "one/new"


def link_dangling(root: Path, outside: Path) -> str:
    (root / "link").symlink_to(outside / "new")
    return "link"


def link_inside(root: Path, outside: Path) -> str:
    (root / "real").mkdir()
    (root / "alias").symlink_to("real")
    return "alias/new"


def link_proc_root(root: Path, outside: Path) -> str:
    (root / "proc").symlink_to("/proc/self/root")
    return f"proc{outside}/secret"


def link_proc_cwd(root: Path, outside: Path) -> str:
    (root / "here").symlink_to("/proc/self/cwd")
    return "here/x"


def link_relative(root: Path, outside: Path) -> str:
    (root / "up").symlink_to("../outside")
    return "up/secret"


def pipe(root: Path, outside: Path) -> str:
    os.mkfifo(root / "pipe")
    return "pipe"


TRAPS = [
    *(link_file, link_folder, link_chain, link_dangling, link_inside),
    *(link_proc_root, link_proc_cwd, link_relative, pipe),
]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
@pytest.mark.parametrize("use_openat2", [True, False])
def test_beneath_when_a_symlink_or_pipe_is_on_the_way_then_refuses(
    tmp_path: Path, trap: object, use_openat2: bool
) -> None:
    root, outside = tmp_path / "tree", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("secret")
    path = trap(root, outside)  # type: ignore[operator]
    with Beneath(root, use_openat2=use_openat2) as folder:
        for act in (folder.check, folder.read, folder.remove, lambda p: folder.write(p, b"x")):
            with pytest.raises(OSError):
                act(path)
    with pytest.raises(WorkspaceError):
        write_beneath(root, {path: b"x"}, frozenset({path}))
    with pytest.raises(WorkspaceError):
        read_beneath(root, path)
    assert all_below(outside) == {"secret"}
    assert (outside / "secret").read_text() == "secret"


SWAP = """
import ctypes, os, sys
names, libc = [os.fsencode(name) for name in sys.argv[1:]], ctypes.CDLL(None)
while True:
    libc.renameat2(-100, names[0], -100, names[1], 2)  # exchange, in one step
"""


@pytest.mark.parametrize("use_openat2", [True, False])
def test_write_when_a_folder_is_swapped_for_a_symlink_all_the_time_then_never_escapes(
    tmp_path: Path, use_openat2: bool
) -> None:
    root, outside = tmp_path / "tree", tmp_path / "outside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    names = (str(root / "folder"), str(root / "link"))
    swapper = subprocess.Popen([sys.executable, "-c", SWAP, *names])
    landed = 0
    try:
        with Beneath(root, use_openat2=use_openat2) as beneath:
            for _ in range(8000):
                try:
                    beneath.write("folder/file", b"x")
                    landed += 1
                except OSError:
                    continue
    finally:
        swapper.kill()
        swapper.wait()
    assert 0 < landed < 8000
    assert all_below(outside) == set()


def test_write_when_file_has_a_second_name_outside_then_only_the_inner_changes(
    tmp_path: Path,
) -> None:
    (tmp_path / "outside").write_text("old")
    root = tmp_path / "tree"
    root.mkdir()
    os.link(tmp_path / "outside", root / "file")
    write_beneath(root, {"file": b"new"}, frozenset({"file"}))
    assert (tmp_path / "outside").read_text() == "old"


def test_write_when_file_is_executable_then_stays_so(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("old")
    (tmp_path / "run").chmod(0o750)
    write_beneath(tmp_path, {"run": b"new"}, frozenset({"run"}))
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o750


@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", "a", "", ".", ".git"])).map("/".join))
def test_check_path_when_it_accepts_then_path_stays_beneath(path: str) -> None:
    if check_path(path) is None:
        assert not os.path.isabs(path)
        assert os.path.normpath(path) == path
        assert not path.startswith("..")
        assert ".git" not in path.lower().split("/")
        assert path.isprintable()
