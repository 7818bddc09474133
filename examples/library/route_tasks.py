"""Which model each of some tasks would go to, and what that costs: `route_tasks.py POLICY TASK...`.

Without arguments it uses a policy and tasks of its own. Sends nothing anywhere.
"""

from __future__ import annotations

import sys

from masterplan import MasterplanError, Policy, Router, Task

POLICY = """
[models]
opus = "anthropic/claude-opus-4-6"
haiku = "anthropic/claude-haiku-4-5"

[roles.planner]
ladder = ["opus"]
[roles.builder]
ladder = ["haiku", "opus"]
"""
TASKS = (
    "Design the architecture of a multi-tenant billing system",
    "Write the boilerplate of a REST client",
    "Find the race condition behind the lost updates",
)


def main() -> int:
    """Print a line for each task."""
    path, *texts = sys.argv[1:] or [""]
    try:
        router = Router.of(Policy.load(path) if path else Policy.parse(POLICY))
        for text in texts or TASKS:
            decision = router.route(Task(text))
            nano = decision.expected_cost_nano
            cost = "unknown" if nano is None else f"${nano / 1e9:.4f}"
            print(f"{decision.model:32} {decision.profile.kind:13} {cost:>9}  {text}")
    except MasterplanError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
