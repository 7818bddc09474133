"""The cage for generated code and its tests: what may run, what it sees, and where it stops.

The door is ``find_cage`` and ``Cage.run``. Must not know specs, models, git or the ledger.
"""

from masterplan.sandbox.cage import Cage, CageJob, CageOutcome, CageResult, Limits
from masterplan.sandbox.find import find_cage
from masterplan.sandbox.neutralise import neutralise

__all__ = ["Cage", "CageJob", "CageOutcome", "CageResult", "Limits", "find_cage", "neutralise"]
