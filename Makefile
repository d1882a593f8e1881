# Everything a checkout can do. `make demo` and `make test` need Python 3.11+, git and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
# One more than two cores: the long tests also wait for the processes they start.
WORKERS ?= 3

.PHONY: help demo ui test lint bench bench-pull bench-delivery bench-webhooks reliability lock-run lock-dev clean

help:
	@echo "make demo    run the whole product against simulated vendors and print what it did"
	@echo "make ui      look at it in Dagster's UI"
	@echo "make test    run every test on real parts"
	@echo "make lint    check style, types and the layers"
	@echo "make bench   measure it on this machine; make bench-delivery: only deliveries, beside a bare client and a peer;"
	@echo "             make bench-webhooks: only the receiver, with kills under load; make bench-pull: only pulls"
	@echo "make reliability"
	@echo "             kill it at hundreds of points on every platform, and write docs/reliability.md anew"
	@echo "make lock-run, make lock-dev"
	@echo "             pin anew what running needs, then what developing needs (requirements/*.txt)"
	@echo "make clean   remove the environment and everything the demo made"

demo: $(VENV)/run.stamp
	@$(BIN)/conversion-sync demo

ui: $(VENV)/run.stamp
	@$(BIN)/conversion-sync ui

test: $(VENV)/dev.stamp
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.stamp bench-delivery bench-webhooks bench-pull
	$(BIN)/python -m benchmarks

bench-pull: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.pull

bench-webhooks: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.webhooks

bench-delivery: $(VENV)/dev.stamp $(PEERS)/stamp
	$(BIN)/python -m benchmarks.throughput

# The packages the product is measured beside, in an environment of their own.
$(PEERS)/stamp: requirements/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	@touch $@

# The same seed kills at the same points.
SEED ?= 7
POINTS ?= 40

reliability: $(VENV)/dev.stamp
	$(BIN)/python -m tests.reliability --seed $(SEED) --points $(POINTS) --workers $(WORKERS) \
		--write docs/reliability.md

# The newest releases of before LOCK_DATE; move it forward to update.
LOCK_DATE := 2026-11-15T00:00:00Z
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-strip-extras --exclude-newer $(LOCK_DATE)

lock-run: $(VENV)/dev.stamp
	$(LOCK) --group build --output-file requirements/run.txt

# Keeps to the versions of requirements/run.txt.
lock-dev: $(VENV)/dev.stamp
	$(LOCK) --group dev --constraint requirements/run.txt --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) $(PEERS) .conversion_sync .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python cannot make environments here. On Debian: apt-get install python3-venv" >&2; exit 1; }
