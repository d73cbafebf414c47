# `make demo` shows everything on this machine; `make help` lists the rest.
PYTHON ?= python3
PIP := .venv/bin/python -m pip --quiet --disable-pip-version-check
REQUIREMENTS := requirements.txt $(wildcard layers/*.txt layers/*/requirements.txt)
ENVIRONMENT ?= dev
SEEDS ?= 50
WORKERS ?= 2
FIRST ?= 1
export PYTHONPATH := layers/shared/python

.PHONY: help install format check test torture mutate simulate bench demo up down synth deploy secrets rotate clean
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s%s\n", $$1, $$2 }' Makefile

install: .venv/.stamp  ## prepare .venv with the command line, Node.js, the Lambda workers' Python, the layers
	@.venv/bin/python -m local.toolchain

.venv/.stamp: $(REQUIREMENTS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13")'
	@echo "  Python packages into .venv (a minute or two the first time)" && $(PYTHON) -m venv .venv
	@$(PIP) install -r requirements.txt && $(PIP) install --no-deps --editable . && touch $@

format: install  ## format the code
	.venv/bin/ruff format && .venv/bin/ruff check --fix

check: install  ## formatting, lint, types, which room may import which
	.venv/bin/ruff format --check && .venv/bin/ruff check && .venv/bin/mypy
	.venv/bin/pytest -q tests/unit/test_architecture.py

test: install  ## all tests: WORKERS=2 at a time
	.venv/bin/pytest tests -n $(WORKERS) --no-loadscope-reorder

torture: install  ## host payments under faults drawn from seeds: SEEDS=50 FIRST=1
	@.venv/bin/python -m tests.torture --seeds "$(SEEDS)" --first "$(FIRST)"

mutate: install  ## every small change to the money modules, and whether a test notices it
	@.venv/bin/python -m tests.money_mutation

simulate: install  ## the whole product in a world drawn from seeds: SEEDS=100000 FIRST=1
	@.venv/bin/python -m tests.simulation --seeds "$(SEEDS)" --first "$(FIRST)" --cover --quiet

bench: install  ## the product's speed as ratios: ARGS="NAME … --million ROWS --small"
	@nice -n 10 .venv/bin/python -m bench $(ARGS)

demo: install  ## a day of payments on real parts, from webhook to exact shares
	@.venv/bin/python -m local.demo

up: install  ## leave a stack running: RPC_URL= CHANGENOW_URL= ANVIL_PORT= CHANGENOW_PORT= DAY_SECONDS=
	@.venv/bin/python -m local up --rpc-url "$(RPC_URL)" --changenow-url "$(CHANGENOW_URL)" \
		--anvil-port "$(ANVIL_PORT)" --changenow-port "$(CHANGENOW_PORT)" \
		--day-seconds "$(DAY_SECONDS)"

down:  ## end it
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m local down; fi

synth: install  ## write the templates for production into cdk.out/
	@.venv/bin/python -m cdk.layers aws
	@.venv/bin/python -m local.toolchain cdk synth --quiet -c environment=prod

deploy: install  ## deploy to AWS: ENVIRONMENT=dev|prod ARGS="-c host_wallet=0x…"
	@.venv/bin/python -m cdk.layers aws
	@.venv/bin/python -m local.toolchain cdk deploy --all -c environment=$(ENVIRONMENT) $(ARGS)

secrets: install  ## set and check an environment's secrets: ENVIRONMENT=dev|prod ARGS="-c host_wallet=0x…"
	@.venv/bin/python -m cdk.secret_values -c environment=$(ENVIRONMENT) $(ARGS)

rotate: install  ## change a signing key or a database password: NAME=… ENVIRONMENT=dev|prod
	@.venv/bin/python -m cdk.secret_rotation "$(NAME)" -c environment=$(ENVIRONMENT)

clean: down  ## remove everything that these commands have made
	rm -rf .venv .venv-lambda .build .local cdk.out *.egg-info .mypy_cache .ruff_cache .pytest_cache
