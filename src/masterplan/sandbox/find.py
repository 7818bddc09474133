"""Chooses the cage this machine can give: bubblewrap, else Landlock, else a refusal.

Each is tried for real before it is believed. Must not know what will run in it.
"""

from __future__ import annotations

from masterplan.core.errors import CageError
from masterplan.sandbox.cage import Cage

MEND = "sudo apt-get install bubblewrap"


def find_cage(*, allow_unsafe: bool = False) -> Cage:
    """Return the best cage that works here; raise CageError if there is none.

    ``allow_unsafe`` is the user's explicit ``--no-sandbox``: no cage at all, named ``"none"``.
    """
    raise CageError("cage.none", f"generated code cannot be caged here {allow_unsafe}", mend=MEND)
