"""Read a spec, ask the gate, approve it, and see that an edit undoes the approval.

`revise_spec.py [SPEC]`; without an argument it reads the text toolkit's reference plan.
"""

from __future__ import annotations

import sys
from pathlib import Path

from masterplan import MasterplanError
from masterplan.spec import approve, check, ensure_approved, parse_spec, seal, slice_of

HERE = Path(__file__).resolve().parent
SPEC = HERE.parent / "text-toolkit" / "spec.json"


def main() -> int:
    """Print what the gate says and what each builder would be handed."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SPEC
    spec = parse_spec(path.read_text("utf-8"), str(path))
    verdict = check(spec)
    for problem in (*verdict.problems, *verdict.warnings):
        print(problem)
    print(f"{spec.id}: waves {spec.graph.waves}")
    for module in spec.modules:
        part = slice_of(spec, module.id)
        print(f"{module.id}: may write {part.files}, about {part.token_estimate} tokens")
    agreed = approve(spec, "Ada", "2026-03-01T12:00:00Z")
    ensure_approved(agreed)
    edited = seal(agreed.model_copy(update={"goal": agreed.goal + " And a web page."}))
    try:
        ensure_approved(edited)
    except MasterplanError as error:
        print(f"refused: {error.code}")
    return 0 if verdict.is_sound else 3


if __name__ == "__main__":
    sys.exit(main())
