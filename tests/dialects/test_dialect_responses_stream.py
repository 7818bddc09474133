"""What Responses servers really send, and what a Responses client must be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_case import SAMPLE, responses, stream_of
from hypothesis import given, settings
from hypothesis import strategies as st

from masterplan.core.message import (
    Failed,
    Finished,
    Message,
    Opaque,
    PartDelta,
    Reasoning,
    Request,
    Response,
    Started,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.core.usage import Usage
from masterplan.dialects import codec, collect, unfold

HI = Request("m", (Message("user", (Text("hi"),)),), is_stream=True)


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def answer(status: str = "completed", **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    return {"id": "r", "model": "served", "status": status, "usage": usage, **fields}


CREATED = event("response.created", response=answer("in_progress", output=[], usage=None))
COMPLETED = event("response.completed", response=answer(output=[]))


def added(index: int, **item: Any) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: Any) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def grown(kind: str, index: int, delta: str, **fields: Any) -> bytes:
    return event(f"response.{kind}.delta", output_index=index, delta=delta, **fields)


def message(*texts: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "role": "assistant", "content": content, **fields}


def call(arguments: str = "", **fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments, **fields}


def events_of(*pieces: bytes) -> list[StreamEvent]:
    reader = codec("openai_responses").stream_reader()
    return [*reader.feed(b"".join(pieces)), *reader.end()]


def read(*pieces: bytes) -> Response:
    return collect(events_of(CREATED, *pieces))


def written(*events: StreamEvent, request: Request = HI) -> list[dict[str, Any]]:
    writer = codec("openai_responses").stream_writer(request)
    body = b"".join(writer.write(event) for event in events).decode()
    return [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: ")]


def test_text_when_it_comes_as_deltas_and_whole_is_taken_once() -> None:
    head = added(0, **message())
    deltas = grown("output_text", 0, "he", content_index=0) + grown(
        "output_text", 0, "llo", content_index=0
    )
    whole = event("response.output_text.done", output_index=0, content_index=0, text="hello")
    end = done(0, **message("hello"))
    for pieces in ((head, deltas, whole, end), (head, whole, end), (head, deltas, end), (end,)):
        found = read(*pieces, COMPLETED)
        assert (found.parts, found.stop) == ((Text("hello"),), "end_turn")
        assert found.usage == Usage(5, 7, source="reported")


def test_arguments_when_the_item_repeats_them_whole_are_taken_once() -> None:
    head = added(0, **call())
    delta = grown("function_call_arguments", 0, '{"a":') + grown("function_call_arguments", 0, "1}")
    whole = event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
    end = done(0, **call('{"a":1}'))
    for pieces in ((head, delta, whole, end), (head, whole, end), (head, end), (end,)):
        found = read(*pieces, COMPLETED)
        assert (found.parts, found.stop) == ((ToolCall("c", "f", '{"a":1}'),), "tool_use")


def test_output_when_only_the_last_event_holds_it_is_taken_from_there() -> None:
    output = [message("hello"), call('{"a":1}')]
    found = read(event("response.completed", response=answer(output=output)))
    assert found.parts == (Text("hello"), ToolCall("c", "f", '{"a":1}'))


def test_calls_when_they_interleave_are_put_in_order() -> None:
    found = read(
        added(0, **call()),
        grown("function_call_arguments", 0, '{"a"'),
        added(1, **call(call_id="d", name="g")),
        grown("function_call_arguments", 1, '{"b":2}'),
        grown("function_call_arguments", 0, ":1}"),
        done(1, **call('{"b":2}', call_id="d", name="g")),
        done(0, **call('{"a":1}')),
        COMPLETED,
    )
    assert found.parts == (ToolCall("c", "f", '{"a":1}'), ToolCall("d", "g", '{"b":2}'))


def test_reasoning_when_it_has_parts_and_a_seal_is_one_text_and_comes_back_alike() -> None:
    summary = [{"type": "summary_text", "text": text} for text in ("one", "two")]
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "sealed"}
    found = read(
        added(0, type="reasoning", id="rs_1", summary=[]),
        grown("reasoning_summary_text", 0, "o", summary_index=0),
        grown("reasoning_summary_text", 0, "ne", summary_index=0),
        grown("reasoning_summary_text", 0, "two", summary_index=1),
        done(0, **item),
        done(1, **message("so")),
        COMPLETED,
    )
    thought = found.parts[0]
    assert isinstance(thought, Reasoning)
    assert (thought.text, thought.signature, thought.producer) == ("one\n\ntwo", "sealed", "served")
    body = json.loads(codec("openai_responses").write_response(found)[0])
    assert {k: v for k, v in body["output"][0].items() if k != "status"} == item
    whole = answer(output=[item, message("so")])
    assert codec("openai_responses").parse_response(json.dumps(whole).encode()) == found


def test_reasoning_text_when_a_server_shows_it_is_kept_as_content() -> None:
    content = [{"type": "reasoning_text", "text": "because"}]
    item = {"type": "reasoning", "id": "x", "summary": [], "content": content}
    found = read(
        added(0, type="reasoning", id="x", summary=[]),
        grown("reasoning_text", 0, "because", content_index=0),
        done(0, **item),
        done(1, **message("so")),
        COMPLETED,
    )
    assert isinstance(found.parts[0], Reasoning)
    assert found.parts[0].text == "because"
    turns = (*HI.messages, Message("assistant", found.parts), *HI.messages)
    body, losses = codec("openai_responses").write_request(Request("served", turns))
    assert json.loads(body.body)["input"][1] == item
    assert losses == ()


def test_custom_call_when_its_text_comes_in_pieces_is_a_string_whatever_the_cut() -> None:
    text = 'a "quoted" \\ line\nwith 🦜 and \x01'
    item = {"type": "custom_tool_call", "call_id": "c", "name": "exec"}
    pieces = [grown("custom_tool_call_input", 0, part) for part in text]
    end = done(0, **item, input=text)
    for body in ((added(0, **item, input=""), *pieces, end), (end,)):
        found = read(*body, COMPLETED).parts[0]
        assert isinstance(found, ToolCall)
        assert json.loads(found.arguments) == {"input": text}


def test_refusal_in_words_is_a_refusal_and_stays_one() -> None:
    content = [{"type": "refusal", "refusal": "I will not"}]
    found = read(
        added(0, **message()),
        grown("refusal", 0, "I will ", content_index=0),
        event("response.refusal.done", output_index=0, content_index=0, refusal="I will not"),
        done(0, **{**message(), "content": content}),
        COMPLETED,
    )
    assert (found.text, found.stop) == ("I will not", "refusal")
    kinds = [e["type"] for e in written(*unfold(found))]
    assert "response.refusal.delta" in kinds
    assert kinds[-1] == "response.completed"
    again = codec("openai_responses").write_response(found)[0]
    assert codec("openai_responses").parse_response(again).stop == "refusal"


def test_items_of_other_kinds_are_kept_whole() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"q": 1}}
    found = read(
        added(0, type="web_search_call", id="ws_1", status="in_progress"),
        event("response.web_search_call.searching", output_index=0, item_id="ws_1"),
        done(0, **search),
        done(1, **message("found")),
        COMPLETED,
    )
    assert found.parts[0] == Opaque("openai_responses", search)
    assert written(*unfold(found))[-1]["response"]["output"][0] == search


def test_annotations_when_told_by_events_and_whole_are_kept_once() -> None:
    note = {"type": "url_citation", "url": "https://example.org", "start_index": 0, "end_index": 2}
    said = {
        **message("hi"),
        "content": [{"type": "output_text", "text": "hi", "annotations": [note]}],
    }
    told = event(
        "response.output_text.annotation.added",
        output_index=0,
        content_index=0,
        annotation_index=0,
        annotation=note,
    )
    delta = grown("output_text", 0, "hi", content_index=0)
    for pieces in ((delta, told), (delta,)):
        found = read(added(0, **message()), *pieces, done(0, **said), COMPLETED)
        text = found.parts[0]
        assert isinstance(text, Text)
        assert text.extra["openai_responses"]["annotations"] == [note]


def test_items_when_the_provider_names_them_keep_their_ids_and_phase() -> None:
    head = message(id="msg_theirs", phase="commentary", status="in_progress")
    found = read(
        added(0, **head),
        grown("output_text", 0, "hi", content_index=0),
        done(0, **message("hi", id="msg_theirs", phase="commentary", status="completed")),
        COMPLETED,
    )
    for said in written(*unfold(found)):
        item = said.get("item") or {}
        assert item.get("id", "msg_theirs") == said.get("item_id", "msg_theirs") == "msg_theirs"
    assert written(*unfold(found))[-1]["response"]["output"][0]["phase"] == "commentary"


FAILURES = [
    (
        event(
            "response.failed",
            response=answer(
                "failed", error={"code": "context_length_exceeded", "message": "too long"}
            ),
        ),
        "provider.context_overflow",
        "too long",
    ),
    (event("error", code="rate_limit_exceeded", message="slow"), "provider.rate_limited", "slow"),
    (
        event("error", error={"type": "server_error", "message": "broke"}),
        "provider.server_error",
        "broke",
    ),
]


@pytest.mark.parametrize(("last", "code", "said"), FAILURES)
def test_failure_inside_the_stream_is_the_providers(last: bytes, code: str, said: str) -> None:
    for before in (CREATED + done(0, **message("hi")), b""):
        reader = codec("openai_responses").stream_reader()
        found = [*reader.feed(before + last), *reader.end()][-1]
        assert isinstance(found, Failed)
        assert (found.code, found.message, reader.outcome) == (code, said, "provider_error")


@pytest.mark.parametrize(
    "pieces",
    [
        (COMPLETED,),
        (CREATED, added(0, **message()), added(0, **message())),
        (CREATED, grown("output_text", 0, "x", content_index=0)),
        (CREATED, done(0, **message("hi")), grown("output_text", 0, "x", content_index=0)),
        (CREATED, done(0, **message("hi")), done(0, **message("hi"))),
        (
            CREATED,
            added(0, **message()),
            grown("output_text", 0, "hello", content_index=0),
            done(0, **message("other")),
        ),
        (CREATED, added(0, **call()), grown("output_text", 0, "x", content_index=0)),
        (CREATED, event("response.output_item.done", output_index=0)),
        (CREATED, b"data: {broken\n\n"),
    ],
    ids=[
        "the end before the start",
        "an item twice",
        "an unknown item",
        "growth after the end",
        "two ends",
        "a whole that is another",
        "text of a call",
        "no item",
        "broken json",
    ],
)
def test_stream_when_it_breaks_the_protocol_says_so(pieces: tuple[bytes, ...]) -> None:
    reader = codec("openai_responses").stream_reader()
    found = [*reader.feed(b"".join(pieces)), *reader.end()]
    assert isinstance(found[-1], Failed)
    assert reader.outcome == "protocol_error"


def test_done_sentinel_of_other_protocols_is_no_end() -> None:
    last = events_of(CREATED, done(0, **message("hi")), b"data: [DONE]\n\n")[-1]
    assert isinstance(last, Failed)
    assert last.code == "provider.cut"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_writer_numbers_events_without_gaps_and_ends_with_the_whole(data: st.DataObject) -> None:
    said = data.draw(responses("openai_responses"))
    events = written(*unfold(said))
    assert [e["sequence_number"] for e in events] == [*range(len(events))]
    whole = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    last = events[-1]["response"]
    assert last["output"] == whole
    assert codec("openai_responses").parse_response(json.dumps(last).encode()) == said
    begun = [e["item"]["id"] for e in events if e["type"] == "response.output_item.added"]
    assert begun == [item["id"] for item in whole]
    assert len(set(begun)) == len(begun)


def test_context_that_is_full_is_the_failure_on_which_clients_compact() -> None:
    ended = Finished("context_overflow", Usage(9, 1, source="reported"))
    last = written(Started("r", "m"), ended)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "context_length_exceeded"
    writer = codec("openai_responses").stream_writer(HI)
    failed = writer.fail("provider.context_overflow", "prompt is too long").decode()
    kinds = [line[7:] for line in failed.split("\n") if line.startswith("event: ")]
    assert kinds == ["response.created", "response.in_progress", "response.failed"]
    assert '"code":"context_length_exceeded"' in failed


def test_failure_after_content_keeps_what_was_whole() -> None:
    events = [*unfold(SAMPLE)][:-1]
    last = written(*events, Failed("provider.cut", "it broke off"))[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert len(last["response"]["output"]) == len(SAMPLE.parts)


def test_call_of_a_foreign_model_brings_its_signature_back_sealed() -> None:
    signed = ToolCall("c", "f", "{}", signature="thought")
    said = Response("r", "gemini-3.1-pro", (signed,), "tool_use", Usage(1, 1, source="reported"))
    for output in (
        written(*unfold(said))[-1]["response"]["output"],
        json.loads(codec("openai_responses").write_response(said)[0])["output"],
    ):
        assert [item["type"] for item in output] == ["reasoning", "function_call"]
        told = [*output, {"type": "function_call_output", "call_id": "c", "output": "ok"}]
        body = json.dumps({"model": "m", "input": told}).encode()
        again = codec("openai_responses").parse_request(body).messages[0].parts[-1]
        assert isinstance(again, ToolCall)
        assert again.signature == "thought"


def test_stream_of_one_long_text_is_linear_in_its_pieces() -> None:
    """A writer that joins or parses all so far at each piece would take minutes here."""
    pieces = [PartDelta(0, "x" * 50) for _ in range(20_000)]
    head, tail = [*unfold(Response("r", "m", (Text(""),), "end_turn", Usage(1, 1)))], []
    for at, one in enumerate(head):
        if isinstance(one, PartDelta):
            head, tail = head[:at], head[at + 1 :]
            break
    body = written(*head, *pieces, *tail)
    assert len(body[-1]["response"]["output"][0]["content"][0]["text"]) == 1_000_000
    stream = stream_of("openai_responses", SAMPLE)
    assert collect(codec("openai_responses").stream_reader().feed(stream)) == SAMPLE
