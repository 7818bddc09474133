"""Tool results that a Gemini client writes under ``model``, as Antigravity does, are not lost."""

import json

from masterplan.core.message import Text, ToolCall, ToolResult
from masterplan.dialects import codec

CALL = {"functionCall": {"id": "c1", "name": "look", "args": {}}}
RESULT = {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "FOUND"}}}
PATH = "/v1beta/models/m:generateContent"


def body(*turns: tuple[str, list[object]]) -> bytes:
    return json.dumps({"contents": [{"role": r, "parts": p} for r, p in turns]}).encode()


def test_parse_request_when_a_result_stands_under_model_then_it_is_the_users() -> None:
    asked = body(("user", [{"text": "go"}]), ("model", [CALL]), ("model", [RESULT]))
    request = codec("gemini").parse_request(asked, path=PATH)
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert isinstance(request.messages[2].parts[0], ToolResult)
    for dialect in ("anthropic", "openai_chat"):
        written = codec(dialect).write_request(request)[0].body
        assert b"FOUND" in written, dialect
        assert b"no result" not in written, dialect


def test_parse_request_when_call_and_result_share_a_turn_then_both_are_kept_in_order() -> None:
    asked = body(("user", [{"text": "go"}]), ("model", [{"text": "well"}, CALL, RESULT]))
    request = codec("gemini").parse_request(asked, path=PATH)
    kinds = [[type(part) for part in message.parts] for message in request.messages]
    assert kinds == [[Text], [Text, ToolCall], [ToolResult]]
