"""Error answers: what each status and wording means, and the wording kept on the way out."""

from __future__ import annotations

import json

import pytest
from dialect_case import DIALECTS

from masterplan.core.errors import ProviderError
from masterplan.core.model import Dialect
from masterplan.dialects import codec

STATUSES = [
    (400, "provider.invalid_request"),
    (401, "provider.key_refused"),
    (402, "provider.quota"),
    (403, "provider.forbidden"),
    (404, "provider.not_found"),
    (408, "provider.timeout"),
    (409, "provider.conflict"),
    (413, "provider.too_large"),
    (418, "provider.refused"),
    (422, "provider.invalid_request"),
    (429, "provider.rate_limited"),
    (500, "provider.server_error"),
    (503, "provider.overloaded"),
    (529, "provider.overloaded"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_error_when_read_has_the_code_of_its_status(
    dialect: Dialect, status: int, code: str
) -> None:
    for body in (b"", b"<html>gone</html>", b'{"error":{"message":"why"}}', b"[1]", b"null"):
        error = codec(dialect).parse_error(status, {}, body)
        assert (error.code, error.status) == (code, status)
        assert error.mend != ""


QUOTAS: list[tuple[Dialect, int, str]] = [
    (
        "openai_chat",
        429,
        '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}',
    ),
    (
        "anthropic",
        400,
        '{"error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}',
    ),
    ("gemini", 429, '{"error":{"code":429,"message":"Quota exceeded, limit: 0, model: x"}}'),
    (
        "gemini",
        429,
        '{"error":{"code":429,"message":"m","details":[{"violations":[{"quotaId":"RequestsPerDay"}]}]}}',
    ),
]


@pytest.mark.parametrize(("dialect", "status", "body"), QUOTAS)
def test_error_when_the_quota_is_spent_is_told_from_a_busy_moment(
    dialect: Dialect, status: int, body: str
) -> None:
    assert codec(dialect).parse_error(status, {}, body.encode()).code == "provider.quota"


def test_error_when_a_wait_is_stated_carries_it() -> None:
    read = codec("openai_chat").parse_error
    assert read(429, {"Retry-After": "7"}, b"").retry_after_s == 7
    assert read(429, {"retry-after-ms": "1500"}, b"").retry_after_s == 1.5
    date = {"date": "Mon, 23 Nov 2026 10:00:00 GMT", "retry-after": "Mon, 23 Nov 2026 10:00:09 GMT"}
    assert read(503, date, b"").retry_after_s == 9
    assert read(429, {"retry-after": "soon"}, b"").retry_after_s is None
    info = b'{"error":{"message":"m","details":[{"retryDelay":"12.5s"}]}}'
    assert codec("gemini").parse_error(429, {}, info).retry_after_s == 12.5


@pytest.mark.parametrize("dialect", DIALECTS)
def test_error_when_written_keeps_the_providers_wording(dialect: Dialect) -> None:
    said = "prompt is too long: 210000 tokens > 200000 maximum"
    body = json.dumps({"error": {"type": "invalid_request_error", "message": said}}).encode()
    error = codec("anthropic").parse_error(400, {}, body)
    assert error.code == "provider.context_overflow"
    assert said in codec(dialect).write_error(error, 400).decode()
    assert (
        codec(dialect).parse_error(400, {}, codec(dialect).write_error(error, 400)).code
        == error.code
    )


def test_error_body_when_it_is_huge_is_not_kept_whole() -> None:
    error = codec("anthropic").parse_error(500, {}, b"x" * 10**6)
    assert isinstance(error, ProviderError)
    assert len(error.body) <= 8_192
    assert len(str(error)) < 600
