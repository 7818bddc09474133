"""Where trained weights lie: a file in the configuration folder that the policy names.

Owns the reading only. Must not know what the weights mean; without the key there are none.
"""

from __future__ import annotations

from collections.abc import Mapping

from masterplan.core.errors import InputError
from masterplan.policy import Policy
from masterplan.policy.folder import config_dir
from masterplan.routing.gain import Weights
from masterplan.routing.gainfile import MAX_BYTES, parse_weights


def load_gain(policy: Policy, environ: Mapping[str, str]) -> Weights | None:
    """Return the weights that the policy names, if any; InputError where they cannot be used."""
    if policy.routing.gain is None:
        return None
    path = config_dir(environ) / policy.routing.gain
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as error:
        raise InputError(
            "gain.unreadable",
            f"the trained weights cannot be read: {error.strerror or error}",
            str(path),
            f"`masterplan train TABLE --weak MODEL --strong MODEL --out {path}`, "
            "or take `gain` out of [routing]",
        ) from error
    return parse_weights(data.decode("utf-8", "replace"), str(path))
