"""Trained weights as text: one small JSON document with where it comes from and its own digest.

Owns the format and the refusal of what is damaged or of another version. Must not know where the
file lies nor what the numbers mean.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

from masterplan.core.errors import InputError
from masterplan.routing import feature
from masterplan.routing.gain import KNOWN_BITS, SIGHT, Domain, Group, Space, Weights

FORMAT = 1
"""The version of the document; another one is refused rather than guessed at."""
MAX_BYTES = 1_000_000
_MEND = "train them anew: `masterplan train TABLE --weak MODEL --strong MODEL --out FILE`"
_TERM = struct.Struct("<Hf")


def dump_weights(weights: Weights) -> str:
    """Return the document that ``parse_weights`` reads; the same weights give the same bytes."""
    told = _told(weights)
    told["digest"] = _digest(told)
    return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def sealed(weights: Weights) -> Weights:
    """Return weights exactly as a reader of their document has them, with their version."""
    return parse_weights(dump_weights(weights), "the trained weights")


def parse_weights(text: str, where: str) -> Weights:
    """Return the weights of a document; InputError where it is damaged or of another version."""
    try:
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise ValueError("it is no JSON object")
        _ensure_version(raw, where)
        digest = raw.pop("digest", None)
        if digest != _digest(raw):
            raise ValueError("its digest does not fit its content")
        return replace(_weights(raw), version=str(digest)[:16])
    except (ValueError, KeyError, TypeError, RecursionError, struct.error, binascii.Error) as error:
        raise InputError(
            "gain.damaged", f"the weights cannot be read: {_short(error)}", where, _MEND
        ) from None


def _ensure_version(raw: Mapping[str, object], where: str) -> None:
    for name, ours in (("format", FORMAT), ("features", feature.VERSION)):
        if raw.get(name) != ours:
            found = str(raw.get(name))[:40]
            raise InputError(
                "gain.other_version",
                f"the weights have {name} {found!r}, and this version reads {ours!r}",
                f"{where}: {name}",
                _MEND,
            )


def _told(weights: Weights) -> dict[str, object]:
    space, domain = weights.space, weights.domain
    return {
        "format": FORMAT,
        "features": feature.VERSION,
        "weak": weights.weak,
        "strong": weights.strong,
        "terms": _text(weights.terms),
        **{name: getattr(weights, name) for name in _NUMBERS},
        "rarity": _text(space.rarity),
        "known": _text(space.known),
        "centre": _pack(space.centre),
        "groups": [
            {"gain": g.gain, "prompts": g.prompts, "label": g.label, "terms": _pack(g.terms)}
            for g in space.groups
        ],
        "domain": {
            "sight": list(SIGHT),
            "usual": list(domain.usual),
            "spread": list(domain.spread),
            "joint": [list(row) for row in domain.joint],
            "limit": domain.limit,
        },
        "provenance": dict(weights.provenance),
    }


_NUMBERS = ("step", "bias", "group_share", "slope", "shift", "doubt")


def _weights(raw: Mapping[str, object]) -> Weights:
    step, bias, share, slope, shift, doubt = (_number(raw[name]) for name in _NUMBERS)
    groups = _list(raw["groups"])
    provenance = raw["provenance"]
    if not isinstance(provenance, dict):
        raise ValueError("provenance is no object")
    return Weights(
        weak=_name(raw["weak"]),
        strong=_name(raw["strong"]),
        terms=_bytes(raw["terms"], feature.BUCKETS),
        step=step,
        bias=bias,
        group_share=share,
        slope=slope,
        shift=shift,
        doubt=doubt,
        space=Space(
            _bytes(raw["rarity"], feature.BUCKETS),
            _bytes(raw["known"], 1 << (KNOWN_BITS - 3)),
            _unpack(raw["centre"]),
            tuple(_group(one) for one in groups),
        ),
        domain=_domain(raw["domain"]),
        provenance=provenance,
    )


def _group(raw: object) -> Group:
    if not isinstance(raw, dict):
        raise ValueError("a group is no object")
    prompts = raw["prompts"]
    if not isinstance(prompts, int):
        raise ValueError("a group's prompts are no number")
    return Group(_number(raw["gain"]), prompts, _unpack(raw["terms"]), str(raw["label"]))


def _domain(raw: object) -> Domain:
    if not isinstance(raw, dict) or raw["sight"] != list(SIGHT):
        raise ValueError("its domain is judged by other numbers")
    usual, spread = _row(raw["usual"]), _row(raw["spread"])
    joint = tuple(_row(row) for row in _list(raw["joint"]))
    if len(joint) != len(SIGHT) or min(spread) <= 0:
        raise ValueError("its domain is not whole")
    return Domain(usual, spread, joint, _number(raw["limit"]))


def _row(raw: object) -> tuple[float, ...]:
    row = tuple(_number(value) for value in _list(raw))
    if len(row) != len(SIGHT):
        raise ValueError("its domain is not whole")
    return row


def _list(raw: object) -> Sequence[object]:
    if not isinstance(raw, list):
        raise ValueError("a list is missing")
    return raw


def _number(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not isfinite(raw):
        raise ValueError("a number is missing or not finite")
    return float(raw)


def _name(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("a model's name is missing")
    return raw


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(raw: object, length: int) -> bytes:
    data = base64.b64decode(str(raw), validate=True)
    if len(data) != length:
        raise ValueError(f"{len(data)} bytes where {length} are needed")
    return data


def _pack(terms: Mapping[int, float]) -> str:
    return _text(b"".join(_TERM.pack(bucket, terms[bucket]) for bucket in sorted(terms)))


def _unpack(raw: object) -> dict[int, float]:
    pairs = _TERM.iter_unpack(base64.b64decode(str(raw), validate=True))
    found = {int(bucket): float(weight) for bucket, weight in pairs}
    if not all(isfinite(weight) for weight in found.values()):
        raise ValueError("a term's weight is not finite")
    return found


def _digest(told: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
