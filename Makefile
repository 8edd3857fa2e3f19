PYTHON ?= python3

.PHONY: demo test search check install clean

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

install: .venv/.installed

demo: .venv/.installed
	.venv/bin/ddpm demo

test: .venv/.installed
	.venv/bin/python -m pytest

SEEDS ?= 1 2 3 4 5

search: .venv/.installed
	for seed in $(SEEDS); do \
		HYPOTHESIS_PROFILE=search .venv/bin/python -m pytest -m hypothesis --hypothesis-seed=$$seed || exit 1; \
	done

check: .venv/.installed
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	$(MAKE) --no-print-directory test

clean:
	rm -rf .venv runs/demo .mypy_cache .pytest_cache .ruff_cache
