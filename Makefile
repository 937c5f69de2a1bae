# Everything that is done with this repository. `make` alone lists the targets.
# Each target is good as the first command ever run on a fresh clone: what it needs, it sets up.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup browser demo test lint quick simulations check bench evidence evidence-peers docs lock clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PURE := model assign stats rollout
PURE_TESTS := $(addprefix tests/unit/,$(PURE))
SIMULATIONS := tests/statistical tests/acceptance/test_simulated_clock.py
LONGEST := tests/unit/telemetry tests/contract
JOBS ?= 2
ARGS ?=

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv from the locked dependencies (done once per change of the lock)

$(READY): requirements/dev.lock pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(VENV)

browser: $(READY)
	@scripts/browser.sh

demo: $(READY) ## run the demo; ARGS="--scenario errors --exit --json" passes options
	@$(BIN)/fader demo $(ARGS)

test: browser ## the whole suite, as .ci/run calls it
	@scripts/test.sh $(BIN)

lint: $(READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# The quick tests run in $(JOBS) processes. Those of the pure layers must cover their branches; coverage is measured there
# alone, as it makes a test twice as long. The longest files come first, so that no process waits for another at the end.
quick: $(READY)
	@$(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist loadfile $(PURE_TESTS) \
	  $(foreach layer,$(PURE),--cov=fader.$(layer)) --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95
	@$(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist loadfile --no-loadscope-reorder $(LONGEST) tests \
	  $(addprefix --ignore=,$(PURE_TESTS))

simulations: $(READY)
	@$(BIN)/python -m pytest -m slow -n $(JOBS) $(SIMULATIONS)

check: lint $(READY) ## ruff, mypy, import-linter and the quick tests: what to run before each commit
	@$(BIN)/python -m pytest -q -m "not slow" -n $(JOBS) --dist loadfile

bench: $(READY) ## all benchmarks, one after the other
	@for bench in benchmarks/*.py; do echo "== $$bench"; $(BIN)/python "$$bench"; done

evidence: $(READY) ## measure the figures of the statistics again and write docs/evidence.md; fails when one is missed
	@$(BIN)/python -m benchmarks.decisions.reference --write $(ARGS)

evidence-peers: $(READY) ## fader against the rules of other tools on the same simulated users; ARGS="--quick" is short
	@$(BIN)/python -m benchmarks.decisions $(if $(ARGS),$(ARGS),--write)

docs: $(READY) ## write the generated parts of docs/ anew (JSON Schema, transition diagram, pictures)
	@$(BIN)/python scripts/docs.py
	@$(BIN)/python scripts/pictures.py

lock: $(READY) ## resolve the dependencies anew into requirements/*.lock
	@scripts/lock.sh $(BIN)/uv

clean: ## remove what the targets made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* test-artifacts dist
