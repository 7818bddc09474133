"""The scripted provider itself: scripts from a file, the oracle, and running alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from provider_case import DIALECTS, HI, Memory, calling

from masterplan.core.errors import InputError
from masterplan.core.model import Dialect
from masterplan.core.usage import Usage
from masterplan.providers.fake import Received, Reply, load_script


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_fake_when_asked_sees_the_canonical_request_and_bills_it(dialect: Dialect) -> None:
    def answer(received: Received) -> Reply:
        assert (received.dialect, received.text) == (dialect, "hi")
        return Reply("four words are here", usage=Usage(10, 4, source="reported"))

    async with calling(answer, dialect) as (caller, fake):
        for _ in range(3):
            await caller.complete("fake", HI, on_attempt=Memory())
        assert fake.executions == 3
        assert fake.bill(lambda model, usage: usage.output_tokens * len(model)) == 3 * 4 * 10
        assert [r.model for r in fake.received] == ["some-model"] * 3


def test_script_when_wrong_says_where(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    for text, place in (
        ("[", "script.json"),
        ('[{"txt": "a"}]', "0.txt"),
        ('[{"when": {"modle": "x"}}]', "0.when.modle"),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            load_script(path)
        assert place in str(caught.value)


def test_fake_when_run_alone_follows_its_script_and_keeps_count(tmp_path: Path) -> None:
    script = [
        {"when": {"contains": "spec"}, "text": "a spec", "times": 1},
        {
            "when": {"model": "claude-*"},
            "text": "hello",
            "usage": {"input_tokens": 3, "output_tokens": 2},
        },
    ]
    path = tmp_path / "script.json"
    path.write_text(json.dumps(script))
    command = [sys.executable, "-m", "masterplan.providers.fake", "--script", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = json.loads(process.stdout.readline())["base_url"]
        assert _ask(base_url, "write a spec") == "a spec"
        assert _ask(base_url, "write a spec") == "hello"
        with urllib.request.urlopen(f"{base_url}/__fake/state") as answer:
            state = json.load(answer)
        assert state["executions"] == 2
        assert state["usages"][1]["output_tokens"] == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def _ask(base_url: str, text: str) -> str:
    body = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(f"{base_url}/v1/messages", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["content"][0]["text"])
