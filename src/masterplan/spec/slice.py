"""A slice: what one builder gets of the spec, and nothing else.

Owns which parts reach a builder and how they read. Held-out acceptance and its files never do.
Must not know prompts or models.
"""

from __future__ import annotations

from dataclasses import dataclass

from masterplan.spec.schema import Spec


@dataclass(frozen=True)
class Slice:
    """One builder's part: ``text`` is markdown; ``files`` may be written, ``read`` may be read.

    ``test_files`` holds the frozen tests it may see, by path. ``token_estimate`` counts ``text``
    only.
    """

    module: str
    text: str
    files: tuple[str, ...]
    read: tuple[str, ...]
    test_files: dict[str, str]
    token_estimate: int


def estimate_tokens(text: str) -> int:
    """Estimate tokens on the safe side: 3.5 UTF-8 bytes each."""
    return -(-len(text.encode("utf-8", "replace")) * 2 // 7)


def slice_of(spec: Spec, module_id: str) -> Slice:
    """Cut the slice of one module; an unknown id is a ``SpecError``."""
    raise NotImplementedError
