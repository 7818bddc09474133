"""Counting tokens for a client: by the provider that would serve it, else an estimate that says so.

A wrong low number is worse than none, so the estimate is on the high side. Must not cost money.
"""

from __future__ import annotations

from masterplan.core.errors import MasterplanError
from masterplan.dialects import codec
from masterplan.dialects.peek import peek
from masterplan.dialects.size import estimate_input_tokens
from masterplan.dialects.wire import dump_json
from masterplan.gateway.answer import Answer
from masterplan.gateway.desk import Ask
from masterplan.gateway.fault import error_answer
from masterplan.gateway.wish import read_wish
from masterplan.pipe import Pipe

SAFETY = 1.15
"""What an estimate is raised by: clients compact by it, and too late is worse than too early."""


async def count_tokens(pipe: Pipe, ask: Ask, answer: Answer) -> None:
    """Answer with the input tokens of a request, in the client's dialect."""
    try:
        seen = peek(ask.dialect, ask.body, path=ask.path)
        read_wish(seen.model, pipe.policy, pipe.catalog)
        request = codec(ask.dialect).parse_request(ask.body, path=ask.path)
    except MasterplanError as error:
        status, body, headers = error_answer(error, ask.dialect)
        await answer.whole(status, body, headers)
        return
    tokens = round(estimate_input_tokens(request) * SAFETY)
    field = "totalTokens" if ask.dialect == "gemini" else "input_tokens"
    await answer.whole(200, dump_json({field: tokens}), {"x-masterplan-count": "estimated"})
