"""The official Anthropic SDK and pydantic-ai against the scripted provider: both accept it."""

from __future__ import annotations

import anthropic
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from masterplan.core.message import Reasoning, Text, ToolCall
from masterplan.core.usage import Usage
from masterplan.providers.fake import FakeProvider, Received, Reply

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
PARTS = (
    Reasoning("hm", "sig", "claude-haiku-4-5", dialect="anthropic"),
    Text("hello there, world and others"),
    ToolCall("toolu_1", "f", '{"a":1}'),
)
USAGE = Usage(100, 9, 90, source="reported")


async def test_anthropic_sdk_when_it_calls_reads_what_is_written() -> None:
    async with (
        FakeProvider([Reply(parts=PARTS, usage=USAGE)]) as fake,
        anthropic.AsyncAnthropic(base_url=fake.base_url, api_key="k") as client,
    ):
        ask = {
            "model": "claude-haiku-4-5",
            "max_tokens": 100,
            "system": "be brief",
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [TOOL],
        }
        message = await client.messages.create(**ask)  # type: ignore[call-overload]
        assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
        assert message.content[2].input == {"a": 1}
        assert (message.stop_reason, message.usage.input_tokens) == ("tool_use", 10)
        async with client.messages.stream(**ask) as stream:  # type: ignore[arg-type]
            final = await stream.get_final_message()
        assert [b.to_dict() for b in final.content] == [b.to_dict() for b in message.content]
        assert final.usage.cache_read_input_tokens == 90
        assert final.usage.output_tokens == 9
        request = fake.received[0].request
        assert request.messages[0].role == "system"
        assert request.tools[0].name == "f"


async def test_anthropic_sdk_when_the_provider_fails_raises_its_own_errors() -> None:
    script = [Reply(status=429), Reply(status=401), Reply("word " * 50, cut_at=900)]
    async with (
        FakeProvider(script) as fake,
        anthropic.AsyncAnthropic(base_url=fake.base_url, api_key="k", max_retries=0) as client,
    ):
        ask = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        with pytest.raises(anthropic.RateLimitError):
            await client.messages.create(**ask)  # type: ignore[call-overload]
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(**ask)  # type: ignore[call-overload]


class Plan(BaseModel):
    """What the agent below must fill."""

    title: str
    steps: list[str]


async def test_pydantic_ai_when_it_wants_a_structure_gets_it_through_the_dialect() -> None:
    def answer(received: Received) -> Reply:
        tool = received.request.tools[0]
        assert received.request.tool_choice is not None
        assert tool.parameters["properties"].keys() == {"title", "steps"}
        return Reply("", tool_calls=((tool.name, '{"title":"t","steps":["a","b"]}'),), usage=USAGE)

    async with FakeProvider(answer) as fake:
        client = anthropic.AsyncAnthropic(base_url=fake.base_url, api_key="k")
        model = AnthropicModel(
            "claude-haiku-4-5", provider=AnthropicProvider(anthropic_client=client)
        )
        agent = Agent(model, output_type=Plan)
        result = await agent.run("plan it")
        assert result.output == Plan(title="t", steps=["a", "b"])
        async with agent.run_stream("plan it") as streamed:
            assert await streamed.get_output() == result.output
        await client.close()
