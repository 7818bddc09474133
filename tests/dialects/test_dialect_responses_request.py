"""A Responses client's tools and items: as they came to their own kind, readable to the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_case import DIALECTS

from masterplan.core.message import (
    Message,
    Opaque,
    Reasoning,
    Request,
    Response,
    Text,
    ToolCall,
    ToolResult,
)
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage
from masterplan.dialects import codec, collect, unfold
from masterplan.dialects.gate import refusal
from masterplan.dialects.names import NameMap

OTHERS: tuple[Dialect, ...] = ("anthropic", "openai_chat", "gemini")
SPAWN = {"type": "function", "name": "spawn", "parameters": {"type": "object"}, "strict": False}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "read", "description": "reads", "parameters": {"type": "object"}},
    {"type": "custom", "name": "apply_patch", "description": "patches", "format": GRAMMAR},
    {"type": "namespace", "name": "agents", "description": "sub-agents", "tools": [SPAWN]},
    {"type": "web_search", "external_web_access": True},
]
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}


def parsed(*items: dict[str, Any], **fields: Any) -> Request:
    body = {"model": "gpt-5.4", "input": [USER, *items], **fields}
    return codec("openai_responses").parse_request(json.dumps(body).encode())


def rewritten(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(codec("openai_responses").write_request(request)[0].body)
    return body


def test_tools_of_every_kind_come_back_as_they_were() -> None:
    assert rewritten(parsed(tools=TOOLS))["tools"] == TOOLS


@pytest.mark.parametrize("target", OTHERS)
def test_custom_and_namespace_tools_are_functions_for_others_and_called_as_themselves(
    target: Dialect,
) -> None:
    request = parsed(tools=TOOLS)
    wire, losses = codec(target).write_request(request)
    tools = codec(target).parse_request(wire.body, path=wire.path).tools
    assert [tool.name for tool in tools] == ["read", "apply_patch", "agents__spawn"]
    assert "start: /.+/" in json.dumps(tools[1].parameters)
    assert "built-in tool web_search" in [loss.what for loss in losses]
    parts = (
        ToolCall("call_1", "apply_patch", '{"input":"*** Begin\\n\\"x\\""}'),
        ToolCall("call_2", "agents__spawn", '{"task":"t"}'),
        ToolCall("call_3", "read", "{}"),
    )
    said = Response("r", "served", parts, "tool_use", Usage(1, 1, source="reported"))
    answer = codec(target).parse_response(codec(target).write_response(said)[0])
    names = NameMap.of(request, target)
    body, losses = codec("openai_responses").write_response(names.response(answer))
    assert losses == ()
    writer = codec("openai_responses").stream_writer(request)
    events = names.events([*unfold(answer)])
    stream = b"".join(writer.write(event) for event in events)
    streamed = collect(codec("openai_responses").stream_reader().feed(stream))
    assert (
        json.loads(body)["output"]
        == json.loads(codec("openai_responses").write_response(streamed)[0])["output"]
    )
    first, second, third = json.loads(body)["output"]
    assert (first["type"], first["input"]) == ("custom_tool_call", '*** Begin\n"x"')
    assert (second["namespace"], second["name"]) == ("agents", "spawn")
    assert (third["type"], third["name"], "namespace" in third) == ("function_call", "read", False)


def test_calls_in_a_history_are_one_turn_and_come_back_alike() -> None:
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "now", "annotations": []}],
        },
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
        {
            "type": "function_call",
            "call_id": "c2",
            "name": "spawn",
            "namespace": "agents",
            "arguments": "{}",
        },
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "see"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
            ],
        },
    ]
    request = parsed(*items)
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    thought, _, patch, spawn = request.messages[1].parts
    assert isinstance(thought, Reasoning)
    assert isinstance(patch, ToolCall)
    assert isinstance(spawn, ToolCall)
    assert (thought.signature, thought.dialect) == ("sealed", "openai_responses")
    assert json.loads(patch.arguments) == {"input": "*** Begin"}
    assert spawn.name == "agents__spawn"
    assert rewritten(request)["input"] == [USER, *items]
    for target in OTHERS:
        wire, _ = codec(target).write_request(request)
        again = codec(target).parse_request(wire.body, path=wire.path)
        results = [p for m in again.messages for p in m.parts if isinstance(p, ToolResult)]
        assert [result.call_id for result in results] == ["c1", "c2"]


KEPT: list[dict[str, Any]] = [
    {"type": "local_shell_call", "id": "l", "call_id": "c", "action": {"type": "exec"}},
    {"type": "local_shell_call_output", "id": "l", "output": "{}"},
    {"type": "item_reference", "id": "msg_1"},
    {"type": "mcp_approval_response", "approve": True, "approval_request_id": "a"},
    {"type": "additional_tools", "role": "developer", "tools": [SPAWN]},
    {"type": "compaction", "encrypted_content": "sealed"},
    {"type": "something_new", "field": [1, {"a": None}]},
]


@pytest.mark.parametrize("item", KEPT, ids=[item["type"] for item in KEPT])
def test_items_of_other_kinds_come_back_as_they_were(item: dict[str, Any]) -> None:
    assert rewritten(parsed(item, USER))["input"] == [USER, item, USER]


def test_tools_in_an_item_are_tools_for_others_and_not_written_twice() -> None:
    request = parsed({"type": "additional_tools", "role": "developer", "tools": [TOOLS[1], SPAWN]})
    assert "tools" not in rewritten(request)
    wire, losses = codec("anthropic").write_request(request)
    names = [tool["name"] for tool in json.loads(wire.body)["tools"]]
    assert names == ["apply_patch", "spawn"]
    assert [loss.what for loss in losses] == ["format (of openai_responses)"]


STATES: list[dict[str, Any]] = [
    {"previous_response_id": "resp_1"},
    {"conversation": {"id": "conv_1"}},
    {"background": True},
    {"prompt": {"id": "pmpt_1"}},
]


@pytest.mark.parametrize("fields", STATES)
def test_state_that_the_provider_keeps_goes_to_its_own_kind_and_to_no_other(
    fields: dict[str, Any],
) -> None:
    request = parsed({"type": "function_call_output", "call_id": "c", "output": "x"}, **fields)
    body = rewritten(request)
    assert {name: body[name] for name in fields} == fields
    assert body["input"][1]["call_id"] == "c"
    assert refusal(request, "openai_responses") is None
    for target in OTHERS:
        assert refusal(request, target)


def test_items_that_the_provider_keeps_are_no_others_to_answer() -> None:
    for item in (KEPT[2], KEPT[5]):
        assert refusal(parsed(item), "anthropic") == "item kept by the provider (kept_there)"
    assert refusal(parsed(KEPT[0]), "anthropic") is None


def test_fields_of_the_request_come_back_as_they_were() -> None:
    fields: dict[str, Any] = {
        "instructions": "be brief",
        "tools": TOOLS,
        "tool_choice": {"type": "custom", "name": "apply_patch"},
        "parallel_tool_calls": False,
        "max_output_tokens": 4096,
        "temperature": 0.5,
        "top_p": 0.9,
        "reasoning": {"effort": "minimal", "summary": "auto"},
        "text": {
            "format": {
                "type": "json_schema",
                "name": "s",
                "schema": {"type": "object"},
                "strict": False,
            },
            "verbosity": "low",
        },
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "prompt_cache_key": "k",
        "client_metadata": {"a": "b"},
        "service_tier": "flex",
        "truncation": "auto",
        "stream": True,
        "some_new_field": {"x": [None]},
    }
    request = parsed(**fields)
    assert (request.effort, request.max_output_tokens) == ("low", 4096)
    assert rewritten(request) == {"model": "gpt-5.4", "input": [USER], **fields}
    text = codec("openai_responses").parse_request(b'{"model":"m","input":"hi"}')
    assert rewritten(text) == {"model": "m", "input": "hi"}


def test_request_of_another_dialect_leaves_nothing_with_the_provider() -> None:
    turns = (Message("system", (Text("be brief"),)), Message("user", (Text("hi"),)))
    body = rewritten(Request("gpt-5.4", turns, max_output_tokens=1))
    assert body["store"] is False
    assert body["max_output_tokens"] == 16
    assert [item["role"] for item in body["input"]] == ["system", "user"]


def test_request_of_the_sibling_keeps_what_both_say_alike_for_openai() -> None:
    own = {"prompt_cache_key": "k", "verbosity": "low", "service_tier": "flex"}
    chat = {"model": "gpt-5.4", "messages": [{"role": "user", "content": "hi"}], **own}
    request = codec("openai_chat").parse_request(json.dumps(chat).encode())
    wire, losses = codec("openai_responses").write_request(request)
    body = json.loads(wire.body)
    assert (body["prompt_cache_key"], body["text"]) == ("k", {"verbosity": "low"})
    assert losses == ()
    there, losses = codec("openai_chat").write_request(
        codec("openai_responses").parse_request(wire.body)
    )
    assert {name: json.loads(there.body)[name] for name in own} == own
    assert losses == ()
    local = json.dumps({**chat, "model": "qwen3"}).encode()
    _, losses = codec("openai_responses").write_request(codec("openai_chat").parse_request(local))
    assert len(losses) == len(own)


def test_reasoning_of_others_is_never_sent_and_comes_back_through_the_client() -> None:
    theirs = Reasoning("hm", "sig", "claude-opus-4-6", dialect="anthropic")
    said = Response("r", "claude-opus-4-6", (theirs, Text("x")), "end_turn", Usage(1, 1))
    output = json.loads(codec("openai_responses").write_response(said)[0])["output"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    request = parsed(*output, USER)
    assert request.messages[1].parts[0] == theirs
    assert "encrypted_content" not in json.dumps(rewritten(request))
    foreign = Reasoning("hm", "sig", "gpt-4.1", dialect="openai_responses")
    turns = (
        *request.messages[:1],
        Message("assistant", (foreign, Text("x"))),
        *request.messages[:1],
    )
    _, losses = codec("openai_responses").write_request(Request("gpt-5.4", turns))
    assert [loss.what for loss in losses] == ["reasoning that this model did not make"]


def test_reasoning_that_only_the_provider_kept_is_not_pointed_at_when_it_keeps_nothing() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}]}
    assert len(rewritten(parsed(item, USER))["input"]) == 3
    request = parsed(item, USER, store=False)
    wire, losses = codec("openai_responses").write_request(request)
    assert len(json.loads(wire.body)["input"]) == 2
    assert [loss.what for loss in losses] == ["reasoning that the provider did not keep"]


def test_content_that_points_at_a_kept_file_stays_inside_its_message() -> None:
    content = [{"type": "input_text", "text": "see"}, {"type": "input_file", "file_id": "file-1"}]
    item = {"type": "message", "role": "user", "content": content}
    request = parsed(item)
    assert isinstance(request.messages[1].parts[1], Opaque)
    assert rewritten(request)["input"][1] == item


@pytest.mark.parametrize("dialect", DIALECTS)
def test_documents_reach_the_protocol_whole(dialect: Dialect) -> None:
    file = {
        "type": "input_file",
        "filename": "a.pdf",
        "file_data": "data:application/pdf;base64,AA==",
    }
    request = parsed({"type": "message", "role": "user", "content": [file]})
    wire, _ = codec(dialect).write_request(request)
    assert b"AA==" in wire.body
    bare = {**file, "file_data": "AA=="}
    assert parsed({"type": "message", "role": "user", "content": [bare]}) == request
