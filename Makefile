# Every target does its own set-up. `make help` lists them.
.DEFAULT_GOAL := help
BIN := .venv/bin
QT_OFFSCREEN := QT_QPA_PLATFORM=offscreen
TWO := -n 2 --dist loadfile
XVFB := xvfb-run -a -s "-screen 0 1440x900x24"

.PHONY: help setup demo test test-all lint unit e2e bench docs clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv with everything in it; .venv/bin/interp-gui then runs
	@installer/setup.sh

demo: ## Open the window on the sample model and photographs (pictures only, without a display)
	@installer/setup.sh
	@$(BIN)/interp-gui demo

test: ## Lint, types, layers, then all tests, offscreen and on a virtual display
	@installer/setup.sh test
	@$(MAKE) --no-print-directory lint unit e2e

test-all: ## What takes long too: every architecture, opened again under other names (an hour)
	@installer/setup.sh test
	$(BIN)/python -m pytest -q -m thorough --ignore=tests/gui --ignore=tests/e2e --timeout=3600

lint: ## ruff, mypy --strict, import-linter
	@installer/setup.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The engine's tests and the window's run apart: no process has both torch and Qt in it.
unit:
	$(BIN)/python -m pytest -q $(TWO) --ignore=tests/gui --ignore=tests/e2e
	$(QT_OFFSCREEN) $(BIN)/python -m pytest -q $(TWO) tests/gui
	$(QT_OFFSCREEN) $(BIN)/python -m pytest -q tests/e2e

e2e:
	QT_QPA_PLATFORM=xcb $(XVFB) $(BIN)/python -m pytest -q tests/e2e

bench: ## Measure the budgets against peers; writes benchmarks/out/
	@installer/setup.sh test
	$(BIN)/python -m benchmarks

docs: ## Make the guide's screenshots again
	@installer/setup.sh
	$(QT_OFFSCREEN) $(BIN)/python docs/make_screenshots.py

clean: ## Remove .venv and everything that was made
	rm -rf .venv interp-gui-demo benchmarks/out dist build
