PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check compiled soak bench bench-console docs snapshots screenshots clean
.DELETE_ON_ERROR:

run: .venv/.done
	$(BIN)/qtop demo

# Tests of one file go to one process, as far as possible: what they share is made once.
test: .venv/.done tests/interop/node_modules/.done
	$(MAKE) --no-print-directory -j 2 check compiled
	$(BIN)/python -m pytest -n 6 --dist worksteal

check: .venv/.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every process of a run collects all tests: compiled once beforehand, and not by each of them. So it is
# with the constants that Hypothesis looks for in all sources: one test of it is run. What is wrong with
# a test is reported by the run.
compiled: .venv/.done
	-@$(BIN)/python -m pytest -qq -k test_every_text_becomes_ascii >/dev/null 2>&1

# Long tests at full length: some minutes, then they end by themselves.
soak: .venv/.done
	QTOP_SOAK=1 $(BIN)/python -m pytest tests/kills tests/engine/test_turning.py \
		tests/engine/test_delayed_turning.py tests/engine/test_worker_faults.py \
		tests/engine/sidekiq/test_entry_walk.py \
		tests/engine/sidekiq/test_rescue.py tests/interop/test_sidekiq_live.py \
		tests/interop/test_sidekiq_live_console.py \
		tests/tui/test_golden_tour.py tests/tui/test_output.py \
		tests/tui/test_any_keys.py tests/tui/test_redact.py

# What the console costs, against its targets. `make bench-console BENCH=--quick` takes a minute.
bench-console: .venv/.bench
	$(BIN)/python -m tests.benchmarks.console $(BENCH)

# The engine beside its peers, bulk actions on long lists beside a plain copy, refreshes of Sidekiq beside
# Resque's; peers in Ruby, and one of these alone: see its --help. `make bench BENCH=--quick` takes a few minutes.
bench: .venv/.bench
	$(BIN)/python -m tests.benchmarks.engine $(BENCH)

.venv/.bench: .venv/.done
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

# Texts and pictures of the screens that tests compare with: look at `git diff` after it.
snapshots: .venv/.done
	QTOP_UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q -n 6 --dist worksteal tests/tui

screenshots: .venv/.done
	$(BIN)/python -m tests.screenshots

docs: .venv/.done
	UPDATE_README=1 $(BIN)/python -m pytest -q tests/house/test_readme.py \
		tests/house/test_man_page.py

.venv/.done: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "qtop needs Python 3.11 or newer: run 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make virtual environments: on Debian or Ubuntu run 'apt install python3-venv', then try again." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

# The interop tests run another implementation of Resque; without npm they are skipped (and fail in CI).
tests/interop/node_modules/.done: tests/interop/package.json
	@if command -v npm >/dev/null; then \
		cd tests/interop && npm install --no-audit --no-fund --no-package-lock --silent && touch node_modules/.done; \
	else echo "npm not found: the interop tests will be skipped." >&2; fi

clean:
	rm -rf .venv tests/interop/node_modules
