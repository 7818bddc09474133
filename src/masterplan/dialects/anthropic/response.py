"""A Messages answer, read and written, and the table of its stop reasons.

Must not know streams.
"""

from __future__ import annotations

from dataclasses import replace

from masterplan.core.message import Json, Loss, Part, Reasoning, Response, Stop
from masterplan.dialects.anthropic.block import BlockWriter, parse_block, sealed_call
from masterplan.dialects.anthropic.usage import parse_usage, write_usage
from masterplan.dialects.loss import Losses, kept
from masterplan.dialects.sequence import checked_parts
from masterplan.dialects.wire import Fields, Node, dump_json, parse_json

STOPS: dict[str, Stop] = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context_overflow",
}
_WIRE: dict[Stop, str] = {stop: wire for wire, stop in STOPS.items()}


def read_stop(fields: Fields) -> tuple[Stop, str | None]:
    """Take the stop reason and what explains it; an unknown reason is ``other``."""
    reason = fields.need("stop_reason").text()
    sequence = fields.text("stop_sequence")
    stop = STOPS.get(reason, "other")
    return stop, sequence if stop == "stop_sequence" else (reason if stop == "other" else None)


def write_stop(stop: Stop, detail: str | None, losses: Losses) -> dict[str, Json]:
    """Return the stop fields; a reason that has no name here reads as cut, never as the end."""
    reason = _WIRE.get(stop)
    if reason is None:
        losses.add(f"stop {stop}", "$.stop", "replaced")
        reason = "max_tokens"
    elif detail is not None and stop != "stop_sequence":
        losses.add(f"stop detail {detail}", "$.stop_detail")
    return {"stop_reason": reason, "stop_sequence": detail if stop == "stop_sequence" else None}


def parse(body: bytes) -> Response:
    """Read the body; raises ``DialectError`` with a JSON path."""
    fields = Node(parse_json(body)).fields()
    kind = fields.take("type")
    if kind is not None and kind.value != "message":
        kind.fail('"message"')
    fields.take("role")
    stop, detail = read_stop(fields)
    model = fields.need("model").text()
    parts = [_signed(parse_block(node), model) for node in fields.need("content").items()]
    whole, stop = checked_parts(parts, stop)
    return Response(
        id=fields.text("id") or "",
        model=model,
        parts=whole,
        stop=stop,
        usage=parse_usage(fields.take("usage")),
        stop_detail=detail,
        extra=kept("anthropic", fields.rest),
    )


def _signed(part: Part, model: str) -> Part:
    return replace(part, producer=model) if isinstance(part, Reasoning) else part


def write(response: Response) -> tuple[bytes, tuple[Loss, ...]]:
    """Return the answer's bytes for a client and what they could not carry."""
    losses = Losses("anthropic")
    writer = BlockWriter(losses, None)
    blocks: list[Json] = []
    for index, part in enumerate(response.parts):
        blocks += [sealed_call(part), writer.block(part, f"$.parts[{index}]")]
    body: dict[str, Json] = {
        "id": response.id,
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": [block for block in blocks if block is not None],
        **write_stop(response.stop, response.stop_detail, losses),
        "usage": write_usage(response.usage),
        **losses.own(response.extra, "$"),
    }
    return dump_json(body), losses.as_tuple()
