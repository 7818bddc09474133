"""All rows of the matrix, in the order of their numbers."""

from __future__ import annotations

import rows_reasoning
import rows_stream
import rows_system
import rows_tool
from row import ROWS

MODULES = (rows_stream, rows_tool, rows_reasoning, rows_system)

__all__ = ["MODULES", "ROWS"]
