"""Which policy files of repositories the user has agreed to: path and content, nothing else.

Owns the trust list in the user's configuration folder (mode 0600). A file that changed since is
not trusted any more. Must not read or judge the policy itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def is_trusted(path: Path, content: bytes, env: Mapping[str, str]) -> bool:
    """Tell whether exactly these bytes at this path were agreed to."""
    raise NotImplementedError


def trust(path: Path, content: bytes, env: Mapping[str, str]) -> None:
    """Record that the user agrees to these bytes at this path."""
    raise NotImplementedError


def distrust(path: Path, env: Mapping[str, str]) -> bool:
    """Forget a path; tell whether it was known."""
    raise NotImplementedError
