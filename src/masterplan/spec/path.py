"""Which paths a spec may name: relative, plain, inside the tree, and never a trusted file to write.

Owns the path rules and the list of protected names. Works on the text of a path only; symlinks are
the business of whoever opens it. Must not know modules or who asked.
"""

from __future__ import annotations

import re
import unicodedata

from masterplan.core.errors import Problem

MAX_PATH_CHARS = 1000
MAX_PART_BYTES = 255

_SHELL = frozenset("*?[]{}()<>|&;$`\"'\\!#^~:%")
# Characters that show nothing and are not of category Cf: they make two names look the same.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com\d|lpt\d) *(?:\..*)?", re.I)

_DIRECTORIES = """
.git .hg .svn .husky .githooks .vscode .vs .idea .zed .fleet .run .devcontainer .claude .cursor
.codex .gemini .antigravity .opencode .windsurf .continue .roo .masterplan .github .gitlab .gitea
.forgejo .circleci .buildkite .woodpecker .drone .teamcity .azure-pipelines .ci .ssh .aws .gnupg
.cargo .mvn .yarn .direnv .mise
"""
_NAMES = """
.gitmodules .gitattributes .gitconfig .envrc .env .netrc .npmrc .yarnrc .yarnrc.yml .pypirc pip.conf
.pre-commit-config.yaml lefthook.yml lefthook.yaml .gitlab-ci.yml .travis.yml jenkinsfile
azure-pipelines.yml bitbucket-pipelines.yml appveyor.yml .appveyor.yml .drone.yml .woodpecker.yml
.cirrus.yml cloudbuild.yaml buildspec.yml conftest.py sitecustomize.py usercustomize.py pytest.ini
.pytest.ini pytest.toml .pytest.toml tox.ini .coveragerc noxfile.py masterplan.toml .mcp.json
mcp.json claude.md agents.md gemini.md .aider.conf.yml .cursorrules .windsurfrules opencode.json
.bashrc .bash_profile .profile .zshrc .zshenv .tool-versions mise.toml .mise.toml package-lock.json
npm-shrinkwrap.json pnpm-lock.yaml go.sum gradle.lockfile packages.lock.json package.resolved
"""
_PROTECTED_DIRS = frozenset(_DIRECTORIES.split())
_PROTECTED_NAMES = frozenset(_NAMES.split())
_PROTECTED_ENDS = (".pth", ".lock", ".lockb", ".egg-link")


def check_path(path: str, *, is_written: bool = False) -> Problem | None:
    """Return what is wrong with a repository path, or ``None``; protected names only if written.

    >>> check_path("src/app.py") is None
    True
    >>> check_path("../x.py").code
    'path.escapes'
    """
    for rule in (_whole, _characters, _parts):
        problem = rule(path)
        if problem is not None:
            return problem
    return _protected(path) if is_written else None


def is_protected(path: str) -> bool:
    """Tell whether a path steers tools (CI, hooks, lock files, conftest.py …), not the program."""
    return _protected(path) is not None


def path_key(path: str) -> str:
    """Return what two paths share when some file system takes them for one file."""
    return unicodedata.normalize("NFKC", path).casefold()


def _problem(code: str, path: str, why: str, mend: str) -> Problem:
    shown = ascii(path if len(path) <= 80 else path[:77] + "...")
    return Problem(f"path.{code}", f"the path {shown} {why}", "", mend)


def _whole(path: str) -> Problem | None:
    if not path:
        return _problem("empty", path, "is empty", "Write a path like src/name.py.")
    if len(path) > MAX_PATH_CHARS:
        why = f"has {len(path)} characters, more than {MAX_PATH_CHARS}"
        return _problem("too_long", path, why, "Write a shorter path.")
    if path[0] in "/\\" or re.match(r"[A-Za-z]:", path):
        mend = "Write it relative to the repository's root, like src/name.py."
        return _problem("absolute", path, "is absolute", mend)
    if path[0] == "~":
        mend = "Write it relative to the repository's root, like src/name.py."
        return _problem("absolute", path, "starts in a home directory", mend)
    return None


def _characters(path: str) -> Problem | None:
    mend = "Use letters, digits, '.', '_', '-' and '/' only."
    for char in path:
        kind = unicodedata.category(char)
        if kind[0] == "C" or kind in {"Zl", "Zp"} or (kind == "Zs" and char != " "):
            return _problem("control", path, f"holds the character U+{ord(char):04X}", mend)
        if char in _INVISIBLE or 0xFE00 <= ord(char) <= 0xFE0F:
            return _problem("control", path, f"holds the invisible U+{ord(char):04X}", mend)
        if char in _SHELL:
            return _problem("shell", path, f"holds {char!r}, which a shell would act on", mend)
    if unicodedata.normalize("NFKC", path) != path:
        return _problem("not_normal", path, "has look-alike characters in it", mend)
    return None


def _parts(path: str) -> Problem | None:
    if path_key(path).split("/")[0] in {".masterplan", "masterplan.toml"}:
        return _problem("ours", path, "belongs to Masterplan", "Choose another path.")
    for part in path.split("/"):
        if part == "..":
            mend = "Remove '..': every path is relative to the repository's root."
            return _problem("escapes", path, "goes up with '..'", mend)
        problem = _part(path, part)
        if problem is not None:
            return problem
    return None


def _part(path: str, part: str) -> Problem | None:
    if part in {"", "."}:
        mend = "Remove '.', doubled and trailing slashes."
        return _problem("not_plain", path, f"has a part {part!r}", mend)
    if part[-1] in ". " or part[0] == " ":
        mend = "Remove the dot or the space."
        return _problem("not_plain", path, "has a part that ends in a dot or a space", mend)
    if part[0] == "-":
        mend = "Begin each part with a letter, a digit, '_' or '.'."
        return _problem("option", path, "has a part that starts with '-'", mend)
    if len(part.encode("utf-8", "surrogatepass")) > MAX_PART_BYTES:
        why = f"has a part longer than {MAX_PART_BYTES} bytes"
        return _problem("too_long", path, why, "Write a shorter name.")
    if _DEVICES.fullmatch(part):
        mend = "Choose another name."
        return _problem("reserved", path, f"names the device {part.split('.')[0]!r}", mend)
    if part.casefold() == ".git" or re.fullmatch(r"git~\d+", part, re.IGNORECASE):
        mend = "Leave git's own files out of the spec."
        return _problem("git", path, "lies inside git's own directory", mend)
    return None


def _protected(path: str) -> Problem | None:
    *directories, name = path_key(path).split("/")
    held = next((part for part in directories if part in _PROTECTED_DIRS), None)
    if held is None and (
        name in _PROTECTED_DIRS or name in _PROTECTED_NAMES or name.endswith(_PROTECTED_ENDS)
    ):
        held = name
    if held is None:
        return None
    mend = "Remove it from the module's files; a person changes such files by hand."
    return _problem("protected", path, f"is protected because of {held!r}", mend)
