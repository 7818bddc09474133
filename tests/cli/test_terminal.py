"""On a terminal: live progress, the question for approval, and Ctrl-C at it."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from workflow_case import Project, script

from masterplan.spec import parse_spec

PROMPT = b"[y/N]"


def on_terminal(project: Project, answer: str) -> tuple[int, str, str]:
    """Run ``run`` with a person at the keyboard; return its code, stdout and the screen."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "masterplan", "run", "brief.md", "--policy", str(project.policy)]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        words, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=env
    ) as process:
        os.close(theirs)
        screen = _answered(process, ours, answer)
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(ours)
    return process.returncode, out, screen.decode(errors="replace")


def _answered(process: "subprocess.Popen[bytes]", ours: int, answer: str) -> bytes:
    screen, is_asked, end = b"", False, time.monotonic() + 40
    while time.monotonic() < end:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            read = os.read(ours, 65_536)
        except OSError:  # the other side is closed
            break
        screen += read
        if not is_asked and PROMPT in screen:
            is_asked = True
            if answer:
                os.write(ours, f"{answer}\n".encode())
            else:
                process.send_signal(signal.SIGINT)
    else:
        process.kill()
    return screen


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 3), ("", 130)])
def test_run_when_a_person_is_asked_then_their_word_counts(
    project: Project, answer: str, code: int
) -> None:
    fake = project.serve(script())
    before = project.files()
    ended, out, screen = on_terminal(project, answer)
    assert ended == code, screen
    assert "Build numbers: 1 module, about $" in screen
    assert "Traceback" not in screen
    assert "one model alone would be cheaper" in out
    assert "\x1b" not in out
    assert project.files() == before
    spec = parse_spec(project.spec_file().read_text())
    if answer == "y":
        assert "rung 1 of 3" in screen
        assert "so far" in screen
        assert "masterplan apply" in out
        assert spec.approval is not None
    else:
        assert fake.executions == 1
        assert "masterplan approve .masterplan/specs/numbers/spec.json" in screen
        assert spec.approval is None
