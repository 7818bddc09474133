"""No small piece of a stream waits for a larger one: TCP_NODELAY on both sides of the gateway."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gateway_case import asking, gateway

from masterplan.providers.fake import Reply


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that ``masterplan serve`` runs on."""
    return "asyncio", {"use_uvloop": True}


def connected() -> Iterator[tuple[int, int, int]]:
    """Own port, the other's port and TCP_NODELAY of every connected socket of this process."""
    for name in os.listdir("/proc/self/fd"):
        try:
            one = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with one:
            if one.family == socket.AF_INET and one.type == socket.SOCK_STREAM:
                try:
                    there = one.getpeername()[1]
                except OSError:
                    continue
                held = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                yield one.getsockname()[1], there, held


async def test_stream_when_under_way_then_no_socket_of_the_gateway_waits(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system lists no sockets of a process")
    body = json.dumps(asking("anthropic", "claude-haiku-4-5", stream=True))
    async with gateway(tmp_path, [Reply("one two three", delay_s=0.2)]) as case:
        url = case.address.base_url + "/v1/messages"
        headers = {"x-masterplan-token": case.address.token}
        async with case.session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200
            await answer.content.readany()
            found = [*connected()]
            await answer.read()
        ours, theirs = urlsplit(case.address.base_url).port, urlsplit(case.fake.base_url).port
    to_clients = [held for here, _, held in found if here == ours]
    to_providers = [held for _, there, held in found if there == theirs]
    assert to_clients
    assert to_providers
    assert all(to_clients + to_providers)
