"""What translating one turn of a coding agent costs the dialects alone.

A request of about 200 kB in Anthropic Messages is read and written for Chat Completions; 200 chunks
of the answer come back one by one and go out as Messages events. Instructions in user space by
``perf`` or ``valgrind``, whichever can count here, else CPU time; each figure is the difference
between two runs of unlike length, so that start-up is not in it.
Run: ``.venv/bin/python bench/dialect_turn.py``.
"""

from __future__ import annotations

import gc
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

from masterplan.core.model import Dialect
from masterplan.dialects import codec

CHUNKS = 200
ROUNDS = (10, 60)
LIMIT_INSTRUCTIONS = 24_000_000
CLIENT: Dialect = "anthropic"
PROVIDER: Dialect = "openai_chat"
WORDS = ("function", "return", "the", "of", "to", "value", "error", "file", "config", "é→\\", "\n")


def request_body() -> bytes:
    """A conversation as a coding agent sends it: long system, 18 tools, 31 calls with results."""
    dice = random.Random(7)

    def text(chars: int) -> str:
        return " ".join(dice.choice(WORDS) for _ in range(chars // 5))

    def schema() -> dict[str, object]:
        fields = {f"field_{i}": {"type": "string", "description": text(90)} for i in range(6)}
        return {"type": "object", "properties": fields, "additionalProperties": False}

    turns: list[object] = [{"role": "user", "content": [{"type": "text", "text": text(500)}]}]
    for i in range(31):
        call = {"type": "tool_use", "id": f"toolu_{i}", "name": f"Tool{i % 18}", "input": {"n": i}}
        said = [{"type": "text", "text": text(60)}, call]
        result = {"type": "tool_result", "tool_use_id": f"toolu_{i}", "content": text(4300)}
        turns += [{"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
    cached = {"type": "text", "text": text(11_000), "cache_control": {"type": "ephemeral"}}
    body = {
        "model": "claude-sonnet-5",
        "max_tokens": 1024,
        "system": [{"type": "text", "text": text(400)}, cached],
        "tools": [
            {"name": f"Tool{i}", "description": text(900), "input_schema": schema()}
            for i in range(18)
        ],
        "messages": turns,
        "metadata": {"user_id": "user_bench_session_1"},
        "stream": True,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def answer_chunks() -> list[bytes]:
    """The provider's stream, one server-sent event a chunk as it comes over the network."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.4"}
    deltas = [{"role": "assistant", "content": ""}] + [{"content": " a word"}] * CHUNKS
    choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = {"prompt_tokens": 50_000, "completion_tokens": CHUNKS, "total_tokens": 50_200}
    chunks = [{**head, "choices": choice} for choice in choices]
    chunks.append({**head, "choices": [], "usage": usage})
    lines = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    return [*lines, b"data: [DONE]\n\n"]


def stages() -> dict[str, Callable[[], object]]:
    """Each part of a turn as a function to repeat."""
    body, chunks = request_body(), answer_chunks()
    client, provider = codec(CLIENT), codec(PROVIDER)
    request = client.parse_request(body)

    def stream() -> None:
        reader, writer = provider.stream_reader(), client.stream_writer(request)
        size = sum(len(writer.write(event)) for chunk in chunks for event in reader.feed(chunk))
        assert reader.outcome == "complete"
        assert size > CHUNKS

    return {
        "nothing": lambda: None,
        "parse_request": lambda: client.parse_request(body),
        "write_request": lambda: provider.write_request(request),
        "stream": stream,
    }


def run(stage: str, rounds: int) -> float:
    """Repeat one stage in this process and return its CPU seconds."""
    work = stages()[stage]
    work()
    gc.collect()
    gc.freeze()  # what was loaded at the start is not looked through again, as in a server
    started = time.process_time()
    for _ in range(rounds):
        work()
    return time.process_time() - started


def counter() -> tuple[str, list[str], re.Pattern[str]] | None:
    """Return what can count instructions here: its name, its command and where it says them."""
    perf = ["perf", "stat", "-x,", "-e", "instructions:u", "--"]
    grind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    for command, where in ((perf, r"^(\d+),"), (grind, r"I +refs: +([\d,]+)")):
        pattern = re.compile(where, re.MULTILINE)
        if shutil.which(command[0]) is None:
            continue
        tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        if pattern.search(tried.stderr):
            return command[0], command, pattern
    return None


def measured(stage: str, found: tuple[str, list[str], re.Pattern[str]] | None) -> float:
    """Return the instructions of one round, or its CPU seconds where they cannot be counted."""
    counts: list[float] = []
    for rounds in ROUNDS:
        command = [sys.executable, __file__, stage, str(rounds)]
        done = subprocess.run(
            [*(found[1] if found else []), *command],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=True,
            capture_output=True,
            text=True,
        )
        match = found[2].search(done.stderr) if found else None
        counts.append(float(match[1].replace(",", "")) if match else float(done.stdout))
    return (counts[1] - counts[0]) / (ROUNDS[1] - ROUNDS[0])


def said(figure: float, *, is_counted: bool) -> str:
    """Return a figure with its unit."""
    return f"{figure / 1e6:6.2f} M instructions" if is_counted else f"{figure * 1000:6.2f} ms"


def main() -> int:
    """Print a line a stage and the sum; 1 where the sum is over the limit."""
    print(f"{CLIENT} -> {PROVIDER}, {len(request_body()) / 1000:.0f} kB in, {CHUNKS} chunks back")
    found = counter()
    print(f"counted by {found[0]}" if found else "instructions cannot be counted here: CPU time")
    total = 0.0
    for stage in ("parse_request", "write_request", "stream"):
        figure = measured(stage, found)
        total += figure
        print(f"{stage:14}", said(figure, is_counted=found is not None))
    print(f"{'sum':14}", said(total, is_counted=found is not None))
    return int(found is not None and total > LIMIT_INSTRUCTIONS)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(run(sys.argv[1], int(sys.argv[2])))
    else:
        sys.exit(main())
