#!/usr/bin/env bash
# Install the real clients that the tests drive, pinned, outside git: `core` (what `make test`
# needs) or `all`. Each lives in NAME-VERSION of the cache, is moved there whole and is then left
# alone. No install scripts run. Without npm it says so and leaves 0; on CI (CI is set) it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

CORE=(claude-code pi)
ALL=("${CORE[@]}" codex gemini-cli opencode aider antigravity)
CACHE=${MASTERPLAN_CLIENTS:-.clients}

say() { echo "clients: $*" >&2; }
die() { say "$*"; exit 1; }

package_of() {
  case $1 in
    claude-code) echo @anthropic-ai/claude-code@2.1.330 ;;
    pi) echo @mariozechner/pi-coding-agent@0.73.1 ;;
    codex) echo @openai/codex@0.169.0 ;;
    gemini-cli) echo @google/gemini-cli@0.61.0 ;;
    opencode) echo opencode-ai@1.18.33 ;;
    aider) echo aider-chat==0.86.2 ;;
    antigravity) echo google-antigravity==0.1.22 ;;
    *) die "no client is called $1 (${ALL[*]})" ;;
  esac
}

with_npm() {  # folder, package
  # An older Node than a package asks for is told by npm; the named version is installed anyway.
  npm install --prefix "$1" --ignore-scripts --no-save --no-audit --no-fund --no-package-lock \
    --loglevel=error "$2" >/dev/null
}

with_pip() {  # folder, package; a venv is bound to its place, so its launchers are made here
  "${PY:-python3}" -m venv "$1/venv"
  "$1/venv/bin/python" -m pip install -q --disable-pip-version-check --no-input "$2"
}

install() {
  local name=$1 package version folder half
  package=$(package_of "$name")
  version=${package##*[@=]}
  folder=$CACHE/$name-$version
  [ -e "$folder/.whole" ] && return 0
  say "installing $package"
  case $package in
    *==*) half=$folder; rm -rf "$half"; mkdir -p "$half"; with_pip "$half" "$package" ;;
    *) half=$(mktemp -d "$CACHE/.half-XXXXXX"); with_npm "$half" "$package"
       rm -rf "$folder"; mv "$half" "$folder" ;;
  esac
  touch "$folder/.whole"
}

needs_npm() { case $(package_of "$1") in *==*) return 1 ;; *) return 0 ;; esac; }

main() {
  local names=() name
  case ${1:-core} in
    core) names=("${CORE[@]}") ;;
    all) names=("${ALL[@]}") ;;
    *) names=("$@") ;;
  esac
  mkdir -p "$CACHE"
  echo '*' >"$CACHE/.gitignore"
  for name in "${names[@]}"; do
    package_of "$name" >/dev/null
    if needs_npm "$name" && ! command -v npm >/dev/null; then
      [ -z "${CI:-}" ] || die "npm is not there, and the tests on CI need $name"
      say "npm is not there, so the tests with $name will be skipped; on Debian: apt-get install npm"
      continue
    fi
    install "$name" || die "$name could not be installed; run it again once the registry is reachable"
  done
}

main "$@"
