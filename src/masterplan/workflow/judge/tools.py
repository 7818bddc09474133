"""What a project's own tools need to see of the machine: their environment and its interpreter.

Owns the reading of a virtual environment's own file. Must not run anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_SYSTEM = (Path("/usr"), Path("/bin"), Path("/lib"))


def readable_for(tool_dirs: Sequence[Path]) -> tuple[Path, ...]:
    """Return the folders that the programs in ``tool_dirs`` are made of.

    For a virtual environment that is its whole folder, and the interpreter it was made from.
    """
    found: list[Path] = []
    for folder in tool_dirs:
        settings = folder.parent / "pyvenv.cfg"
        if settings.is_file():
            found.append(folder.parent)
            home = _home(settings.read_text(errors="replace"))
            if home is not None and home.is_dir():
                found += [home.parent, home.parent.resolve()]
    outside = (path for path in found if not any(path.is_relative_to(top) for top in _SYSTEM))
    return tuple(path for path in dict.fromkeys(outside) if path != Path("/"))


def _home(settings: str) -> Path | None:
    for line in settings.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home" and Path(value.strip()).is_absolute():
            return Path(value.strip())
    return None
