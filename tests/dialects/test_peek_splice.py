"""Single values exchanged in a body: only they change, wherever and however they are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masterplan.core.errors import DialectError
from masterplan.core.model import Dialect
from masterplan.dialects.peek import peek, with_model, with_output_cap, with_usage_asked

PATH = "/v1beta/models/old:generateContent"


def renamed(dialect: Dialect, body: bytes, model: str) -> bytes:
    return with_model(dialect, body, peek(dialect, body, path=PATH), model)


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"model":"old","messages":[]}', b'{"model":"new","messages":[]}'),
        (b'{ "messages" : [] ,\n "model"\t:\r\n"old" }',
         b'{ "messages" : [] ,\n "model"\t:\r\n"new" }'),
        (b'{"messages":[{"model":"x","y":"\\"model\\":\\"z\\""}],"model":"old"}',
         b'{"messages":[{"model":"x","y":"\\"model\\":\\"z\\""}],"model":"new"}'),
        (b'{"mod\\u0065l":"o\\u006cd","messages":[]}', b'{"mod\\u0065l":"new","messages":[]}'),
        (b'{"x":"model","model":"old","messages":[]}',
         b'{"x":"model","model":"new","messages":[]}'),
        (b'{"x":1,"x":22,"model":"old","messages":[]}',
         b'{"x":1,"x":22,"model":"new","messages":[]}'),
        (b'{"x":[{"a":"\xc3\xa9}"}],"x":2,"model":"old","messages":[]}',
         b'{"x":[{"a":"\xc3\xa9}"}],"x":2,"model":"new","messages":[]}'),
    ],
)  # fmt: skip
def test_with_model_when_written_anyhow_then_only_the_name_changes(
    body: bytes, changed: bytes
) -> None:
    assert renamed("openai_chat", body, "new") == changed


def test_with_model_when_it_is_the_same_then_the_very_body() -> None:
    body = b'{"messages":[],"mod\\u0065l":"o\\u006cd"}'
    assert renamed("anthropic", body, "old") is body


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","messages":[],"model":"b"}',
        b'{"model":"a","messages":[],"model":"a"}',
        b'{"model":"a","messages":[],"mod\\u0065l":"b"}',
    ],
)
def test_with_model_when_there_twice_then_refused(body: bytes) -> None:
    with pytest.raises(DialectError) as caught:
        renamed("anthropic", body, "new")
    assert (caught.value.code, caught.value.where) == ("dialect.duplicate_key", "$.model")


def test_with_model_when_gemini_then_the_body_changes_only_where_it_names_one() -> None:
    plain = b'{"contents":[]}'
    assert renamed("gemini", plain, "new") is plain
    named = b'{"contents":[],"model":"models/old"}'
    assert renamed("gemini", named, "new") == b'{"contents":[],"model":"models/new"}'


def test_with_model_when_the_name_needs_escapes_then_it_is_json() -> None:
    body = renamed("anthropic", b'{"model":"old","messages":[]}', 'a"b\\é')
    assert json.loads(body)["model"] == 'a"b\\é'


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"model":"m"}', b'{"stream_options":{"include_usage":true},"model":"m"}'),
        (b' { }', b' {"stream_options":{"include_usage":true} }'),
        (b'{"stream_options": null}', b'{"stream_options": {"include_usage":true}}'),
        (b'{"stream_options": { }}', b'{"stream_options": {"include_usage":true }}'),
        (b'{"stream_options":{"x":1}}', b'{"stream_options":{"include_usage":true,"x":1}}'),
        (b'{"stream_options":{"x":1,"include_usage": false }}',
         b'{"stream_options":{"x":1,"include_usage": true }}'),
        (b'{"m":[{"stream_options":{}}]}',
         b'{"stream_options":{"include_usage":true},"m":[{"stream_options":{}}]}'),
    ],
)  # fmt: skip
def test_with_usage_asked_when_not_asked_then_it_is(body: bytes, changed: bytes) -> None:
    assert with_usage_asked(body) == changed


def test_with_usage_asked_when_asked_then_the_very_body() -> None:
    body = b'{"stream_options" : {"include_usage" : true, "x": 2}}'
    assert with_usage_asked(body) is body


@pytest.mark.parametrize(
    "options",
    [
        b"",
        b',"stream_options":null',
        b',"stream_options":{}',
        b',"stream_options":{"include_usage":true}',
        b',"stream\\u005foptions":{"x":1}',
        b',"user":"\\"stream_options\\":{}"',
    ],
)
def test_with_usage_asked_when_the_peek_is_at_hand_then_the_same_body(options: bytes) -> None:
    body = b'{"model":"m","messages":[{"stream_options":1}]' + options + b"}"
    assert with_usage_asked(body, peek("openai_chat", body)) == with_usage_asked(body)


def test_with_usage_asked_when_options_are_no_object_then_refused() -> None:
    with pytest.raises(DialectError) as caught:
        with_usage_asked(b'{"stream_options":7}')
    assert caught.value.where == "$.stream_options"


@pytest.mark.parametrize(
    ("dialect", "body", "changed"),
    [
        ("anthropic", b'{"max_tokens": 9 }', b'{"max_tokens": 5 }'),
        ("anthropic", b'{"max_tokens":4}', b'{"max_tokens":4}'),
        ("anthropic", b'{"max_tokens":9.0}', b'{"max_tokens":5}'),
        ("anthropic", b'{"max_tokens":null}', b'{"max_tokens":5}'),
        ("anthropic", b'{"x":{"max_tokens":9}}', b'{"max_tokens":5,"x":{"max_tokens":9}}'),
        ("openai_chat", b'{"max_tokens":9}', b'{"max_tokens":5}'),
        ("openai_chat", b'{"max_completion_tokens":9}', b'{"max_completion_tokens":5}'),
        ("openai_chat", b'{"max_tokens":8,"max_completion_tokens":9}',
         b'{"max_tokens":5,"max_completion_tokens":5}'),
        ("openai_chat", b'{"x":1}', b'{"max_tokens":5,"x":1}'),
        ("openai_responses", b'{"x":1}', b'{"max_output_tokens":5,"x":1}'),
        ("gemini", b'{"x":1}', b'{"generationConfig":{"maxOutputTokens":5},"x":1}'),
        ("gemini", b'{"generationConfig":null}',
         b'{"generationConfig":{"maxOutputTokens":5}}'),
        ("gemini", b'{"generationConfig":{"topK":1}}',
         b'{"generationConfig":{"maxOutputTokens":5,"topK":1}}'),
        ("gemini", b'{"generation_config":{"max_output_tokens":9}}',
         b'{"generation_config":{"max_output_tokens":5}}'),
        ("gemini", b'{"generationConfig":{"maxOutputTokens":9,"max_output_tokens":800}}',
         b'{"generationConfig":{"maxOutputTokens":5,"max_output_tokens":5}}'),
    ],
)  # fmt: skip
def test_with_output_cap_when_given_then_never_more_and_never_raised(
    dialect: Dialect, body: bytes, changed: bytes
) -> None:
    assert with_output_cap(dialect, body, 5) == changed


def test_with_output_cap_when_there_twice_then_refused() -> None:
    with pytest.raises(DialectError) as caught:
        with_output_cap("anthropic", b'{"max_tokens":9,"max_tokens":8}', 5)
    assert caught.value.code == "dialect.duplicate_key"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8).filter(str.isprintable),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "max_tokens", "a", "é", '"', "\\"]), inner)
    ),
    max_leaves=12,
)
SPACES = st.sampled_from(["", " ", "\n", "\t\r\n "])


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """A body written with any whitespace and escapes, its keys in any order and only once."""
    fields: dict[str, Any] = draw(
        st.dictionaries(st.sampled_from(["a", "b", "system2", "x\\y", "ü"]), JSON, max_size=4)
    )
    fields |= {"model": draw(st.text(max_size=5).filter(str.isprintable)), "messages": [],
               "max_tokens": draw(st.integers(1, 99))}  # fmt: skip
    names = draw(st.permutations(list(fields)))
    is_ascii, gap = draw(st.booleans()), draw(SPACES)
    pairs = []
    for name in names:
        key = json.dumps(name, ensure_ascii=is_ascii)
        if draw(st.booleans()) and name.isascii() and name.isalnum():
            key = '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"'
        value = json.dumps(fields[name], ensure_ascii=is_ascii, indent=draw(st.none() | st.just(1)))
        pairs.append(f"{gap}{key}{gap}:{gap}{value}{gap}")
    return f"{gap}{{{','.join(pairs)}}}{gap}".encode(), fields


@settings(max_examples=100, deadline=None)
@given(case=written(), model=st.text(min_size=1, max_size=5).filter(str.isprintable))
def test_with_model_when_any_body_then_all_else_is_equal_to_the_byte(
    case: tuple[bytes, dict[str, Any]], model: str
) -> None:
    body, fields = case
    changed = renamed("anthropic", body, model)
    assert json.loads(changed) == {**fields, "model": model}
    before = _common(body, changed)
    after = _common(body[before:][::-1], changed[before:][::-1])
    longest = max(len(json.dumps(name)) for name in (fields["model"], model))
    assert len(changed) - before - after <= longest
    assert peek("anthropic", changed).model == model


@settings(max_examples=60, deadline=None)
@given(case=written(), cap=st.integers(1, 99))
def test_with_output_cap_when_any_body_then_the_lower_of_both(
    case: tuple[bytes, dict[str, Any]], cap: int
) -> None:
    body, fields = case
    changed = with_output_cap("anthropic", body, cap)
    assert json.loads(changed) == {**fields, "max_tokens": min(cap, fields["max_tokens"])}


def _common(one: bytes, other: bytes) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
