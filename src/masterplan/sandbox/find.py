"""Chooses the cage this machine can give: bubblewrap, else Landlock, else a refusal.

Each is tried for real before it is believed. Must not know what will run in it.
"""

from __future__ import annotations

import subprocess

from masterplan.core.errors import CageError
from masterplan.sandbox.bubblewrap import BubblewrapCage
from masterplan.sandbox.cage import Cage
from masterplan.sandbox.landlock import LandlockCage
from masterplan.sandbox.uncaged import UncagedCage

MEND = "sudo apt-get install bubblewrap"
CAGES = ("bubblewrap", "landlock")


def find_cage(*, allow_unsafe: bool = False, among: tuple[str, ...] = CAGES) -> Cage:
    """Return the best cage that works here; raise CageError if there is none.

    ``allow_unsafe`` is the user's explicit ``--no-sandbox``: no cage at all, named ``"none"``.
    ``among`` narrows the choice to some cages by name.
    """
    if allow_unsafe:
        return UncagedCage()
    bubblewrap = BubblewrapCage.locate() if "bubblewrap" in among else None
    reason = "bubblewrap is not installed"
    if bubblewrap is not None:
        reason = _why_not(bubblewrap)
        if not reason:
            return bubblewrap
    landlock = LandlockCage.locate() if "landlock" in among else None
    if landlock is not None:
        return landlock
    raise CageError(
        "cage.none",
        f"generated code cannot be caged here: {reason}, and the kernel has no full Landlock",
        mend=MEND if bubblewrap is None else "allow unprivileged user namespaces, then try again",
    )


def _why_not(cage: BubblewrapCage) -> str:
    """Say why bubblewrap fails here, or nothing if it works."""
    words = ("--unshare-all", "--unshare-user", "--size", "4096", "--tmpfs", "/tmp")
    system = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    try:
        tried = subprocess.run(
            (cage.program, *system, *words, "/bin/true"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap fails ({error})"
    return (
        ""
        if tried.returncode == 0
        else f"bubblewrap fails ({tried.stderr.decode()[-200:].strip()})"
    )
