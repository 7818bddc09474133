"""The path a client asks by: what it names is one model, and nothing of it chooses elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gateway_case import asking, gateway
from test_gateway_guard import head, raw

GEMINI = "gemini-3.1-pro-preview"
"""The provider's own name, so that the client's bytes are forwarded."""
STRAYING = [
    f"/v1beta/models/{GEMINI}:generateContent/../dearer:generateContent",
    f"/v1beta/models/{GEMINI}:generateContent/../../../v1/files:generateContent",
    f"/v1beta/models/{GEMINI}:generateContent/..%2fdearer:generateContent",
    f"/v1beta/models/{GEMINI}:generateContent%2f..%2fdearer:generateContent",
    f"/v1beta/models/{GEMINI}:countTokens/x:generateContent",
    f"/v1beta/models/{GEMINI}:streamGenerateContent/x:generateContent",
    f"/v1beta/models/../models/{GEMINI}:generateContent",
    f"/v1beta/models/x/models/{GEMINI}:generateContent",
]


@pytest.mark.parametrize("path", STRAYING)
async def test_gemini_path_when_it_leads_elsewhere_then_404_and_nothing_is_sent(
    tmp_path: Path, path: str
) -> None:
    body = json.dumps(asking("gemini", GEMINI)).encode()
    async with gateway(tmp_path) as case:
        told = head(
            "POST",
            path,
            "Host: 127.0.0.1:{port}",
            f"x-masterplan-token: {case.address.token}",
            f"content-length: {len(body)}",
        )
        status, answer = await raw(case, told, body)
        assert status == 404, answer
        assert case.fake.received == []


async def test_gemini_path_when_a_name_holds_a_colon_then_it_is_read_whole(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path) as case:
        got = await case.post("/v1beta/models/qwen3:8b:generateContent", asking("gemini", ""))
        assert b"no model is called 'qwen3:8b'" in got.body
