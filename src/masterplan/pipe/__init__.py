"""One request's way: decision → reserve → attempt → settle, and there is no other way out.

``Pipe`` is the door: a whole answer (``call``), a stream of events (``stream``), or a client's own
bytes forwarded (``relay``). Must not know prompts, specs, HTTP or who calls.
"""

from masterplan.pipe.bill import decision_json
from masterplan.pipe.measure import DEFAULT_OUTPUT_TOKENS, input_bytes
from masterplan.pipe.way import STREAM_ABOVE_TOKENS, Flow, Pipe, Reply, Trace

__all__ = [
    "DEFAULT_OUTPUT_TOKENS",
    "STREAM_ABOVE_TOKENS",
    "Flow",
    "Pipe",
    "Reply",
    "Trace",
    "decision_json",
    "input_bytes",
]
