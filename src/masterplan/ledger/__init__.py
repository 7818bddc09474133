"""The books: attempts, reservations, budgets, the journal of steps, and what it all cost."""

from masterplan.ledger.baseline import (
    Baseline,
    BreakEven,
    Price,
    Work,
    break_even,
    price_baselines,
)
from masterplan.ledger.claim import RunClaim
from masterplan.ledger.group import Group
from masterplan.ledger.ledger import Ledger
from masterplan.ledger.record import (
    RESERVATION_S,
    AttemptRow,
    Cap,
    Ending,
    Intent,
    Room,
    RunRecord,
    Settlement,
    StepRow,
)
from masterplan.ledger.spend import (
    AcceptedCost,
    Grouping,
    PremiumShare,
    SpendLine,
    cost_per_accepted,
    premium_share,
    spend_by,
    total,
)

__all__ = [
    "RESERVATION_S",
    "AcceptedCost",
    "AttemptRow",
    "Baseline",
    "BreakEven",
    "Cap",
    "Ending",
    "Group",
    "Grouping",
    "Intent",
    "Ledger",
    "PremiumShare",
    "Price",
    "Room",
    "RunClaim",
    "RunRecord",
    "Settlement",
    "SpendLine",
    "StepRow",
    "Work",
    "break_even",
    "cost_per_accepted",
    "premium_share",
    "price_baselines",
    "spend_by",
    "total",
]
