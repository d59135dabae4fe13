# Every target sets up what it needs: a fresh machine with Python 3.11 or newer and pip is enough.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo recipes test test-all check format bench clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A marker left by a set-up that did not finish; it makes the next one start from an empty environment.
UNFINISHED := $(VENV)/.unfinished
READY := $(VENV)/.ready
BENCH ?= $(wildcard benchmarks/training/[a-z]*.py benchmarks/simulation/[a-z]*.py)
INSTALL := $(BIN)/python -m pip install --progress-bar off
# What pip does, a short line each: what is fetched and how large it is, and what is installed.
SHORTLY := | awk '/^ *(Downloading|Using cached|Building|Installing|Successfully)/ { print substr($$0, 1, 100); fflush() }'
PYTEST := $(BIN)/python -m pytest -n 2
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Create .venv with everything that demo, test and check need

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Ranvier needs Python 3.11 or newer, but $(PYTHON) is older; run make PYTHON=/path/to/python3.11"; exit 1; }
	@if [ -e $(UNFINISHED) ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo "Creating $(VENV)"; rm -rf $(VENV); mkdir -p $(VENV); touch $(UNFINISHED); \
	  $(PYTHON) -m venv $(VENV); \
	else touch $(UNFINISHED); fi
	@# torch first and by itself: any other way of asking for it may bring a build with gigabytes of CUDA libraries.
	@echo "1/2 torch, the largest package (some hundred MB; minutes the first time)"
	@$(INSTALL) "$$(grep '^torch==' constraints.txt)" $(SHORTLY)
	@echo "2/2 Ranvier and the other packages of constraints.txt ($$(grep -c == constraints.txt) in all)"
	@$(INSTALL) --editable '.[data,dev]' --constraint constraints.txt $(SHORTLY)
	@rm -f $(UNFINISHED)
	@touch $(READY)
	@echo "Ready: $$(du -sh $(VENV) | cut -f1) in $(VENV)"

demo: $(READY) ## Train on digits and simulate a circuit: the whole framework on one page
	@echo "Training five networks on digits and simulating a circuit: one or two minutes"
	@$(BIN)/ranvier demo

recipes: $(READY) ## Write docs/papers.md: every paper, its recipe and state
	@$(BIN)/ranvier recipes table

test: $(READY) ## Run the quick tests
	@echo "The quick tests: some minutes"
	@$(PYTEST) -m "not slow and not peers"

test-all: $(READY) ## Run every test; those against peers only where the peers are installed
	@$(PYTEST)

check: $(READY) ## Lint, format, types, spelling and the rules of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/typos
	@$(BIN)/python scripts/check_house.py
	@$(BIN)/python scripts/check_parameter_names.py
	@$(BIN)/python scripts/check_private_imports.py

format: $(READY) ## Rewrite the code in the house style
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bench: $(READY) ## Run the benchmarks, or one: make bench BENCH=benchmarks/training/lif_scan.py
	@for file in $(BENCH); do module=$${file%.py}; $(BIN)/python -m "$${module//\//.}" || exit 1; done

clean: ## Remove the environment and everything generated
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
