"""Hypothesis strategies for the canonical conversation, and sample streams of each dialect."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from masterplan.core.message import (
    Media,
    Message,
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
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage
from masterplan.dialects import codec, unfold

DIALECTS: tuple[Dialect, ...] = ("anthropic", "openai_chat", "openai_responses", "gemini")

texts = st.text(min_size=1, max_size=40).filter(str.strip)  # blank ones Anthropic refuses
names = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(names, values, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)
data = st.binary(min_size=1, max_size=20).map(
    lambda raw: __import__("base64").b64encode(raw).decode()
)
media = st.one_of(
    st.builds(Media, st.just("image"), st.sampled_from(["image/png", "image/jpeg"]), data),
    st.builds(
        lambda content, name: Media("document", "application/pdf", content, name=name), data, texts
    ),
    st.just(Media("image", "image/*", url="https://example.org/a.png")),
)
caches = st.sampled_from([None, None, None, "5m", "1h"])


def _calls(count: int) -> st.SearchStrategy[list[ToolCall]]:
    ids = st.lists(names, min_size=count, max_size=count, unique=True)
    return st.tuples(
        ids, st.lists(st.tuples(names, arguments), min_size=count, max_size=count)
    ).map(
        lambda pair: [
            ToolCall(f"call_{key}", name, text)
            for key, (name, text) in zip(pair[0], pair[1], strict=True)
        ]
    )


calls = st.integers(0, 3).flatmap(_calls)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Message]:
    """A user turn, the assistant's answer with calls, and their results."""
    user = Message(
        "user",
        tuple(draw(st.lists(st.builds(Text, texts, caches) | media, min_size=1, max_size=3))),
    )
    made = draw(calls)
    said: list[Text | ToolCall] = [Text(draw(texts)), *made]
    turns = [user, Message("assistant", tuple(said))]
    if made:
        results = [
            ToolResult(
                call.id,
                tuple(draw(st.lists(st.builds(Text, texts) | media, max_size=2))),
                draw(st.booleans()),
                call.name,
            )
            for call in made
        ]
        turns.append(Message("user", tuple(results)))
    return turns


schemas = st.builds(
    lambda fields: {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
        "required": fields,
        "additionalProperties": False,
    },
    st.lists(names, min_size=1, max_size=3, unique=True),
)
tools = st.builds(Tool, names, texts, schemas, st.booleans(), caches)


@st.composite
def requests(draw: st.DrawFn, model: str = "some-model") -> Request:
    """A request of several exchanges, with or without system, tools and limits."""
    turns: list[Message] = []
    if draw(st.booleans()):
        turns.append(Message("system", (Text(draw(texts)),)))
    for exchange in draw(st.lists(exchanges(), min_size=1, max_size=2)):
        turns += exchange
    offered = draw(st.lists(tools, max_size=3, unique_by=lambda tool: tool.name))
    choice = None
    if offered:
        named = st.just(ToolChoice("tool", offered[0].name))
        plain = st.sampled_from([ToolChoice("auto"), ToolChoice("any"), ToolChoice("none")])
        choice = draw(st.none() | plain | named)
    shape = st.builds(lambda schema: ResponseSchema("answer", schema), schemas)
    return Request(
        model=model,
        messages=tuple(turns),
        tools=tuple(offered),
        tool_choice=choice,
        max_output_tokens=draw(st.none() | st.integers(2_000, 64_000)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
        top_p=draw(st.none() | st.just(0.9)),
        top_k=draw(st.none() | st.just(40)),
        seed=draw(st.none() | st.integers(0, 2**31 - 1)),
        stop=tuple(draw(st.lists(texts, max_size=2))),
        schema=draw(st.none() | shape),
        is_stream=draw(st.booleans()),
    )


usages = st.builds(
    lambda fresh, read, out, thought: Usage(
        fresh + read,
        out + thought,
        cache_read_tokens=read,
        reasoning_tokens=thought,
        source="reported",
    ),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**5),
    st.integers(0, 10**5),
)


@st.composite
def responses(draw: st.DrawFn, dialect: Dialect) -> Response:
    """An answer as this dialect's models give it: reasoning, text, calls."""
    parts: list[Reasoning | Text | ToolCall] = []
    if draw(st.booleans()):
        signature = None if dialect == "openai_chat" else draw(st.none() | names)
        parts.append(Reasoning(draw(texts), signature, "served", dialect=dialect))
    if draw(st.booleans()):
        parts.append(Text(draw(texts)))
    made = draw(calls) or ([] if parts else [ToolCall("call_x", "f", "{}")])
    parts += made
    stop = "tool_use" if made else draw(st.sampled_from(["end_turn", "max_tokens", "refusal"]))
    return Response("id-1", "served", tuple(parts), stop, draw(usages))


def stream_of(dialect: Dialect, response: Response) -> bytes:
    """The bytes of a stream that carries a response, usage included."""
    extra = {"openai_chat": {"_stream_options": {"include_usage": True}}}
    request = Request("some-model", (Message("user", (Text("hi"),)),), is_stream=True, extra=extra)
    writer = codec(dialect).stream_writer(request)
    return b"".join(writer.write(event) for event in unfold(response))


SAMPLE = Response(
    "id-1",
    "served",
    (
        Text("Line one\u2028line two\u2029, \u0085 next\x0b\x0c – ünïcödé 🦜"),
        ToolCall("call_1", "read", '{"path":"ä/b.py","n":1}'),
        ToolCall("call_2", "write", '{"text":"a\\nb"}'),
    ),
    "tool_use",
    Usage(120, 40, cache_read_tokens=20, source="reported"),
)
