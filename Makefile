PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: demo test search check lint types site reference package install clean

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e ".[dev]"
	touch $@

# The pinned versions were tested with Python 3.11; `make CONSTRAINTS=` takes the newest versions instead.
CONSTRAINTS ?= -c constraints.txt

install: .venv/.installed

demo: .venv/.installed
	$(BIN)/ddpm demo

# A test process for each core; `make test WORKERS=0` runs all tests in one process.
WORKERS ?= auto

test: .venv/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

SEEDS ?= 1 2 3 4 5

search: .venv/.installed
	for seed in $(SEEDS); do \
		HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest -o timeout=3600 -m hypothesis --hypothesis-seed=$$seed || exit 1; \
	done

lint: .venv/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/.installed
	$(BIN)/mypy

site: .venv/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --site-dir build/site

reference: .venv/.installed
	$(BIN)/python scripts/command_reference.py docs/commands.md

package: .venv/.installed
	$(BIN)/python -m build --outdir dist

check: lint types site test

clean:
	rm -rf .venv build dist runs/demo .mypy_cache .pytest_cache .ruff_cache
