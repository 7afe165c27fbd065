# Two commands: `make run` and `make test`. Each does its own set-up; the second time it starts at once.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
INPUTS := pyproject.toml .ci/constraints.txt .ci/locked.txt .ci/setup .ci/weights.py

help:
	@echo "make run               start Companion          (make run ARGS=\"demo\" passes arguments)"
	@echo "make test              run all tests"
	@echo "make test-long         run the long sets: storms, mutations, other people's servers"
	@echo "make reliability       run the promises at their full counts and print what was measured beside what was promised"
	@echo "make check             format, lint, types and tests"
	@echo "make bench             print the benchmarks"
	@echo "make screenshots       pictures of every page and state, in every view, into build/screenshots"
	@echo "make clean             remove the virtual environment and caches"

run: $(VENV)/.ready-run
	@$(BIN)/python -m companion $(ARGS)

test: $(VENV)/.ready-test
	@.ci/test $(ARGS)

test-long: $(VENV)/.ready-test
	@$(BIN)/python -m pytest -m long $(ARGS)

reliability: $(VENV)/.ready-test
	@status=0; $(BIN)/python -m pytest -q -o faulthandler_timeout=900 -m "long or not long" $$(grep -rl "proof import prove" tests) $(ARGS) || status=$$?; \
	$(BIN)/python -m tests.reliability.table; exit $$status

check: lint types test

lint: $(VENV)/.ready-test
	@$(BIN)/ruff format --check companion tests
	@$(BIN)/ruff check companion tests

types: $(VENV)/.ready-test
	@$(BIN)/python -m mypy

format: $(VENV)/.ready-test
	@$(BIN)/ruff format companion tests
	@$(BIN)/ruff check --fix companion tests

bench: $(VENV)/.ready-test
	@for name in imports startup stream_ui chunks voice_loop natural_voice local_turn care insights journal finding; do $(BIN)/python -m tests.benchmarks.$$name || exit 1; done

screenshots: $(VENV)/.ready-run
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m companion demo --screenshots build/screenshots

$(VENV)/.ready-run: $(INPUTS)
	@.ci/setup run

$(VENV)/.ready-test: $(INPUTS)
	@.ci/setup test

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache

.PHONY: help run test test-long reliability check lint types format bench screenshots clean
