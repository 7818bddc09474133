"""The official SDKs of Anthropic, OpenAI and Google against the gateway."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from client_case import Machine, Stack, stack
from google import genai
from google.genai import types
from pydantic import BaseModel

from masterplan.providers.fake import Received, Reply

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MODELS = ("opus", "gpt", "gemini")


class Point(BaseModel):
    """What structured output is asked for."""

    x: int
    y: int


def brain(received: Received) -> Reply:
    """Call the tool where there is one, answer its result, give JSON where it is asked for."""
    if "SUNNY" in received.text:
        return Reply("it is sunny")
    if received.request.tools:
        return Reply("", tool_calls=(("weather", '{"city": "Ulm"}'),))
    if "point" in received.text:
        return Reply('{"x": 1, "y": 2}')
    return Reply("hello there")


@pytest.fixture
async def one(machine: Machine) -> AsyncIterator[Stack]:
    async with stack(machine, brain) as made:
        yield made


def anthropic_client(one: Stack) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        base_url=one.address.base_url, api_key=one.address.token, max_retries=0
    )


def openai_client(one: Stack) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{one.address.base_url}/v1", api_key=one.address.token, max_retries=0
    )


def genai_client(one: Stack) -> genai.Client:
    return genai.Client(
        api_key=one.address.token, http_options=types.HttpOptions(base_url=one.address.base_url)
    )


@pytest.mark.parametrize("model", MODELS)
async def test_anthropic_sdk_when_any_provider_then_text_stream_and_tools(
    model: str, one: Stack
) -> None:
    async with anthropic_client(one) as client:
        ask: dict[str, Any] = {"model": model, "max_tokens": 500}
        said = [{"role": "user", "content": "weather?"}]
        whole = await client.messages.create(messages=[{"role": "user", "content": "hi"}], **ask)
        assert [block.text for block in whole.content if block.type == "text"] == ["hello there"]
        tools = [{"name": "weather", "description": "w", "input_schema": WEATHER}]
        async with client.messages.stream(messages=said, tools=tools, **ask) as stream:
            asked = await stream.get_final_message()
        call = next(block for block in asked.content if block.type == "tool_use")
        assert (asked.stop_reason, call.name, call.input) == (
            "tool_use",
            "weather",
            {"city": "Ulm"},
        )
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "SUNNY"}
        more = [
            *said,
            {"role": "assistant", "content": asked.content},
            {"role": "user", "content": [result]},
        ]
        done = await client.messages.create(messages=more, tools=tools, **ask)
        assert "sunny" in str(done.content)
        count = await client.messages.count_tokens(model=model, messages=said)
        assert count.input_tokens > 0
        assert {found.id async for found in client.models.list()}


@pytest.mark.parametrize("model", MODELS)
async def test_openai_sdk_when_any_provider_then_chat_stream_tools_and_schema(
    model: str, one: Stack
) -> None:
    async with openai_client(one) as client:
        said: list[Any] = [{"role": "user", "content": "weather?"}]
        tools: list[Any] = [
            {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
        ]
        chunks = [
            chunk.choices[0].delta.content or ""
            async for chunk in await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "hi"}], stream=True
            )
            if chunk.choices
        ]
        assert "".join(chunks) == "hello there"
        asked = await client.chat.completions.create(model=model, messages=said, tools=tools)
        calls = asked.choices[0].message.tool_calls
        assert calls
        call = calls[0]
        assert call.type == "function"
        assert json.loads(call.function.arguments) == {"city": "Ulm"}
        told = {"role": "tool", "tool_call_id": call.id, "content": "SUNNY"}
        more = [*said, asked.choices[0].message, told]
        done = await client.chat.completions.create(model=model, messages=more, tools=tools)
        assert done.choices[0].message.content == "it is sunny"
        parsed = await client.chat.completions.parse(
            model=model, messages=[{"role": "user", "content": "a point"}], response_format=Point
        )
        assert parsed.choices[0].message.parsed == Point(x=1, y=2)


@pytest.mark.parametrize("model", MODELS)
async def test_openai_sdk_when_responses_then_stream_tools_and_schema(
    model: str, one: Stack
) -> None:
    async with openai_client(one) as client:
        tools: list[Any] = [
            {"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}
        ]
        async with client.responses.stream(model=model, input="hi", store=False) as stream:
            whole = await stream.get_final_response()
        assert whole.output_text == "hello there"
        asked = await client.responses.create(
            model=model, input="weather?", tools=tools, store=False
        )
        call = next(item for item in asked.output if item.type == "function_call")
        told = {"type": "function_call_output", "call_id": call.call_id, "output": "SUNNY"}
        more: list[Any] = [{"role": "user", "content": "weather?"}, *asked.output, told]
        done = await client.responses.create(model=model, input=more, tools=tools, store=False)
        assert done.output_text == "it is sunny"
        parsed = await client.responses.parse(
            model=model, input="a point", text_format=Point, store=False
        )
        assert parsed.output_parsed == Point(x=1, y=2)


# The SDK's own: it subclasses its HTTP library's session.
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
@pytest.mark.parametrize("model", MODELS)
async def test_genai_sdk_when_any_provider_then_stream_tools_schema_and_count(
    model: str, one: Stack
) -> None:
    client = genai_client(one).aio
    try:
        pieces = [
            chunk.text or ""
            async for chunk in await client.models.generate_content_stream(
                model=model, contents="hi"
            )
        ]
        assert "".join(pieces) == "hello there"
        declared = types.FunctionDeclaration(name="weather", parameters_json_schema=WEATHER)
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
        asked = await client.models.generate_content(
            model=model, contents="weather?", config=config
        )
        assert asked.function_calls
        assert asked.function_calls[0].args == {"city": "Ulm"}
        assert asked.candidates
        result = types.Part.from_function_response(name="weather", response={"output": "SUNNY"})
        more = [
            types.Content(role="user", parts=[types.Part(text="weather?")]),
            asked.candidates[0].content,
            types.Content(role="user", parts=[result]),
        ]
        done = await client.models.generate_content(model=model, contents=more, config=config)
        assert done.text == "it is sunny"
        schema = types.GenerateContentConfig(
            response_mime_type="application/json", response_schema=Point
        )
        parsed = await client.models.generate_content(
            model=model, contents="a point", config=schema
        )
        assert parsed.parsed == Point(x=1, y=2)
        counted = await client.models.count_tokens(model=model, contents="hi")
        assert (counted.total_tokens or 0) > 0
    finally:
        await client.aclose()


async def test_sdk_when_the_model_is_unknown_then_its_own_error_names_near_ones(
    one: Stack,
) -> None:
    async with anthropic_client(one) as client:
        with pytest.raises(anthropic.APIStatusError, match="opus-4-6"):
            await client.messages.create(
                model="claude-opus-4-66", max_tokens=5, messages=[{"role": "user", "content": "x"}]
            )
    async with openai_client(one) as other:
        with pytest.raises(openai.APIStatusError, match=r"gpt-5\.4"):
            await other.chat.completions.create(
                model="gpt-5.44", messages=[{"role": "user", "content": "x"}]
            )


async def test_sdk_when_the_token_is_wrong_then_its_own_authentication_error(one: Stack) -> None:
    client = anthropic.AsyncAnthropic(
        base_url=one.address.base_url, api_key="wrong-token-wrong-token", max_retries=0
    )
    async with client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(
                model="opus", max_tokens=5, messages=[{"role": "user", "content": "x"}]
            )
