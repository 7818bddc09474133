"""Which relative paths a model may propose at all, and which only with an explicit grant.

Pure text rules, so that a refusal comes early and reads well; the kernel has the last word when
a path is opened. Must not know git, specs or who proposed the path.
"""

from __future__ import annotations

import re
import unicodedata

from masterplan.core.errors import Problem
from masterplan.sandbox import neutralise

MAX_PATH_BYTES, MAX_NAME_BYTES = 4000, 255

_SHELL = re.compile(r"""[*?\[\]{}()<>|&;$`"'!\\:]""")
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$")
_GIT = re.compile(r"(?i)\.git[. ]*$|git~[0-9]+$")
_OURS = frozenset({".masterplan", "masterplan.toml"})

_PROTECTED_FOLDERS = frozenset(
    (
        *(".buildkite", ".ci", ".circleci", ".claude", ".codex", ".cursor", ".devcontainer"),
        *(".gemini", ".githooks", ".github", ".gitlab", ".husky", ".idea", ".opencode"),
        *(".vscode", ".zed"),
    )
)
_PROTECTED_NAMES = frozenset(
    (
        *(".coveragerc", ".envrc", ".gitattributes", ".gitconfig", ".gitlab-ci.yml"),
        *(".gitmodules", ".mcp.json", ".netrc", ".npmrc", ".pre-commit-config.yaml"),
        *(".pypirc", ".travis.yml", ".yarnrc", ".yarnrc.yml", "agents.md"),
        *("azure-pipelines.yml", "bitbucket-pipelines.yml", "bun.lock", "bun.lockb"),
        *("cargo.lock", "claude.md", "composer.lock", "conftest.py", "gemfile.lock"),
        *("gemini.md", "go.sum", "jenkinsfile", "lefthook.yml", "npm-shrinkwrap.json"),
        *("package-lock.json", "pdm.lock", "pip.conf", "pipfile.lock", "pnpm-lock.yaml"),
        *("poetry.lock", "pytest.ini", "sitecustomize.py", "tox.ini", "usercustomize.py"),
        *("uv.lock", "yarn.lock"),
    )
)


def check_path(path: str) -> Problem | None:
    """Say why nobody may propose this path, or return ``None`` if it is a plain one beneath.

    >>> check_path("src/text.py") is None, check_path("a/../../b").code
    (True, 'path.escapes')
    """
    names = path.split("/")
    if not path or "" in names or path.startswith("~") or "." in names or ".." in names:
        return _refuse(path, "path.escapes", "is not a plain relative path")
    if len(path.encode(errors="replace")) > MAX_PATH_BYTES or any(
        len(name.encode(errors="replace")) > MAX_NAME_BYTES for name in names
    ):
        return _refuse(path[:80] + "…", "path.long", "is too long")
    if neutralise(path) != path or any(
        unicodedata.category(letter)[0] in "CZ" and letter != " " for letter in path
    ):
        return _refuse(path, "path.letters", "has control or invisible characters")
    if unicodedata.normalize("NFKC", path) != path:
        return _refuse(path, "path.letters", "can be written in a second way that looks the same")
    if _SHELL.search(path) or any(name.startswith("-") for name in names):
        return _refuse(path, "path.letters", "has characters that shells or options give a meaning")
    return _check_names(path, names)


def is_protected(path: str) -> bool:
    """Tell whether a path steers tools (CI, hooks, lock files, conftest.py …) and needs a grant."""
    *folders, name = path.lower().split("/")
    return (
        name in _PROTECTED_NAMES
        or name in _PROTECTED_FOLDERS
        or name.endswith(".pth")
        or any(folder in _PROTECTED_FOLDERS for folder in folders)
    )


def _check_names(path: str, names: list[str]) -> Problem | None:
    for name in names:
        if name != name.strip(" ") or name.endswith(".") or _DEVICE.match(name):
            return _refuse(
                path, "path.letters", f"has the name {name!r}, which not all systems keep"
            )
        if _GIT.search(name):
            return _refuse(path, "path.git", "belongs to git")
    if names[0].lower() in _OURS:
        return _refuse(path, "path.ours", "belongs to Masterplan")
    return None


def _refuse(path: str, code: str, why: str) -> Problem:
    return Problem(code, f"the path {path!r} {why}", path, "choose another path")
