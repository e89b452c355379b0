.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help setup run test packages lint bench soak fuzz openapi mutate plain lock clean

PYTHON ?= python3
PORT ?= 8000
# Many tests wait more than they work: with one process more than cores they take three quarters of the time.
WORKERS ?= $(shell echo $$(( $$(nproc 2> /dev/null || echo 2) + 1 )))
PROFILE ?= quick
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

help:
	@awk -F ' *## ' '/^[a-z]+:.*##/ { sub(/:.*/, "", $$1); printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.installed .venv/.compiled ## put everything into .venv, from the lock (so .venv/bin/onestop)
	@:

run: setup ## start the service, settle examples/bill.json, keep serving (PORT=8000; ONCE=1 ends after the table)
	@PORT=$(PORT) ONCE=$(ONCE) $(BIN)/python -m tools.demo

test: packages lint ## everything the project promises to hold: lint, then all tests (PROFILE=deep for 100,000 bills; WORKERS=3)
	ONESTOP_TEST_PROFILE=$(PROFILE) $(BIN)/python -m pytest -n $(WORKERS)

packages:
	@missing=""; \
	for each in chromium:chromium promtool:prometheus haproxy:haproxy nginx:nginx; do \
		PATH="$$PATH:/usr/sbin:/sbin" command -v "$${each%%:*}" > /dev/null || missing="$$missing $${each##*:}"; \
	done; \
	test -z "$$missing" || { \
		echo "Installing Debian's$$missing, for the tests of the documentation and of deploy/ ..."; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } > /dev/null 2>&1 \
			|| echo "They cannot be installed here; those tests are skipped."; }

lint: setup ## ruff, mypy, import contracts, bandit, pip-audit, and the checks of tools/tidy.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy app tests tools bench
	$(BIN)/lint-imports
	$(BIN)/python -m tools.tidy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app migrations
	$(BIN)/python -m tools.vulnerabilities

soak: setup ## kills and races as often as the ledger's promise was shown with (half an hour)
	ONESTOP_WORKER_KILLS=1000 ONESTOP_DATABASE_KILLS=200 ONESTOP_ROUNDS=2000 ONESTOP_WRITERS=64x200 ONESTOP_CUTS=2000 ONESTOP_BACKSTOPS=10000 ONESTOP_ROLLING_REQUESTS=20000 \
		$(BIN)/python -m pytest tests/faults tests/insurer tests/operations/test_rolling.py

fuzz: setup ## 50,000 generated requests with keys of every role against the OpenAPI document (a quarter of an hour)
	ONESTOP_FUZZ_EXAMPLES=700 $(BIN)/python -m pytest tests/api/test_schemathesis.py

bench: setup .venv/.bench-installed ## measure the core, the command and the service beside their peers
	$(BIN)/python -m bench

openapi: setup ## write openapi/openapi.json from the code
	$(BIN)/python -m tools.openapi

mutate: plain ## change the pure core in every small way and count the changes that no test notices
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python -m tools.mutation_score

plain: .venv/.installed ## take the compiled parts away: everything runs as plain Python until the next setup
	@$(BIN)/python -m tools.compile --remove
	@rm -f .venv/.compiled

lock: $(BIN)/uv ## write requirements/*.lock from pyproject.toml (UPGRADE=1 takes the newest releases)
	$(LOCK) --output-file requirements/runtime.lock
	$(LOCK) --output-file requirements/traces.lock --extra traces --constraint requirements/runtime.lock
	$(LOCK) --output-file requirements/dev.lock --extra traces --group dev --constraint requirements/traces.lock
	$(LOCK) --output-file requirements/build.lock --group build --constraint requirements/dev.lock
	$(LOCK) --output-file requirements/bench.lock --group bench --constraint requirements/dev.lock

# Not `setup`, which refuses what does not fit the lock that is to be written.
$(BIN)/uv:
	@$(MAKE) setup

clean: ## remove .venv, caches and build outputs
	rm -rf .venv *.so dist build mutants htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find app -name '*.so' -delete
	find app tests tools bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The stamps come last, so that an interrupted setup starts over.
.venv/.installed: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "make setup: Python 3.11 or newer is needed; name one with PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; \
		else \
			echo "make setup: this Python cannot make environments; on Debian: sudo apt-get install -y python3-venv" >&2; exit 1; \
		fi; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "Making .venv ..."; rm -rf .venv; $(PYTHON) -m venv .venv; }
	@echo "Installing requirements/dev.lock (a minute or two the first time) ..."
	@$(PIP) --require-hashes --no-deps --requirement requirements/dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check
	@touch $@

.venv/.compiled: .venv/.installed tools/compile.py $(shell find app/settlement app/api -name '*.py')
	@$(BIN)/python -m tools.compile
	@touch $@

.venv/.bench-installed: .venv/.installed requirements/bench.lock
	@echo "Installing requirements/bench.lock ..."
	@$(PIP) --require-hashes --no-deps --requirement requirements/bench.lock
	@touch $@
