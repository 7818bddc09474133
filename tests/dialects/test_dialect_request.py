"""What one request becomes in each dialect: effort, schema, names, ids, system, reasoning."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from dialect_case import DIALECTS

from masterplan.core.errors import DialectError
from masterplan.core.message import (
    Media,
    Message,
    Opaque,
    Reasoning,
    Request,
    Response,
    ResponseSchema,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from masterplan.core.model import Dialect, Effort
from masterplan.core.usage import Usage
from masterplan.dialects import codec
from masterplan.dialects.names import NameMap

HI = Message("user", (Text("hi"),))
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def wire(dialect: Dialect, request: Request) -> tuple[dict[str, Any], list[str]]:
    """The body written for a provider, and what was lost."""
    written, losses = codec(dialect).write_request(request)
    return json.loads(written.body), [loss.what for loss in losses]


EFFORTS: list[tuple[Dialect, str, Effort, dict[str, Any]]] = [
    ("anthropic", "claude-opus-4-6", "none", {"thinking": {"type": "disabled"}}),
    (
        "anthropic",
        "claude-opus-4-6",
        "high",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ),
    (
        "anthropic",
        "claude-haiku-4-5",
        "medium",
        {"thinking": {"type": "enabled", "budget_tokens": 4096}},
    ),
    ("anthropic", "claude-opus-4-5", "low", {"output_config": {"effort": "low"}}),
    ("openai_chat", "gpt-5.4", "none", {"reasoning_effort": "none"}),
    ("openai_chat", "gpt-5.4", "max", {"reasoning_effort": "xhigh"}),
    ("openai_chat", "o3", "max", {"reasoning_effort": "high"}),
    ("openai_responses", "gpt-5.4", "none", {"reasoning": {"effort": "none"}}),
    ("openai_responses", "gpt-6-sol", "max", {"reasoning": {"effort": "xhigh"}}),
    (
        "gemini",
        "gemini-3.1-pro-preview",
        "medium",
        {"thinkingConfig": {"thinkingLevel": "MEDIUM", "includeThoughts": True}},
    ),
    ("gemini", "gemini-3.1-pro-preview", "none", {"thinkingConfig": {"thinkingLevel": "LOW"}}),
    (
        "gemini",
        "gemini-2.5-flash",
        "low",
        {"thinkingConfig": {"thinkingBudget": 2048, "includeThoughts": True}},
    ),
]


@pytest.mark.parametrize(("dialect", "model", "effort", "wanted"), EFFORTS)
def test_effort_when_written_takes_the_form_of_the_model(
    dialect: Dialect, model: str, effort: Effort, wanted: dict[str, Any]
) -> None:
    body, _ = wire(dialect, Request(model, (HI,), effort=effort, max_output_tokens=20_000))
    fields = body["generationConfig"] if dialect == "gemini" else body
    assert {name: fields.get(name) for name in wanted} == wanted
    assert not {"thinking", "output_config", "reasoning_effort", "reasoning"} & (
        set(fields) - set(wanted)
    )


def test_effort_when_it_has_no_equal_is_reported() -> None:
    _, losses = wire("openai_chat", Request("o3", (HI,), effort="max"))
    assert losses == ["effort max"]


@pytest.mark.parametrize("max_tokens", [500, 3_000])
def test_thinking_budget_when_max_tokens_is_small_stays_below_it(max_tokens: int) -> None:
    request = Request("claude-haiku-4-5", (HI,), effort="high", max_output_tokens=max_tokens)
    body, losses = wire("anthropic", request)
    assert body.get("thinking", {}).get("budget_tokens", 0) < max_tokens
    assert losses


def test_thinking_budget_when_a_tool_is_forced_is_left_out_and_reported() -> None:
    request = Request(
        "claude-haiku-4-5",
        (HI,),
        tools=(Tool("f", "", CLOSED),),
        tool_choice=ToolChoice("any"),
        effort="low",
    )
    body, losses = wire("anthropic", request)
    assert "thinking" not in body
    assert losses == ["reasoning (not possible with this request)"]


def test_schema_when_written_is_native_in_each_dialect() -> None:
    request = Request("gpt-5.4", (HI,), schema=ResponseSchema("spec", CLOSED))
    assert wire("anthropic", request)[0]["output_config"] == {
        "format": {"type": "json_schema", "schema": CLOSED}
    }
    assert wire("openai_chat", request)[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "spec", "schema": CLOSED, "strict": True},
    }
    config = wire("gemini", request)[0]["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": CLOSED}


def test_strict_schema_when_it_has_open_parts_is_not_sent_as_strict_to_openai() -> None:
    shape = ResponseSchema("s", {"type": "object", "properties": {"a": {"type": "string"}}})
    body, losses = wire("openai_chat", Request("gpt-5.4", (HI,), schema=shape))
    assert body["response_format"]["json_schema"]["strict"] is False
    assert losses == ["strict schema (it has optional or open parts)"]


def test_schema_when_gemini_does_not_take_a_keyword_reports_it() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "kind": {"const": "x"},
            "n": {"type": "integer", "exclusiveMinimum": 0},
            "f": {"type": "number", "exclusiveMinimum": 0},
            "u": {"oneOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["kind", "ghost"],
    }
    body, losses = wire("gemini", Request("gemini-3.1-pro", (HI,), tools=(Tool("f", "", schema),)))
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == {
        "type": "object",
        "properties": {
            "kind": {"enum": ["x"]},
            "n": {"type": "integer", "minimum": 1},
            "f": {"type": "number"},
            "u": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["kind"],
    }
    assert losses == ["schema keyword exclusiveMinimum"]


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "gemini"])
def test_tool_name_when_too_long_is_shortened_and_comes_back(dialect: Dialect) -> None:
    name = "mcp__" + "server_" * 12 + "tool"
    request = Request("m", (HI,), tools=(Tool(name, "", CLOSED),))
    text = codec(dialect).write_request(request)[0].body.decode()
    short = next(part for part in text.split('"') if part.startswith("mcp__"))
    assert len(short) <= 64
    said = Response("i", "m", (ToolCall("c", short, "{}"),), "tool_use", Usage())
    answer = codec(dialect).parse_response(codec(dialect).write_response(said)[0])
    call = NameMap.of(request, dialect).response(answer).parts[0]
    assert isinstance(call, ToolCall)
    assert call.name == name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_call_id_when_the_dialect_refuses_it_stays_joined_to_its_result(dialect: Dialect) -> None:
    ident = "functions.read:0 ü" + "x" * 300
    turns = (
        HI,
        Message("assistant", (ToolCall(ident, "f", "{}"),)),
        Message("user", (ToolResult(ident, (Text("r"),)),)),
    )
    written, _ = codec(dialect).write_request(Request("m", turns))
    assert ident not in written.body.decode()
    again = codec(dialect).parse_request(written.body, path=written.path)
    call, result = again.messages[1].parts[0], again.messages[2].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert call.id == result.call_id


def test_system_message_inside_the_conversation_is_demoted_in_place_and_reported() -> None:
    turns = (HI, Message("system", (Text("be brief"),)), Message("assistant", (Text("ok"),)))
    body, losses = wire("anthropic", Request("claude-opus-4-6", turns))
    assert [m["role"] for m in body["messages"]] == ["user", "user", "assistant"]
    assert losses == ["system message inside the conversation"]
    body, losses = wire("anthropic", Request("claude-opus-5", turns))
    assert [m["role"] for m in body["messages"]] == ["user", "system", "assistant"]
    assert losses == []
    _, losses = wire("gemini", Request("gemini-3.1-pro", turns))
    assert losses == ["system message inside the conversation"]
    assert wire("openai_chat", Request("m", turns))[1] == []


SIGNED = (
    Reasoning("a", "sig", "claude-opus-4-6", dialect="anthropic"),
    Reasoning("g", "sig", "gemini-3.1-pro", dialect="gemini"),
)


def test_reasoning_when_another_model_signed_it_is_never_sent() -> None:
    turns = (HI, Message("assistant", (*SIGNED, Text("said"))), HI)
    for dialect, model in (
        ("anthropic", "claude-haiku-4-5"),
        ("openai_chat", "gpt-5.4"),
    ):
        body, losses = wire(dialect, Request(model, turns))  # type: ignore[arg-type]
        assert "sig" not in json.dumps(body)
        assert len(losses) >= 1
    body, _ = wire("anthropic", Request("claude-opus-4-6-20260205", turns))
    assert [b["type"] for b in body["messages"][1]["content"]] == ["thinking", "text"]
    body, _ = wire("gemini", Request("gemini-3.1-pro", turns))
    assert body["contents"][1]["parts"][0] == {
        "text": "g",
        "thought": True,
        "thoughtSignature": "sig",
    }


def test_gemini_call_when_another_model_made_it_gets_the_dummy_signature_once() -> None:
    calls = (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))
    results = tuple(ToolResult(call.id, (Text("r"),)) for call in calls)
    turns = (HI, Message("assistant", calls), Message("user", results))
    parts = wire("gemini", Request("gemini-3.1-pro", turns))[0]["contents"][1]["parts"]
    assert parts[0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in parts[1]
    signed = replace(calls[0], signature="own")
    turns = (HI, Message("assistant", (signed, calls[1])), Message("user", results))
    parts = wire("gemini", Request("gemini-3.1-pro", turns))[0]["contents"][1]["parts"]
    assert parts[0]["thoughtSignature"] == "own"


def test_image_in_a_tool_result_is_shown_and_reported_to_chat_servers() -> None:
    image = Media("image", "image/png", "AAAA")
    turns = (
        HI,
        Message("assistant", (ToolCall("c", "shot", "{}"),)),
        Message("user", (ToolResult("c", (Text("see"), image)),)),
    )
    body, losses = wire("openai_chat", Request("m", turns))
    assert body["messages"][2]["content"][1]["text"].startswith("[image 1 of this result")
    assert body["messages"][3]["content"][0]["image_url"]["url"] == "data:image/png;base64,AAAA"
    assert losses == ["image in a tool result"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tool_arguments_when_they_are_broken_never_stop_the_conversation(dialect: Dialect) -> None:
    result = Message("user", (ToolResult("c", (Text("what?"),), is_error=True, name="f"),))
    turns = (HI, Message("assistant", (ToolCall("c", "f", '{"a":'),)), result)
    body, losses = wire(dialect, Request("m", turns))
    assert '{\\"a\\":' in json.dumps(body)
    assert dialect.startswith("openai") or losses == ["tool arguments that are not a JSON object"]


def test_extras_when_the_dialect_is_another_are_reported_one_by_one() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"n":2,"logprobs":true}'
    canonical = codec("openai_chat").parse_request(body)
    assert wire("openai_chat", canonical)[0]["n"] == 2
    _, losses = wire("anthropic", canonical)
    assert losses == ["n (of openai_chat)", "logprobs (of openai_chat)"]
    foreign = Request("m", (Message("user", (Opaque("gemini", {"executableCode": {}}),)),))
    assert wire("anthropic", foreign)[1] == ["executableCode part (of gemini)"]


def test_usage_of_a_stream_is_always_asked_for() -> None:
    body, _ = wire("openai_chat", Request("m", (HI,), is_stream=True))
    assert body["stream_options"] == {"include_usage": True}


BAD: list[tuple[Dialect, str, str]] = [
    ("anthropic", "{", "line 1"),
    ("anthropic", "[]", "expected an object, got a list - at `$`"),
    ("anthropic", '{"model":"m"}', "`messages` is missing"),
    ("anthropic", '{"model":"m","messages":[{"role":"x","content":""}]}', "$.messages[0].role"),
    (
        "anthropic",
        '{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}',
        "`text` is missing - at `$.messages[0].content[0]`",
    ),
    ("anthropic", '{"model":"m","max_tokens":"9","messages":[]}', "$.max_tokens"),
    ("openai_chat", '{"model":"m","messages":[{"role":"tool"}]}', "`tool_call_id` is missing"),
    (
        "openai_chat",
        '{"model":"m","messages":[{"role":"user","content":7}]}',
        "messages[0].content",
    ),
    ("openai_chat", '{"messages":[]}', "`model` is missing"),
    ("openai_responses", '{"input":"hi"}', "`model` is missing"),
    ("openai_responses", '{"model":"m","input":7}', "a list, got a number - at `$.input`"),
    (
        "openai_responses",
        '{"model":"m","input":[{"type":"function_call_output","output":"x"}]}',
        "`call_id` is missing - at `$.input[0]`",
    ),
    (
        "openai_responses",
        '{"model":"m","input":[{"role":"robot","content":"x"}]}',
        "one of system, developer, user, assistant",
    ),
    (
        "openai_responses",
        '{"model":"m","input":[{"role":"user","content":[{"type":"input_text"}]}]}',
        "`text` is missing - at `$.input[0].content[0]`",
    ),
    ("gemini", '{"contents":[{"parts":[{"functionCall":{}}]}]}', "`name` is missing"),
    ("gemini", "{}", "`contents` is missing"),
    ("anthropic", '{"model":"m","messages":[{"role":[],"content":""}]}', "a string, got a list"),
    ("openai_chat", '{"model":"m","messages":[{"role":{}}]}', "a string, got an object"),
    ("openai_responses", '{"model":"m","input":[{"role":[]}]}', "a string, got a list"),
]


@pytest.mark.parametrize(("dialect", "body", "said"), BAD)
def test_request_when_it_is_wrong_says_where(dialect: Dialect, body: str, said: str) -> None:
    with pytest.raises(DialectError) as caught:
        codec(dialect).parse_request(body.encode(), path="/v1beta/models/m:generateContent")
    assert said in str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_request_when_nested_without_end_is_refused_and_not_a_crash(dialect: Dialect) -> None:
    with pytest.raises(DialectError):
        codec(dialect).parse_request(b'{"messages":' + b"[" * 100_000, path="models/m:x")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_arguments_when_they_hold_a_lone_surrogate_are_carried(dialect: Dialect) -> None:
    call = ToolCall("c", "f", '{"a":"\ud83d"}')
    turns = (HI, Message("assistant", (call,)), Message("user", (ToolResult("c", ()),)))
    written, _ = codec(dialect).write_request(Request("m", turns))
    again = codec(dialect).parse_request(written.body, path=written.path).messages[1].parts[0]
    assert isinstance(again, ToolCall)
    assert json.loads(again.arguments) == {"a": "\ud83d"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_when_it_holds_a_lone_surrogate_is_carried(dialect: Dialect) -> None:
    written, _ = codec(dialect).write_request(Request("m", (Message("user", (Text("\ud83d"),)),)))
    again = codec(dialect).parse_request(written.body, path=written.path)
    assert again.messages[0].parts == (Text("\ud83d"),)
