"""Rows 27 to 30 and 33 to 37: system texts, caches, what one dialect alone has, usage, counts."""

from __future__ import annotations

from typing import Any

from carry import Pair, answer, ask, names_of, whole
from row import Found, Refused, row
from wire_body import PLAIN, Call, Result, assistant, body, results, system, tool, user
from wire_stream import CACHED, INPUT, OUTPUT, SERVED, THOUGHT, stream

from masterplan.core.message import Message, Text
from masterplan.core.model import Dialect
from masterplan.dialects import codec
from masterplan.dialects.caching import with_breakpoints
from masterplan.dialects.gate import with_headers
from masterplan.dialects.size import estimate_input_tokens

Json = Any
BILLING = "x-anthropic-billing-header: cc_version=2.1.330.e84; cc_entrypoint=sdk-cli;"


def with_system(client: Dialect, *texts: str, **fields: Json) -> Json:
    """A request with system texts at its head, in the client's form."""
    turns = user(client, "hi")
    if client == "anthropic":
        return body(client, turns, system=[{"type": "text", "text": t} for t in texts], **fields)
    if client == "gemini":
        parts = [{"text": text} for text in texts]
        return body(client, turns, systemInstruction={"parts": parts}, **fields)
    head = [turn for text in texts for turn in system(client, text)]
    return body(client, [*head, *turns], **fields)


def system_texts(messages: tuple[Message, ...]) -> list[str]:
    found = [message for message in messages if message.role == "system"]
    return [part.text for message in found for part in message.parts if isinstance(part, Text)]


@row(
    27,
    "Claude Code's attribution block: in its place for Anthropic, for nobody else",
    "Other clients have no such block.",
)
def attribution(pair: Pair) -> Found:
    texts = (BILLING, "Be brief.") if pair.client == "anthropic" else ("Be brief.",)
    got = ask(pair, with_system(pair.client, *texts))
    if pair == Pair("anthropic", "anthropic"):
        assert got.body["system"][0] == {"type": "text", "text": BILLING}
    else:
        assert "billing-header" not in got.wire.body.decode()
    assert system_texts(got.again.messages) == ["Be brief."]
    return names_of(got.losses)


@row(
    28,
    "System messages inside the conversation stay in their place",
    "Where the provider takes none they become a marked user turn; Gemini's clients have none.",
)
def inside(pair: Pair) -> Found:
    client = pair.client
    turns = [
        *user(client, "one"),
        *assistant(client, "two"),
        *system(client, "now be terse"),
        *user(client, "three"),
    ]
    got = ask(pair, body(client, turns))
    texts = [p.text for m in got.again.messages for p in m.parts if isinstance(p, Text)]
    marked = [text for text in texts if text not in ("<system>", "</system>")]
    wanted = ["one", "two", "now be terse", "three"]
    assert marked == (wanted if client != "gemini" else ["one", "two", "three"])
    assert pair.provider != "openai_chat" or "<system>" not in texts
    return names_of(got.losses)


@row(
    29,
    "Cache breakpoints: at most four, with their lifetime; dropped where there are none",
    "Only Anthropic's clients set them; for the others the gateway may (caching.with_breakpoints).",
)
def breakpoints(pair: Pair) -> Found:
    client = pair.client
    if client != "anthropic":
        got = ask(pair, body(client, user(client, "hi"), tool(client, "read")))
        assert "cache_control" not in got.wire.body.decode()
        if pair.provider == "anthropic":
            marked = codec("anthropic").write_request(with_breakpoints(got.request))[0]
            assert marked.body.count(b"cache_control") == 1
        return names_of(got.losses)
    mark = {"type": "ephemeral", "ttl": "1h"}
    blocks = [{"type": "text", "text": f"t{n}", "cache_control": mark} for n in range(5)]
    sent = body(client, [{"role": "user", "content": blocks}])
    got = ask(pair, sent)
    if pair.provider == "anthropic":
        kept = [block.get("cache_control") for block in got.body["messages"][0]["content"]]
        assert kept == [mark, None, mark, mark, mark]
    else:
        assert "cache_control" not in got.wire.body.decode()
        assert got.losses[0].count == 5
    return names_of(got.losses)


@row(
    30,
    "Beta headers: only the provider's own, never one that belongs to another",
    "Forwarding a client's open list to Anthropic is the gateway's.",
    (
        "tests/gateway/test_gateway_fit.py::"
        "test_beta_headers_when_the_provider_is_another_then_they_stay_here",
    ),
)
def betas(pair: Pair) -> Found:
    got = ask(pair, body(pair.client, user(pair.client, "hi")))
    headers = {name.lower() for name in got.wire.headers}
    assert headers == {"content-type"} | (
        {"anthropic-version"} if pair.provider == "anthropic" else set()
    )
    assert "beta=" not in got.wire.path
    told = with_headers(got.request, pair.client, {"x-beta": "a"})
    wire, losses = codec(pair.provider).write_request(told)
    assert ("x-beta" in wire.headers) == (pair.client == pair.provider != "gemini")
    assert losses == got.losses
    return names_of(got.losses)


STATES: dict[Dialect, Json] = {
    "anthropic": {"container": "container_1"},
    "openai_responses": {"previous_response_id": "resp_0", "store": True},
    "gemini": {"cachedContent": "cachedContents/1"},
}


@row(
    33,
    "What only the provider keeps (earlier answers, containers, cached content)",
    "Chat Completions keeps nothing.",
)
def state(pair: Pair) -> Found:
    fields = STATES.get(pair.client, {})
    got = ask(pair, body(pair.client, user(pair.client, "hi"), **fields))
    if pair.client == pair.provider:
        assert fields.items() <= got.body.items()
        assert got.refused is None
    elif fields:
        assert got.refused is not None
        assert names_of(got.losses)
        return Refused(got.refused)
    return names_of(got.losses)


ALONE: dict[Dialect, Json] = {
    "anthropic": {
        "top_k": 40,
        "stop_sequences": ["END"],
        "service_tier": "auto",
        "metadata": {"user_id": "u"},
    },
    "openai_chat": {
        "n": 2,
        "logprobs": True,
        "seed": 7,
        "stop": ["END"],
        "service_tier": "auto",
        "metadata": {"k": "v"},
    },
    "openai_responses": {"top_logprobs": 2, "service_tier": "auto", "metadata": {"k": "v"}},
    "gemini": {
        "generationConfig": {"topK": 40, "seed": 7, "stopSequences": ["END"], "logprobs": 2}
    },
}


@row(34, "n, logprobs, seed, stop, top_k, service_tier, metadata: carried or named as lost")
def alone(pair: Pair) -> Found:
    fields = ALONE[pair.client]
    got = ask(pair, body(pair.client, user(pair.client, "hi"), **fields))
    text = got.wire.body.decode()
    lost = " ".join(names_of(got.losses))
    for name in fields.get("generationConfig", fields):
        plain = {"stop_sequences": "stop", "stopSequences": "stop", "topK": "top_k"}.get(name, name)
        written = {"stop": "END", "top_k": "40", "n": '"n":2', "seed": ":7"}.get(plain, plain)
        assert written in text or plain in lost, name
    return names_of(got.losses)


@row(
    35,
    "Token counts: cached input inside or beside, reasoning inside or beside, the same sums",
    "Cache writes have a field in Anthropic's protocol alone.",
)
def usage(pair: Pair) -> Found:
    made = stream(pair.provider)
    made.text("words")
    got = answer(pair, made.end())
    for counted in (got.made.usage, got.read.usage):
        assert (counted.input_tokens, counted.output_tokens) == (INPUT, OUTPUT)
        assert (counted.cache_read_tokens, counted.reasoning_tokens) == (CACHED, THOUGHT)
        assert counted.source == "reported"
    if pair.provider != "anthropic":
        return names_of(got.losses)
    writes = made.end().replace(
        b'"cache_creation_input_tokens": 0', b'"cache_creation_input_tokens": 30'
    )
    writing = answer(pair, writes)
    kept = writing.read.usage.cache_write_5m_tokens
    assert kept == 30 or writing.losses
    assert writing.read.usage.input_tokens == INPUT + 30
    return names_of(got.losses, writing.losses)


@row(
    36,
    "The model that really answered is named in the answer",
    "Aliases, [1m] and dated names are the catalog's.",
)
def served(pair: Pair) -> Found:
    made = stream(pair.provider)
    made.text("words")
    got = answer(pair, made.end())
    assert got.read.model == SERVED[pair.provider]
    answered, losses = whole(pair, got.made)
    name = answered.get("model") or answered.get("modelVersion")
    assert name == SERVED[pair.provider]
    return names_of(got.losses, losses)


@row(
    37,
    "Counting tokens: of the request as it goes to the provider, never less than it is",
    "The calibrated answer to count_tokens is the gateway's.",
    (
        "tests/gateway/test_gateway_question.py::"
        "test_count_when_asked_then_the_providers_own_or_a_high_estimate_that_says_so",
    ),
)
def count(pair: Pair) -> Found:
    client = pair.client
    call = Call("call_1")
    turns = [
        *user(client, "word " * 200),
        *assistant(client, "", call),
        *results(client, Result(call, "line " * 200)),
    ]
    schema = {**PLAIN, "description": "schema " * 50}
    got = ask(pair, body(client, turns, tool(client, "read", schema)))
    asked, sent = estimate_input_tokens(got.request), estimate_input_tokens(got.again)
    assert asked >= (1_000 + 1_000 + 350) // 4
    assert abs(asked - sent) <= 5
    return names_of(got.losses)
