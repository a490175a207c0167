# Everything starts here. `make demo` and `make test` set up all they need, from a bare machine.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test prove up bench check format pictures changelog lock

WORLD ?= sandbox
WORKERS ?= 2
BIN := .venv/bin
ifneq ($(WORLD),sandbox)
export LAKE_HOME ?= $(CURDIR)/.lake-$(WORLD)
endif

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup:
	@sh infra/setup.sh run

setup-test:
	@sh infra/setup.sh test

demo: setup ## set up, make the simulated company, run the whole pipeline (WORLD=complete-journey: real data)
	@$(BIN)/lake sandbox create --world $(WORLD)
	@$(BIN)/lake run

# Each worker has files of its own to test; the heavy folders come first by their names, `unit` fills the gaps last.
test: setup-test ## set up, run all tests (about 15 minutes on 2 cores)
	@$(BIN)/python -m pytest -m 'not prove' -n $(WORKERS) --dist loadfile --no-loadscope-reorder

prove: setup-test ## the long tests: fault rounds, large worlds, drills
	@$(BIN)/python -m pytest -m prove

up: setup ## Dagster UI, quality portal, person page and Feast server, on loopback
	@$(BIN)/lake up

bench: setup ## measure every published figure again and write docs/figures.md
	@$(BIN)/python benchmarks/run_all.py

check: setup ## ruff, mypy, sqlfluff and the project's conventions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint -q dbt_project/models dbt_project/tests
	@$(BIN)/python -m pytest tests/conventions

format: setup
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/ruff format -q .

pictures: setup-test demo ## make the pictures of the front pages anew, from the demo lake
	@$(BIN)/python -m infra.pictures

changelog: setup ## what the next release will say (docs/changes)
	@$(BIN)/towncrier build --draft --version unreleased

lock: setup ## resolve requirements.lock again (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-strip-extras --no-header --no-build -o requirements.lock
