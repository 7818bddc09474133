# One door for people and for CI: `make test` checks everything, `make demo` shows the main job.
PY ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp-$(shell cat requirements/dev.lock pyproject.toml scripts/setup.sh 2>/dev/null | sha256sum | cut -c1-12)

.PHONY: help setup test lint types imports unit lock clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## Make .venv with everything the tests need

$(STAMP):
	PY="$(PY)" bash scripts/setup.sh
	@rm -f $(VENV)/.stamp-* && touch $@

test: setup lint types imports unit  ## Check and test everything

lint: setup
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

unit: setup
	$(BIN)/pytest

fix: setup  ## Format and mend what can be mended
	$(BIN)/ruff check --fix src tests bench; $(BIN)/ruff format src tests bench

lock: setup  ## Write requirements/dev.lock anew
	bash scripts/lock.sh

clean:  ## Remove what was built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache
