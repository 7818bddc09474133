"""A repository's policy that is not trusted is never silently replaced where money is spent."""

from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["plan", "run"])
def test_policy_when_edited_after_init_then_nothing_is_spent_by_another(
    home: Path, run, command: str
) -> None:  # type: ignore[no-untyped-def]
    Path("brief.md").write_text("Build a slug function.")
    assert run("init", "--embedded").code == 0
    policy = Path("masterplan.toml")
    policy.write_text(policy.read_text().replace('run = "$5"', 'run = "$0.01"'))
    said = run(command, "brief.md", *(["--yes"] if command == "run" else []))
    assert said.code == 2
    assert "policy.untrusted" in said.err
    assert "masterplan trust" in said.err
