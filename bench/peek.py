"""What a peek at an agent's large body costs: instructions, beside a whole parse of it.

Counted by ``perf stat -e instructions:u``, or by ``valgrind --tool=cachegrind`` where the machine
shows no counters to perf; start-up is subtracted. The bodies are shaped as a coding agent's, about
200 kB, once in plain text and once dense with escapes and other letters than ASCII.
Run: ``.venv/bin/python bench/peek.py [--json]``.
"""

import gc
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from masterplan.core.model import Dialect
from masterplan.dialects import codec
from masterplan.dialects.peek import peek, tail, with_model, with_output_cap

LIMIT = 1_000_000
SIZE_BYTES = 200_000
FEW, MANY = 10, 50
PATH = "/v1beta/models/m:streamGenerateContent"
DIALECTS: tuple[Dialect, ...] = ("anthropic", "openai_chat", "openai_responses", "gemini")
WORDS = "the of to function return class value error path module request".split()  # noqa: SIM905
DENSE = '"key": {value} →\n\té\\x'


def text(rng: random.Random, size: int, is_dense: bool) -> str:
    """Words, or words in which every line has escapes and letters that are not ASCII."""
    parts: list[str] = []
    length = 0
    while length < size:
        line = " ".join(rng.choice(WORDS) for _ in range(8)) + (DENSE if is_dense else ". ")
        parts.append(line)
        length += len(line)
    return "".join(parts)[:size]


def body(dialect: Dialect, is_dense: bool) -> bytes:
    """A conversation of 32 turns with tools and a long system prompt, about 200 kB."""
    rng = random.Random(7)
    system = text(rng, 11_000, is_dense)
    schema = {"type": "object", "properties": {"path": {"type": "string", "description": "a" * 90}}}
    tools = [(f"tool_{n}", text(rng, 900, is_dense), schema) for n in range(18)]
    turns = [text(rng, 4_300, is_dense) for _ in range(32)]
    write = {
        "anthropic": _anthropic,
        "openai_chat": _chat,
        "openai_responses": _responses,
        "gemini": _gemini,
    }[dialect]
    whole = json.dumps(write(system, tools, turns), ensure_ascii=False).encode()
    padding = max(0, SIZE_BYTES - len(whole))
    turns[0] += text(rng, padding, False)
    return json.dumps(write(system, tools, turns), ensure_ascii=False).encode()


def _anthropic(system, tools, turns):  # type: ignore[no-untyped-def]
    return {
        "model": "m",
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": n, "description": d, "input_schema": s} for n, d, s in tools],
        "messages": [
            {"role": ("user", "assistant")[i % 2], "content": [{"type": "text", "text": t}]}
            for i, t in enumerate(turns)
        ],
        "stream": True,
    }


def _chat(system, tools, turns):  # type: ignore[no-untyped-def]
    said = [{"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(turns)]
    functions = [{"name": n, "description": d, "parameters": s} for n, d, s in tools]
    return {
        "model": "m",
        "messages": [{"role": "system", "content": system}, *said],
        "tools": [{"type": "function", "function": function} for function in functions],
        "stream": True,
    }


def _responses(system, tools, turns):  # type: ignore[no-untyped-def]
    said = [{"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(turns)]
    functions = [{"name": n, "description": d, "parameters": s} for n, d, s in tools]
    return {
        "model": "m",
        "input": [{"role": "developer", "content": system}, *said],
        "tools": [{"type": "function", **function} for function in functions],
        "stream": True,
    }


def _gemini(system, tools, turns):  # type: ignore[no-untyped-def]
    functions = [{"name": n, "description": d, "parametersJsonSchema": s} for n, d, s in tools]
    return {
        "systemInstruction": {"parts": [{"text": system}]},
        "contents": [
            {"role": ("user", "model")[i % 2], "parts": [{"text": t}]} for i, t in enumerate(turns)
        ],
        "tools": [{"functionDeclarations": functions}],
    }


def work(what: str, dialect: Dialect, rounds: int, data: bytes) -> None:
    """Do one of the measured things so many times."""
    seen = peek(dialect, data, path=PATH)
    if what in ("last turn", "parse"):
        codec(dialect)
    gc.freeze()  # what is there from the start is not to be looked through in every round
    for _ in range(rounds):
        if what == "peek":
            peek(dialect, data, path=PATH)
        elif what == "last turn":
            tail(seen, len(seen.messages) - 1)
        elif what == "other model":
            with_model(dialect, data, seen, "another")
        elif what == "lower cap":
            with_output_cap(dialect, data, 7)
        else:
            codec(dialect).parse_request(data, path=PATH)


def counted(arguments: list[str]) -> int:
    """Instructions that a process of this file takes."""
    command = [sys.executable, __file__, *arguments]
    if _has_counters():
        found = subprocess.run(
            ["perf", "stat", "-x,", "-e", "instructions:u", *command],
            stderr=subprocess.PIPE,
            check=True,
            text=True,
        )
        return int(found.stderr.split(",")[0])
    found = subprocess.run(
        [
            "valgrind",
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
            *command,
        ],
        stderr=subprocess.PIPE,
        check=True,
        text=True,
        env={"PYTHONHASHSEED": "0"},
    )
    line = next(line for line in found.stderr.splitlines() if "refs:" in line)
    return int(line.split()[-1].replace(",", ""))


def _has_counters() -> bool:
    if shutil.which("perf") is None:
        return False
    tried = subprocess.run(
        ["perf", "stat", "-x,", "-e", "instructions:u", "true"], capture_output=True, text=True
    )
    return tried.returncode == 0 and tried.stderr.split(",")[0].isdigit()


def figures() -> dict[str, int]:
    """Instructions of one round of each thing."""
    cases = [(d, what, False) for d in DIALECTS for what in ("peek",)]
    cases += [("anthropic", "peek", True)]
    cases += [("anthropic", w, False) for w in ("last turn", "other model", "lower cap", "parse")]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for dialect, what, is_dense in cases:
            data = body(dialect, is_dense)
            file = Path(folder) / "body.json"
            file.write_bytes(data)
            # Of two the least: whatever else a process does once is not the peek's.
            few, many = (
                min(counted([what, dialect, str(rounds), str(file)]) for _ in range(2))
                for rounds in (FEW, MANY)
            )
            name = f"{what}, {dialect}, {len(data) // 1000} kB{', dense' if is_dense else ''}"
            found[name] = (many - few) // (MANY - FEW)
    return found


def main() -> None:
    """Print the figures; fails where a peek at plain text passes the limit."""
    if len(sys.argv) == 5:
        _, what, dialect, rounds, file = sys.argv
        work(what, dialect, int(rounds), Path(file).read_bytes())  # type: ignore[arg-type]
        return
    found = figures()
    if "--json" in sys.argv:
        print(json.dumps({"limit": LIMIT, "instructions": found}))
    else:
        for name, value in found.items():
            print(f"{value:>12,}  {name}")
    plain = [v for name, v in found.items() if name.startswith("peek") and "dense" not in name]
    sys.exit(max(plain) > LIMIT)


if __name__ == "__main__":
    main()
