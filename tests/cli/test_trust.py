"""``masterplan trust`` and ``doctor`` and ``models``: what a user sees before and after."""

import stat
from pathlib import Path

import pytest
from cli_case import Run

POLICY = (
    '[models]\na = "anthropic/claude-opus-4-6"\n[roles.planner]\nladder = ["a"]\n'
    '[providers.lab]\ndialect = "openai_chat"\nbase_url = "http://10.0.0.9/v1"\n'
    'key_env = "LAB_KEY"\n'
)


def test_trust_when_agreed_then_the_policy_holds_and_its_addresses_were_shown(
    run: Run, home: Path
) -> None:
    Path("masterplan.toml").write_text(POLICY)
    said = run("trust")
    assert said.code == 0
    assert "http://10.0.0.9/v1" in said.out
    assert "LAB_KEY" in said.out
    kept = home / ".config" / "masterplan" / "trust.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert run("route", "Plan it", "--json").json["policy"].endswith("masterplan.toml")


def test_trust_when_the_file_changes_then_inert_again(run: Run) -> None:
    Path("masterplan.toml").write_text(POLICY)
    run("trust")
    Path("masterplan.toml").write_text(POLICY + "# pulled from upstream\n")
    said = run("route", "Plan it", "--json")
    assert said.json["policy"] == "the built-in policy"
    assert "changed since you trusted it" in said.err


def test_trust_when_revoked_then_inert_and_not_listed(run: Run) -> None:
    Path("masterplan.toml").write_text(POLICY)
    run("trust")
    assert len(run("trust", "--list", "--json").json["trusted"]) == 1
    assert run("trust", "--revoke", "--json").json["is_trusted"] is False
    assert run("trust", "--list", "--json").json["trusted"] == {}


def test_trust_when_there_is_nothing_or_it_is_wrong_then_one_error(run: Run) -> None:
    assert "trust.nothing" in run("trust").err
    Path("masterplan.toml").write_text("x = 1")
    said = run("trust")
    assert said.code == 2
    assert "masterplan.toml:1" in said.err
    assert run("trust", "--list", "--json").json["trusted"] == {}


def test_doctor_when_asked_then_each_failure_has_a_mend_and_no_key_is_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-very-secret")
    said = run("doctor", "--json")
    findings = {finding["name"]: finding for finding in said.json["findings"]}
    assert {"python", "git", "cage", "ledger", "policy", "node", "chromium"} <= set(findings)
    assert findings["provider anthropic"]["is_ok"]
    assert "very-secret" not in said.out + said.err
    assert all(finding["mend"] for finding in findings.values() if not finding["is_ok"])
    needed = [f for f in findings.values() if f["is_needed"]]
    assert said.code == (0 if all(f["is_ok"] for f in needed) else 1)


def test_doctor_when_the_policy_needs_a_key_that_is_not_set_then_not_ready(run: Run) -> None:
    Path("p.toml").write_text(POLICY)
    said = run("doctor", "--policy", "p.toml")
    assert said.code == 1
    assert "export ANTHROPIC_API_KEY" in said.out
    assert "not ready" in said.out


def test_doctor_when_a_key_is_under_its_second_name_then_that_one_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("p.toml").write_text(POLICY.replace("anthropic/claude-opus-4-6", "google/gemini-3.1-pro"))
    monkeypatch.setenv("GOOGLE_API_KEY", "secret")
    said = run("doctor", "--policy", "p.toml", "--json")
    details = {finding["name"]: finding["detail"] for finding in said.json["findings"]}
    assert details["provider google"] == "key is set (GOOGLE_API_KEY)"


def test_doctor_when_the_policy_is_wrong_then_says_so_and_goes_on(run: Run) -> None:
    Path("p.toml").write_text("x = 1")
    said = run("doctor", "--policy", "p.toml", "--json")
    assert said.code == 1
    assert any("p.toml:1" in f["detail"] for f in said.json["findings"])


def test_models_when_listed_then_limits_and_prices_with_their_versions(run: Run) -> None:
    Path("p.toml").write_text(POLICY)
    told = run("models", "list", "--policy", "p.toml", "--json").json
    assert [model["id"] for model in told["models"]] == ["anthropic/claude-opus-4-6"]
    assert told["models"][0]["input_nano_per_mtok"] == 5_000_000_000
    assert told["models"][0]["output_nano_per_mtok"] == 25_000_000_000
    assert told["price_version"].startswith("genai-prices-")
    assert len(run("models", "list", "--all", "--json").json["models"]) > 40
    shown = run("models", "list", "--policy", "p.toml").out
    assert "anthropic/claude-opus-4-6" in shown
    assert "\x1b" not in shown
