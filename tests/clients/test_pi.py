"""pi in all four dialects, each with a tool call and its result, to a provider of another."""

import json

import pytest
from client_case import Machine, needs, stack

from masterplan.providers.fake import Received, Reply

pytestmark = needs("pi")

APIS = {
    "anthropic-messages": ("", "gpt"),
    "openai-completions": ("/v1", "opus"),
    "openai-responses": ("/v1", "gemini"),
    "google-generative-ai": ("/v1beta", "haiku"),
}
SERVED = {
    "gpt": ("openai_chat", "gpt-5.4-mini"),
    "opus": ("anthropic", "claude-opus-4-6"),
    "gemini": ("gemini", "gemini-3.1-pro-preview"),
    "haiku": ("anthropic", "claude-haiku-4-5"),
}


def brain(received: Received) -> Reply:
    """Write one file, then say so."""
    if "wrote" in received.text.lower():
        return Reply("ALL-DONE")
    arguments = json.dumps({"path": "made.txt", "content": "by pi"})
    return Reply("", tool_calls=(("write", arguments),))


@pytest.mark.parametrize("api", APIS)
async def test_pi_when_one_dialect_then_its_tools_work_on_another(
    api: str, machine: Machine
) -> None:
    path, model = APIS[api]
    async with stack(machine, brain) as one:
        provider = {
            "baseUrl": one.address.base_url + path,
            "apiKey": "GATEWAY_TOKEN",
            "api": api,
            "models": [{"id": model, "name": model, "reasoning": True}],
        }
        text = json.dumps({"providers": {"gateway": provider}})
        machine.write("home/.pi/agent/models.json", text)
        env = {"GATEWAY_TOKEN": one.address.token}
        ran = await one.client(env, "pi", "-p", "--model", f"gateway/{model}:high", "write it")
        assert ran.out.strip() == "ALL-DONE", ran.err
        assert one.seen() == {SERVED[model]}
    assert (machine.project / "made.txt").read_text() == "by pi"


async def test_pi_when_launched_then_the_policy_decides(machine: Machine) -> None:
    async with stack(machine, brain) as one:
        ran = await one.drive("pi", "-p", "write a small function")
        assert ran.out.strip() == "ALL-DONE", ran.err
        assert one.seen() == {SERVED["gpt"]}
