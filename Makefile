# make help lists what there is; the first column is the command.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := shared services/customer-index services/case-episodes services/referrals services/gateway deploy/single-node
CODE := $(PACKAGES) tests

.PHONY: help setup demo run test evaluate bench check fmt docs lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/ready ## the environment in .venv, from the hashed lock

.venv/ready: requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES))
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make setup PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@touch $@
	@echo "setup: .venv is ready"

demo: setup ## play the whole story on throw-away data and check every answer
	$(BIN)/scv demo

run: setup ## the platform on this machine: make run [PORT=8080] [DEMO=1]
	$(BIN)/scv run --port $(or $(PORT),8080) $(if $(DEMO),--demo)

test: setup ## every test, on real PostgreSQL
	$(BIN)/pytest -n 2 --dist loadgroup -q

evaluate: setup ## how well records become people, against known truth: make evaluate [JSON=FILE]
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r evaluation.lock
	$(BIN)/python -m single_node.evaluation $(if $(JSON),--json $(JSON))

bench: setup ## figures measured in pairs, as `name ratio unit`, and bench.json
	$(BIN)/python -m tests.bench

check: setup ## format, lint, types, import contracts
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(PACKAGES) tests
	$(BIN)/lint-imports

fmt: setup ## format and mend what can be mended
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

docs: setup ## write the documents that follow from the code
	$(BIN)/python -m tests.documents

lock: ## write requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  $(foreach p,shared customer-index case-episodes referrals gateway single-node,--no-emit-package scv-$(p)) --no-header --no-annotate --group dev pyproject.toml -o requirements.lock

clean: ## remove the environment and the data of make run
	rm -rf .venv .scv
