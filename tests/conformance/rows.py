"""All rows of the matrix, in the order of their numbers."""

from __future__ import annotations

import rows_break
import rows_fault
import rows_reasoning
import rows_result
import rows_stream
import rows_system
import rows_tool
from row import ROWS

MODULES = (
    rows_stream,
    rows_break,
    rows_tool,
    rows_result,
    rows_reasoning,
    rows_system,
    rows_fault,
)

__all__ = ["MODULES", "ROWS"]
