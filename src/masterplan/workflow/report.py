"""What came of a run, for people and for programs.

Owns the report's values, its JSON and the sentence that says what to do next. Every text in it
that a model or a test wrote is made harmless. Must not know how anything was built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from masterplan.core.money import Spend, format_usd
from masterplan.ledger import AcceptedCost, PremiumShare, SpendLine
from masterplan.sandbox import neutralise
from masterplan.workflow.judge import CheckResult

ModuleStatus = Literal["verified", "failed", "stopped", "waiting", "blocked"]
RunStatus = Literal["verified", "failed", "stopped", "waiting"]

_OUTPUT_CHARS = 4_000


@dataclass(frozen=True)
class ModuleResult:
    """How one module ended. ``files`` is what was verified; empty unless it was.

    ``failure`` is the written failure report of the last try, ``reason`` the engine's own words,
    ``mend`` what a person can do about it, where that is known; ``question`` what a builder asks.
    """

    module: str
    status: ModuleStatus
    reason: str = ""
    tries: int = 0
    attempts: tuple[str, ...] = ()
    model: str = ""
    served_model: str = ""
    rung: str = ""
    effort: str = ""
    checks: tuple[CheckResult, ...] = ()
    notes: tuple[str, ...] = ()
    commit: str = ""
    failure: str = ""
    mend: str = ""
    question: str = ""
    files: Mapping[str, str | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the module's part of the report, without the files themselves."""
        return {
            "status": self.status,
            "reason": neutralise(self.reason),
            "tries": self.tries,
            "attempts": list(self.attempts),
            "model": self.model,
            "served_model": neutralise(self.served_model),
            "rung": self.rung,
            "effort": self.effort or None,
            "checks": [_check(check) for check in self.checks],
            "notes": [neutralise(note) for note in self.notes],
            "commit": self.commit,
            "files": sorted(self.files),
            "failure": neutralise(self.failure),
            "mend": neutralise(self.mend),
            "question": neutralise(self.question),
        }


@dataclass(frozen=True)
class Money:
    """What the run cost: by role and by model, per accepted module, and the premium share."""

    total: Spend
    by_role: tuple[SpendLine, ...]
    by_model: tuple[SpendLine, ...]
    accepted: AcceptedCost
    premium: PremiumShare
    unknown_attempts: int = 0
    by_module: tuple[SpendLine, ...] = ()


@dataclass(frozen=True)
class RunReport:
    """What a run came to. ``commit`` holds the result; ``next_step`` is one sentence."""

    run: str
    status: RunStatus
    modules: Mapping[str, ModuleResult]
    spec_digest: str
    base: str
    commit: str
    cage: str
    money: Money
    integration: tuple[CheckResult, ...] = ()
    overrides: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str = ""
    next_step: str = ""
    proposed_spec: str = ""

    @property
    def spend(self) -> Spend:
        """What the whole run cost, with reported, estimated and unknown kept apart."""
        return self.money.total

    @property
    def premium_share(self) -> float | None:
        """The part of premium money that went to commodity kinds; ``None`` without any."""
        return self.money.premium.share

    def as_json(self) -> dict[str, object]:
        """Return the report as the stable object of ``--json``; amounts are nano-dollars."""
        money = self.money
        return {
            "run": self.run,
            "status": self.status,
            "reason": neutralise(self.reason),
            "next_step": neutralise(self.next_step),
            "spec_digest": self.spec_digest,
            "base": self.base,
            "commit": self.commit,
            "cage": self.cage,
            "overrides": [neutralise(text) for text in self.overrides],
            "warnings": [neutralise(text) for text in self.warnings],
            "modules": {name: result.as_json() for name, result in self.modules.items()},
            "integration": [_check(check) for check in self.integration],
            "spend": {
                "total": _spend(money.total),
                "by_role": {line.key: _spend(line.spend) for line in money.by_role},
                "by_model": {line.key: _spend(line.spend) for line in money.by_model},
                "by_module": {line.key: _spend(line.spend) for line in money.by_module},
                "per_accepted_module_nano": money.accepted.nano_per_module,
                "is_lower_bound": money.accepted.is_lower_bound,
                "unknown_attempts": money.unknown_attempts,
            },
            "premium_share": self.premium_share,
            "premium_share_of_commodity": money.premium.share_of_commodity,
            "proposed_spec": self.proposed_spec,
        }


def premium_warning(share: PremiumShare, limit: float) -> str:
    """Return the guard's warning where too much premium money went to commodity kinds.

    >>> premium_warning(PremiumShare(100, 90, 80, 0), 0.5)
    '80% of premium money ($0.00000010) went to commodity work; the policy warns above 50%'
    """
    part = share.share
    if part is None or part <= limit:
        return ""
    spent = format_usd(share.premium_nano)
    return (
        f"{part:.0%} of premium money ({spent}) went to commodity work; "
        f"the policy warns above {limit:.0%}"
    )


def _spend(spend: Spend) -> dict[str, int]:
    return {key: int(value) for key, value in asdict(spend).items()}


def _check(check: CheckResult) -> dict[str, object]:
    return {
        "id": check.id,
        "state": check.state,
        "reason": neutralise(check.reason),
        "exit_code": check.exit_code,
        "wall_s": round(check.wall_s, 3),
        "tests_passed": len(check.passed),
        "output": neutralise(check.output[-_OUTPUT_CHARS:]),
    }
