"""The judge: runs acceptance where no builder reaches, and believes only positive evidence."""

from masterplan.workflow.judge.check import CheckResult, Judge
from masterplan.workflow.judge.gaming import find_gaming

__all__ = ["CheckResult", "Judge", "find_gaming"]
