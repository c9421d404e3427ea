# make demo   records a small suite from the embedded simulator with the real SDKs, then replays it offline
# make test   runs every test
# make bench  measures this project beside others, in an environment of its own; see benchmarks/README.md
# Both need Python 3.11 or newer with pip, and nothing else; the environment is made in .venv.

PYTHON ?= python3
ENVIRONMENT := .venv
BENCH_ENVIRONMENT ?= .venv-bench
BIN := $(ENVIRONMENT)/bin
READY := $(ENVIRONMENT)/ready

# Modules are compiled when first used, not all of them by pip; the tests start many Pythons, which share what was compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint clean

help:
	@sed -n 's/^# //p' Makefile

$(READY): pyproject.toml
	$(PYTHON) -m venv $(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e ".[dev]"
	@touch $(READY)

demo: $(READY)
	$(BIN)/python examples/demo.py

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal

bench:
	$(PYTHON) -m venv $(BENCH_ENVIRONMENT)
	$(BENCH_ENVIRONMENT)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(BENCH_ENVIRONMENT)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BENCH_ENVIRONMENT)/bin/python benchmarks/run.py $(BENCH)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

clean:
	rm -rf $(ENVIRONMENT) $(BENCH_ENVIRONMENT)
