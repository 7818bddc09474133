"""Without a cage nothing runs, and what is said names the one command that gets one."""

from __future__ import annotations

from pathlib import Path

import pytest

from masterplan.core.errors import CageError
from masterplan.sandbox import find_cage


def test_find_when_there_is_no_cage_then_refuses_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CageError) as caught:
        find_cage(among=("bubblewrap",))
    assert caught.value.code == "cage.none"
    assert caught.value.mend == "sudo apt-get install bubblewrap"
    assert "\n" not in str(caught.value)


def test_find_when_bubblewrap_does_not_work_then_says_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CageError) as caught:
        find_cage(among=("bubblewrap",))
    assert "setting up uid map" in caught.value.message


def test_find_when_unsafe_is_allowed_then_is_named_none() -> None:
    assert find_cage(allow_unsafe=True).name == "none"


def test_find_when_nothing_is_said_then_never_gives_none() -> None:
    try:
        name = find_cage().name
    except CageError:
        return
    assert name in ("bubblewrap", "landlock")
