"""The official OpenAI SDK against the scripted provider's Responses: it accepts all of it."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types import responses as shapes
from pydantic import BaseModel, TypeAdapter

from masterplan.core.message import Reasoning, Text, ToolCall, ToolResult
from masterplan.core.usage import Usage
from masterplan.providers.fake import FakeProvider, Received, Reply

PARTS = (
    Reasoning("hm, let me see", "sealed", "gpt-5.4", dialect="openai_responses"),
    Text("hello there, world and others"),
    ToolCall("call_1", "f", '{"a":1}'),
    ToolCall("call_2", "g", '{"b":"a longer argument than one piece"}'),
)
USAGE = Usage(100, 9, 90, reasoning_tokens=4, source="reported")
EVENT: TypeAdapter[Any] = TypeAdapter(shapes.ResponseStreamEvent)
TOOLS: Any = [
    {"type": "function", "name": name, "description": "d", "parameters": {"type": "object"}}
    for name in ("f", "g")
]


def sdk(fake: FakeProvider) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{fake.base_url}/v1", api_key="k", max_retries=0)


async def test_openai_sdk_when_it_creates_reads_what_is_written() -> None:
    async with FakeProvider([Reply(parts=PARTS, usage=USAGE)]) as fake, sdk(fake) as client:
        answer = await client.responses.create(
            model="gpt-5.4", instructions="be brief", input="hi", tools=TOOLS
        )
        shapes.Response.model_validate(answer.to_dict())  # strict, which the SDK itself is not
        kinds = [item.type for item in answer.output]
        assert kinds == ["reasoning", "message", "function_call", "function_call"]
        assert (answer.output_text, answer.status) == (PARTS[1].text, "completed")
        assert answer.usage is not None
        assert answer.usage.input_tokens_details.cached_tokens == 90
        assert answer.usage.output_tokens_details.reasoning_tokens == 4
        request = fake.received[0].request
        assert [message.role for message in request.messages] == ["system", "user"]


async def test_openai_sdk_when_it_streams_reads_every_event_and_the_same_answer() -> None:
    async with FakeProvider([Reply(parts=PARTS, usage=USAGE)]) as fake, sdk(fake) as client:
        ask: Any = {"model": "gpt-5.4", "input": "hi", "tools": TOOLS}
        numbers = []
        async for event in await client.responses.create(**ask, stream=True):
            EVENT.validate_python(event.to_dict())
            numbers.append(event.sequence_number)
        assert numbers == [*range(len(numbers))]
        async with client.responses.stream(**ask) as stream:
            said = [event async for event in stream]
            final = await stream.get_final_response()
        assert said[0].type == "response.created"
        assert said[-1].type == "response.completed"
        text = "".join(e.delta for e in said if e.type == "response.output_text.delta")
        assert text == final.output_text == PARTS[1].text
        calls = [item for item in final.output if item.type == "function_call"]
        assert [(c.call_id, c.arguments) for c in calls] == [
            (part.id, part.arguments) for part in PARTS if isinstance(part, ToolCall)
        ]
        (thought,) = [item for item in final.output if item.type == "reasoning"]
        assert (thought.encrypted_content, thought.summary[0].text) == ("sealed", PARTS[0].text)


class Plan(BaseModel):
    """What the answer below must fill."""

    title: str
    steps: list[str]


async def test_openai_sdk_when_it_parses_gets_the_structure_by_its_schema() -> None:
    def answer(received: Received) -> Reply:
        shape = received.request.schema
        assert shape is not None
        assert shape.is_strict
        assert shape.schema["properties"].keys() == {"title", "steps"}
        return Reply('{"title":"t","steps":["a","b"]}', usage=USAGE)

    async with FakeProvider(answer) as fake, sdk(fake) as client:
        parsed = await client.responses.parse(model="gpt-5.4", input="plan", text_format=Plan)
        assert parsed.output_parsed == Plan(title="t", steps=["a", "b"])


async def test_openai_sdk_when_it_gives_a_custom_tool_gets_its_free_text() -> None:
    patch = '*** Begin Patch\n"ä" \\ 🦜\n*** End Patch'
    script = [
        Reply(
            "",
            tool_calls=(
                ("apply_patch", '{"input":"*** Begin Patch\\n\\"ä\\" \\\\ 🦜\\n*** End Patch"}'),
            ),
        ),
        Reply("done"),
    ]
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    tools: Any = [{"type": "custom", "name": "apply_patch", "format": grammar}]
    async with FakeProvider(script) as fake, sdk(fake) as client:
        async with client.responses.stream(model="m", input="patch it", tools=tools) as stream:
            first = await stream.get_final_response()
        (call,) = first.output
        assert call.type == "custom_tool_call"
        assert call.input == patch
        result = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"}
        told: Any = [{"role": "user", "content": "patch it"}, call.to_dict(), result]
        await client.responses.create(model="m", input=told, tools=tools)
        turns = fake.received[1].request.messages
        assert isinstance(turns[1].parts[0], ToolCall)
        assert isinstance(turns[2].parts[0], ToolResult)
        assert turns[1].parts[0].id == turns[2].parts[0].call_id


async def test_openai_sdk_when_the_provider_fails_raises_its_own_errors() -> None:
    script = [Reply(status=429), Reply(status=401), Reply(stop="max_tokens")]
    async with FakeProvider(script) as fake, sdk(fake) as client:
        with pytest.raises(openai.RateLimitError):
            await client.responses.create(model="m", input="hi")
        with pytest.raises(openai.AuthenticationError):
            await client.responses.create(model="m", input="hi")
        answer = await client.responses.create(model="m", input="hi")
        assert answer.incomplete_details is not None
        assert (answer.status, answer.incomplete_details.reason) == (
            "incomplete",
            "max_output_tokens",
        )
