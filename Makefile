# Python >= 3.11 and make are enough; uv is used when it is there and never required.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)

ifeq ($(UV),)
  make-venv    = $(PYTHON) -m venv $(VENV)
  install      = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
else
  make-venv    = uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
  install      = uv pip install --quiet --python $(BIN)/python
endif

.DEFAULT_GOAL := help
.PHONY: help setup run demo test check format bench openapi fuzz lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# The venv is made anew when a lock changes; the package itself is installed in place, without fetching a build tool.
$(VENV)/.server: requirements/server.txt pyproject.toml
	@$(make-venv)
	@echo "Installing what the service needs …"
	@$(install) --require-hashes -r requirements/server.txt
	@$(install) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.server requirements/dev.txt
	@echo "Installing what the tests need …"
	@$(install) --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev  ## make .venv and install what the locks say

run: $(VENV)/.server  ## serve the pages and the API on 127.0.0.1:8000
	@$(BIN)/remarque serve

demo: $(VENV)/.server  ## a tour, on pictures that it draws itself
	@$(BIN)/python -m demo

test: $(VENV)/.dev  ## all tests
	@$(BIN)/python -m pytest

check: $(VENV)/.dev  ## format, lint, types, architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(VENV)/.dev  ## rewrite the code in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## the measurements that need no pictures of others; see bench/README.md for the rest
	@$(BIN)/python -m bench.index --sizes 1000000 --content random --skip flat,multihash,pdqindex
	@$(BIN)/python -m bench.start --works 100000

openapi: $(VENV)/.server  ## write openapi/openapi.json anew
	@$(BIN)/python -m app.openapi > openapi/openapi.json

fuzz: $(VENV)/.dev  ## schemathesis against a running service of its own
	@$(BIN)/python -m bench.fuzz

lock: ## resolve the pinned requirements anew (needs uv)
	uv pip compile -q pyproject.toml requirements/build.in --extra server --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements/server.txt
	uv pip compile -q pyproject.toml requirements/build.in --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  -c requirements/server.txt -o requirements/dev.txt

clean:  ## remove the environment and the caches; keeps ./data
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
