"""The embedded pair: two small models that run on the user's own processor, with no account.

Weights are pinned by checksum (``weights``); the engine serves them on loopback (``engine``), so
that they are reached like any other OpenAI-compatible server.
"""

from masterplan.providers.embedded.engine import Engine
from masterplan.providers.embedded.pin import WEIGHTS, Progress, Source, Weights
from masterplan.providers.embedded.weights import find, left_bytes, models_dir, pull

__all__ = [
    "WEIGHTS",
    "Engine",
    "Progress",
    "Source",
    "Weights",
    "find",
    "left_bytes",
    "models_dir",
    "pull",
]
