"""Provider streams by hand, one writer a dialect: as the provider's documentation shows them.

Independent of our own writers, so that a mistake shared by a reader and a writer shows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from masterplan.core.model import Dialect

Json = Any

SERVED: dict[Dialect, str] = {
    "anthropic": "claude-opus-4-6",
    "openai_chat": "gpt-5.4",
    "openai_responses": "gpt-5.4",
    "gemini": "gemini-3.1-pro-preview",
}
"""The model that each provider serves here."""

INPUT, CACHED, OUTPUT, THOUGHT = 120, 20, 40, 10
"""Tokens of every stream: input and output hold the other two."""


def sse(value: Json, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


class Stream(Protocol):
    """One answer as it is said; ``end`` returns all its bytes."""

    def thought(self, *pieces: str, signature: str | None = None) -> None: ...

    def text(self, *pieces: str) -> None: ...

    def call(self, call_id: str, name: str, *pieces: str, signature: str | None = None) -> None: ...

    def end(self, stop: str | None = None) -> bytes: ...


class Messages:
    """Anthropic."""

    def __init__(self, model: str = SERVED["anthropic"]) -> None:
        usage = {
            "input_tokens": INPUT - CACHED,
            "cache_read_input_tokens": CACHED,
            "cache_creation_input_tokens": 0,
            "output_tokens": 1,
        }
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        self.raw = [sse({"type": "message_start", "message": message}, "message_start")]
        self._count = 0
        self._has_call = False

    def event(self, name: str, **fields: Json) -> None:
        self.raw.append(sse({"type": name, **fields}, name))

    def block(self, block: Json, *deltas: Json) -> None:
        index, self._count = self._count, self._count + 1
        self.event("content_block_start", index=index, content_block=block)
        for delta in deltas:
            self.event("content_block_delta", index=index, delta=delta)
        self.event("content_block_stop", index=index)

    def thought(self, *pieces: str, signature: str | None = None) -> None:
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": p} for p in pieces]
        if signature:
            deltas.append({"type": "signature_delta", "signature": signature})
        self.block({"type": "thinking", "thinking": "", "signature": ""}, *deltas)

    def text(self, *pieces: str) -> None:
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
        self.block({"type": "text", "text": ""}, *deltas)

    def call(self, call_id: str, name: str, *pieces: str, signature: str | None = None) -> None:
        self._has_call = True
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        self.block(block, *({"type": "input_json_delta", "partial_json": p} for p in pieces))

    def end(self, stop: str | None = None) -> bytes:
        reason = stop or ("tool_use" if self._has_call else "end_turn")
        usage = {"output_tokens": OUTPUT, "output_tokens_details": {"thinking_tokens": THOUGHT}}
        delta = {"stop_reason": reason, "stop_sequence": None}
        self.event("message_delta", delta=delta, usage=usage)
        self.event("message_stop")
        return b"".join(self.raw)


class Chat:
    """OpenAI Chat Completions."""

    def __init__(self, model: str = SERVED["openai_chat"]) -> None:
        self.model = model
        self.raw: list[bytes] = []
        self._count = 0
        self.delta({"role": "assistant", "content": ""})

    def chunk(self, choices: list[Json], **more: Json) -> None:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        self.raw.append(sse({**head, "model": self.model, "choices": choices, **more}))

    def delta(self, delta: Json, reason: str | None = None) -> None:
        self.chunk([{"index": 0, "delta": delta, "finish_reason": reason}])

    def piece(self, index: int | None, text: str = "", **fields: Json) -> None:
        """One fragment of a tool call: with ``name`` and ``id`` where given."""
        function: dict[str, Json] = {"arguments": text}
        if "name" in fields:
            function["name"] = fields.pop("name")
        place = {} if index is None else {"index": index}
        self.delta({"tool_calls": [{**place, **fields, "function": function}]})

    def thought(self, *pieces: str, signature: str | None = None) -> None:
        for piece in pieces:
            self.delta({"reasoning_content": piece})

    def text(self, *pieces: str) -> None:
        for piece in pieces:
            self.delta({"content": piece})

    def call(self, call_id: str, name: str, *pieces: str, signature: str | None = None) -> None:
        index, self._count = self._count, self._count + 1
        self.piece(index, id=call_id, name=name, type="function")
        for piece in pieces:
            self.piece(index, piece)

    def end(self, stop: str | None = None) -> bytes:
        has_call = any(b"tool_calls" in chunk for chunk in self.raw)
        self.delta({}, stop or ("tool_calls" if has_call else "stop"))
        usage = {
            "prompt_tokens": INPUT,
            "completion_tokens": OUTPUT,
            "total_tokens": INPUT + OUTPUT,
            "prompt_tokens_details": {"cached_tokens": CACHED},
            "completion_tokens_details": {"reasoning_tokens": THOUGHT},
        }
        self.chunk([], usage=usage)
        return b"".join([*self.raw, b"data: [DONE]\n\n"])


class Responses:
    """OpenAI Responses."""

    def __init__(self, model: str = SERVED["openai_responses"]) -> None:
        self.head: dict[str, Json] = {"id": "resp_1", "object": "response", "model": model}
        self.raw: list[bytes] = []
        self.items: list[Json] = []
        self._number = 0
        begun = {**self.head, "status": "in_progress", "output": [], "usage": None}
        self.event("response.created", response=begun)
        self.event("response.in_progress", response=begun)

    def event(self, name: str, **fields: Json) -> None:
        self.raw.append(sse({"type": name, "sequence_number": self._number, **fields}, name))
        self._number += 1

    def begin(self, item: Json) -> int:
        self.items.append(item)
        index = len(self.items) - 1
        self.event("response.output_item.added", output_index=index, item=item)
        return index

    def done(self, index: int, item: Json) -> None:
        self.items[index] = item
        self.event("response.output_item.done", output_index=index, item=item)

    def thought(self, *pieces: str, signature: str | None = None) -> None:
        item = {"type": "reasoning", "id": f"rs_{len(self.items)}", "summary": []}
        index = self.begin(item)
        place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
        if pieces:
            empty = {"type": "summary_text", "text": ""}
            self.event("response.reasoning_summary_part.added", **place, part=empty)
            for piece in pieces:
                self.event("response.reasoning_summary_text.delta", **place, delta=piece)
            text = "".join(pieces)
            whole = {"type": "summary_text", "text": text}
            self.event("response.reasoning_summary_text.done", **place, text=text)
            self.event("response.reasoning_summary_part.done", **place, part=whole)
            item["summary"] = [whole]
        sealed = {"encrypted_content": signature} if signature else {}
        self.done(index, {**item, **sealed})

    def text(self, *pieces: str) -> None:
        item = {"type": "message", "id": f"msg_{len(self.items)}", "role": "assistant"}
        index = self.begin({**item, "status": "in_progress", "content": []})
        place = {"item_id": item["id"], "output_index": index, "content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        self.event("response.content_part.added", **place, part=empty)
        for piece in pieces:
            self.event("response.output_text.delta", **place, delta=piece)
        part = {"type": "output_text", "text": "".join(pieces), "annotations": []}
        self.event("response.output_text.done", **place, text=part["text"])
        self.event("response.content_part.done", **place, part=part)
        self.done(index, {**item, "status": "completed", "content": [part]})

    def call(self, call_id: str, name: str, *pieces: str, signature: str | None = None) -> None:
        index = self.call_begun(call_id, name)
        for piece in pieces:
            self.call_piece(index, piece)
        self.call_done(index, "".join(pieces))

    def call_begun(self, call_id: str, name: str) -> int:
        ident = f"fc_{len(self.items)}"
        item = {"type": "function_call", "id": ident, "call_id": call_id, "name": name}
        return self.begin({**item, "status": "in_progress", "arguments": ""})

    def call_piece(self, index: int, piece: str) -> None:
        place = {"item_id": self.items[index]["id"], "output_index": index}
        self.event("response.function_call_arguments.delta", **place, delta=piece)

    def call_done(self, index: int, arguments: str) -> None:
        item = {**self.items[index], "status": "completed", "arguments": arguments}
        place = {"item_id": item["id"], "output_index": index}
        self.event("response.function_call_arguments.done", **place, arguments=arguments)
        self.done(index, item)

    def end(self, stop: str | None = None) -> bytes:
        status = "completed" if stop is None else "incomplete"
        details = None if stop is None else {"reason": stop}
        usage = {
            "input_tokens": INPUT,
            "input_tokens_details": {"cached_tokens": CACHED},
            "output_tokens": OUTPUT,
            "output_tokens_details": {"reasoning_tokens": THOUGHT},
            "total_tokens": INPUT + OUTPUT,
        }
        whole = {**self.head, "status": status, "incomplete_details": details, "error": None}
        self.event(f"response.{status}", response={**whole, "output": self.items, "usage": usage})
        return b"".join(self.raw)


class Generate:
    """Gemini."""

    def __init__(self, model: str = SERVED["gemini"]) -> None:
        self.model = model
        self.raw: list[bytes] = []

    def chunk(self, parts: Sequence[Json], **more: Json) -> None:
        content = {"role": "model", "parts": [*parts]}
        reason = more.pop("reason", None)
        candidate = {"index": 0, "content": content, **({"finishReason": reason} if reason else {})}
        head = {"modelVersion": self.model, "responseId": "resp-1"}
        self.raw.append(sse({"candidates": [candidate], **head, **more}))

    def thought(self, *pieces: str, signature: str | None = None) -> None:
        for piece in pieces:
            self.chunk([{"text": piece, "thought": True}])

    def text(self, *pieces: str) -> None:
        for piece in pieces:
            self.chunk([{"text": piece}])

    def call(self, call_id: str, name: str, *pieces: str, signature: str | None = None) -> None:
        call = {"id": call_id, "name": name, "args": json.loads("".join(pieces) or "{}")}
        signed = {"thoughtSignature": signature} if signature else {}
        self.chunk([{"functionCall": call, **signed}])

    def end(self, stop: str | None = None) -> bytes:
        usage = {
            "promptTokenCount": INPUT,
            "cachedContentTokenCount": CACHED,
            "candidatesTokenCount": OUTPUT - THOUGHT,
            "thoughtsTokenCount": THOUGHT,
            "totalTokenCount": INPUT + OUTPUT,
        }
        self.chunk([], reason=stop or "STOP", usageMetadata=usage)
        return b"".join(self.raw)


def stream(dialect: Dialect, model: str = "") -> Stream:
    """Return a new answer of a provider of this dialect."""
    kinds: dict[Dialect, type[Stream]] = {
        "anthropic": Messages,
        "openai_chat": Chat,
        "openai_responses": Responses,
        "gemini": Generate,
    }
    return kinds[dialect](model) if model else kinds[dialect]()  # type: ignore[call-arg]
