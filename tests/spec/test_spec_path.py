# ruff: noqa: E501, SIM905 - a corpus reads best as words
"""No form of a path that escapes, misleads or is protected gets into a spec."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masterplan.spec import check_path

ESCAPES = """
../x ../../etc/passwd a/../../b a/b/../../../c .. ../ a/.. a/../b ./../x src/../../x x/../.git/config
./x . ./ a/./b a//b a/ //host/share/x /etc/passwd / /tmp/x ~ ~/x ~root/x ~/.ssh/id_rsa a/~/b a~ git~1
GIT~1/config .git .git/config .git/hooks/pre-commit ./.git/hooks/x .GIT/ .GIT/config .Git/HEAD
.giT/config a/.git/config a/b/.GIT/hooks/x sub/.git .git. .git./config .git/info/exclude C:/x c:x
C:\\Windows\\x C:\\x D:/a/b Z:file \\\\host\\share\\x \\\\?\\C:\\x \\x a\\..\\..\\b a\\b ..\\x
src\\..\\x \\\\.\\pipe\\x file:///etc/passwd http://h/x CON con Con.txt a/con a/CON.py PRN prn.log AUX
aux.c a/aux/b NUL nul nul.txt COM1 com1.txt COM9 lpt1 LPT9.dat a/LPT1/x CLOCK$ CONIN$ conout$ -rf
-x/y a/-rf --help -- a/--version -o - a/-/b *.py a/*.py a/**/b a? a?.py [a].py a[0] {a,b} a{1} a;b
a;rm a|b a&b a&&b $HOME $HOME/x ${HOME} $(id) `id` a`id` a>b a<b >x <x a'b a"b '"' 'x' !x a!b #x a#b
^x a^b a(b) (a) %2e%2e/x %2e%2e%2fx ..%2f..%2fx ..%c0%afx %HOME% a:b x:$DATA a/b:c .../x ...
a/... a. a./b dir./x x/y. a.../b %00 a%00.py
""".split()

SPELLED = [
    "",
    " ",
    " a",
    "a ",
    "a /b",
    "a/ b",
    "a/b ",
    ". ./x",
    ".. /x",
    ".git ",
    ".git /config",
    "CON ",
    "con .txt",
    "a\x00b",
    "\x00",
    "a.py\x00.txt",
    "a\nb",
    "a\r\nb",
    "\n",
    "a\tb",
    "a\x1bb",
    "a\x1b[2Jb",
    "a\x7fb",
    "a\x85b",
    "a\x9bb",
    "a\u2028b",
    "a\u2029b",
    "a\u200bb",
    ".g\u200cit/config",
    ".g\u200dit",
    "a\u202eyp.exe",
    "a\u2066b",
    "a\ufeffb",
    "\ufeffa",
    "a\u00adb",
    "a\u034fb",
    "a\u115fb",
    "a\u3164b",
    "a\ufe0fb",
    "a\u2060b",
    "a\u00a0b",
    "a\u3000b",
    "a\u2003b",
    "a\u1680b",
    "\uff0e\uff0e/x",
    "\u2025/x",
    "\u2024\u2024/x",
    "\uff0fetc/passwd",
    "a\uff0f\uff0e\uff0e\uff0fb",
    "\uff43on",
    "\uff0egit/config",
    ".\uff47it/config",
    "\u24d0.py",
    "\ufb01le.py",
    "\u2100.py",
    "x\u00b2.py",
    "COM\u00b9",
    "LPT\u00b2.txt",
    "e\u0301.py",
    "\ud800",
    "a\udfffb",
    "\ue000.py",
    "\U000e0041.py",
    "\u0378.py",
    "a" * 256,
    "é" * 128,
    "a/" + "b" * 256 + "/c",
    "a/" * 2048,
    "/".join(["a" * 200] * 6),
    "x" * 4096,
    "../" * 1000 + "etc/passwd",
    "-" + "a" * 100,
]

PROTECTED = """
.gitmodules .gitattributes .GITATTRIBUTES sub/.gitattributes .gitconfig .github/workflows/ci.yml
.github/actions/a/action.yml .GitHub/workflows/x.yml .github/CODEOWNERS .gitlab-ci.yml .gitlab/x.yml
.circleci/config.yml .travis.yml Jenkinsfile azure-pipelines.yml bitbucket-pipelines.yml .drone.yml
.buildkite/pipeline.yml .woodpecker/x.yml .woodpecker.yml .cirrus.yml appveyor.yml .ci/run
.forgejo/workflows/x.yml .gitea/workflows/x.yml cloudbuild.yaml buildspec.yml .envrc a/.envrc .env
.ENVRC .vscode/settings.json .vscode/tasks.json .VSCode/launch.json .idea/workspace.xml .vs/x .zed/x
.husky/pre-commit .githooks/pre-push .pre-commit-config.yaml lefthook.yml .devcontainer/x.json
conftest.py tests/conftest.py Tests/ConfTest.py sitecustomize.py src/sitecustomize.py
usercustomize.py lib/usercustomize.py evil.pth src/evil.pth EVIL.PTH x.egg-link pytest.ini tox.ini
.pytest.ini .coveragerc noxfile.py package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml
poetry.lock uv.lock Pipfile.lock Cargo.lock composer.lock Gemfile.lock bun.lockb go.sum
requirements/dev.lock .npmrc .yarnrc .yarnrc.yml .yarn/releases/y.cjs .pypirc pip.conf .netrc
.cargo/config.toml .mvn/extensions.xml
.claude/settings.json .claude .mcp.json mcp.json .cursor/mcp.json .cursorrules
.codex/config.toml .gemini/settings.json CLAUDE.md AGENTS.md docs/GEMINI.md .windsurfrules
opencode.json .opencode/x .aider.conf.yml .bashrc .profile .zshrc .tool-versions mise.toml .ssh/config
.aws/credentials .hg/hgrc .svn/x .gnupg/x
""".split()

PLAIN = """
a a.py src/app.py src/kit/__init__.py tests/test_a.py docs/a-b_c.md README.md .gitignore Makefile
pyproject.toml package.json web/index.html web/style.css a/b/c/d/e/f.ts été.py 日本/語.py .python-version
src/@scope/x.ts a+b.txt a=b.txt a,b.txt setup.py contest.py config.py console.py community.py auxiliary.py
git/x.py gitignore.py .gitkeep github/workflows.py lock.py block.md a..b x..y/z ..a .a/b env.py
""".split()


@pytest.mark.parametrize("path", [*ESCAPES, *SPELLED], ids=ascii)
def test_check_path_when_it_escapes_or_misleads_then_refuses(path: str) -> None:
    problem = check_path(path)
    assert problem is not None
    assert problem.mend
    assert problem.message.isascii()


@pytest.mark.parametrize("path", PROTECTED)
def test_check_path_when_protected_then_refuses_writing_only(path: str) -> None:
    problem = check_path(path, is_written=True)
    assert problem is not None
    assert problem.code == "path.protected"
    assert check_path(path) is None


@pytest.mark.parametrize("path", [*PLAIN, "My Notes/a b.md"])
def test_check_path_when_plain_then_takes_it(path: str) -> None:
    assert check_path(path, is_written=True) is None


def test_corpus_of_paths_is_large_enough() -> None:
    assert len({*ESCAPES, *SPELLED, *PROTECTED}) >= 200


@given(st.text(max_size=40), st.booleans())
@settings(deadline=None)
def test_check_path_when_taken_then_stays_inside(path: str, is_written: bool) -> None:
    if check_path(path, is_written=is_written) is None:
        parts = path.split("/")
        assert ".." not in parts
        assert "" not in parts
        assert ".git" not in [part.casefold() for part in parts]
        assert path.isprintable()


@pytest.mark.parametrize("path", ["masterplan.toml", "MASTERPLAN.TOML", ".masterplan/specs/a.json"])
def test_check_path_when_it_is_ours_then_refuses_reading_too(path: str) -> None:
    problem = check_path(path)
    assert problem is not None
    assert problem.code == "path.ours"
