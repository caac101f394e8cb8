# make demo: train on the digits that come with scikit-learn.   make test: all checks, as CI runs them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help venv demo test check tests check-long format clean

help:
	@echo "make demo        train a convnet on handwritten digits, offline, in under a minute"
	@echo "make test        every check: format, lint, types, floors, tests"
	@echo "make check-long  the long checks: 250 kills, a Ray node killed"

venv: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

demo: venv
	$(BIN)/pellucid train lenet5 digits --recipe one_cycle --epochs 15

test: venv check tests

check: venv
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

tests: venv
	$(BIN)/python -m pytest -m "not long and not alone" -n 2 --dist worksteal
	$(BIN)/python -m pytest -m "not long and alone"

check-long: venv
	$(BIN)/python -m pytest -m long

format: venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
