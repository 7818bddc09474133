"""What the signed evidence of a test run proves: each expected test ran and passed, or why not.

Owns the reading of evidence, outside the cage. Must not run anything; text from the cage is data.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

_SHOWN = 5


@dataclass(frozen=True)
class Evidence:
    """What was collected, what each test did, and whether the run came to its own end.

    ``places`` holds ``path::name`` of everything collected; ``failed`` maps a test to its first
    outcome that is not a pass. ``end_code`` is ``None`` where the run never ended by itself.
    """

    places: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    failed: dict[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    tampering: tuple[str, ...] = ()
    end_code: int | None = None
    is_given: bool = False


def read_evidence(text: bytes, key: bytes) -> Evidence:
    """Read signed lines up to the first that is not ours."""
    collected: dict[str, str] = {}
    outcomes: dict[str, dict[str, str]] = {}
    unread: list[str] = []
    tampering: list[str] = []
    end: dict[str, object] = {}
    last, is_given = b"", False
    for line in text.splitlines():
        signature, _, body = line.partition(b" ")
        wanted = hmac.new(key, last + body, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(signature, wanted):
            end = {}
            break
        last, is_given = signature, True
        kind, facts = json.loads(body)
        if kind == "collected":
            collected |= {item: f"{path}::{name}" for item, path, name in facts["items"]}
        elif kind == "test":
            outcomes[facts["id"]] = facts["outcomes"]
        elif kind == "not_collected":
            unread.append(f"{facts['id'] or 'the session'} ({facts['outcome']})")
        elif kind == "tampering":
            tampering.append(str(facts["what"]))
        elif kind == "end":
            end = facts
    summed = _summed(collected, outcomes, unread, end, is_given)
    return replace(summed, tampering=tuple(dict.fromkeys([*tampering, *summed.tampering])))


def _summed(
    collected: dict[str, str],
    outcomes: dict[str, dict[str, str]],
    unread: list[str],
    end: dict[str, object],
    is_given: bool,
) -> Evidence:
    passed, failed = set(), {}
    for item, place in collected.items():
        seen = outcomes.get(item, {})
        bad = next((word for word in seen.values() if word != "passed"), None)
        # pytest names tests relative to a root that depends on its arguments; the path does not.
        name = f"{place.split('::', 1)[0]}::{item.split('::', 1)[1]}" if "::" in item else item
        if bad is None and seen.get("call") == "passed":
            passed.add(name)
        else:
            failed[name] = bad or "never finished"
    tampering = end.get("tampering")
    code = end.get("code")
    return Evidence(
        frozenset(collected.values()),
        frozenset(passed),
        failed,
        tuple(unread),
        tuple(map(str, tampering)) if isinstance(tampering, list) else (),
        code if isinstance(code, int) else None,
        is_given,
    )


def find_doubts(
    evidence: Evidence, expected: Iterable[str], passed_before: Iterable[str] | None = None
) -> list[str]:
    """Return why the evidence does not prove a pass; empty where it does.

    ``expected`` are ``path::name`` of tests that must have been collected. ``passed_before`` (for
    what must stay green) are the ids that passed on the base: only these must pass again, and a
    test that was skipped there may be skipped again.
    """
    if not evidence.is_given or evidence.end_code is None:
        return ["the test process ended before its end: there is no evidence that any test passed"]
    doubts = [f"the tests were tampered with: {what}" for what in evidence.tampering]
    if evidence.unread:
        doubts.append(f"not collected: {_some(evidence.unread)}")
    missing = sorted(set(expected) - evidence.places)
    if missing:
        doubts.append(f"expected tests did not run: {_some(missing)}")
    if passed_before is not None:
        lost = sorted(set(passed_before) - evidence.passed)
        if lost:
            doubts.append(f"tests that passed before did not pass: {_some(lost)}")
        broken = [item for item, word in evidence.failed.items() if word == "failed"]
    else:
        broken = [f"{item} ({word})" for item, word in evidence.failed.items()]
    if broken:
        doubts.append(f"not passed: {_some(broken)}")
    if not evidence.passed and not doubts:
        doubts.append("no test ran")
    return doubts


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
