# Two commands are all that a newcomer needs: `make run` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
# Most of the suite waits for other processes: more workers than processors.
WORKERS ?= 6
# Hundreds of processes are started by the suite: none of them compiles everything anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run install test long postgresql browser check format bench drill docs lock clean

run: install
	$(BIN)/python supervisor.py

install: .venv/.installed

test: .venv/.installed-dev postgresql browser
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup

# The same stories at greater length, and at every exchange.
long: .venv/.installed-dev
	$(BIN)/python -m pytest -m long --numprocesses 2 --dist loadgroup

# The server's programs, for tests that start one of their own. Whoever may not install
# them has these tests left out, and told. RUNLEVEL=1: nothing is started by the package.
APT := RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
postgresql:
	@ls /usr/lib/postgresql/*/bin/postgres > /dev/null 2>&1 || command -v initdb > /dev/null \
		|| test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null \
		|| { $(APT) postgresql || { apt-get update -qq && $(APT) postgresql; }; } > /dev/null 2>&1 \
		|| echo "PostgreSQL could not be installed: its tests will be left out"

# A browser without a window, for the tests of the page.
browser:
	@command -v chromium-headless-shell > /dev/null || command -v chromium > /dev/null || command -v google-chrome > /dev/null \
		|| test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null \
		|| { $(APT) chromium-headless-shell || { apt-get update -qq && $(APT) chromium-headless-shell; }; } > /dev/null 2>&1 \
		|| echo "no browser could be installed: the tests of the page will be left out"

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy supervisor.py actors bench control core docs drill exchanges host models sandbox tests transport web
	$(BIN)/python -m pytest tests/test_imports.py

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed-dev
	$(BIN)/python -m bench

drill: .venv/.installed
	$(BIN)/python supervisor.py drill

docs: .venv/.installed-dev
	$(BIN)/python docs/diagrams.py
	$(BIN)/python docs/configuration.py

# The form that records no address of a package registry. The peers pin hard, so they choose first.
LOCK := uv pip compile --universal --all-extras --generate-hashes --no-header --no-emit-index-url
lock:
	$(LOCK) --group dev pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements-dev.lock pyproject.toml -o requirements.lock

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "vigil needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 run"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: requirements.lock | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis
