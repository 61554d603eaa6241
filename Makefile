# assay: `make gate` is the way in; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Images for CI like to set it; without a cache each of our processes compiles assay anew, 0.4 s of a core.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: reproduce first-contact troubleshooting help setup gate test test-fast static lint types unit quick bench bench-comparison bench-day bench-peers prove prove-causes prove-load prove-certify prove-shortcuts conforming lawful contract lock clean

help: ## list the targets
	@grep -E '^[a-z -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+)[a-z -]*:.*## /\1\t/' | expand -t 14

setup: $(STAMP) ## make .venv and install the locked versions, hash-checked

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "assay needs Python 3.11 or newer; $(PYTHON) is older (make PYTHON=python3.12 ...)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

gate: $(STAMP) ## the CI quality gate on the embedded control plane
	$(BIN)/assay gate

test: $(STAMP) ## lint, format check, strict types, the project's own tests
	@$(MAKE) --no-print-directory --jobs=2 static unit

test-fast: $(STAMP) ## the same without the slow tests: the inner loop
	@$(MAKE) --no-print-directory --jobs=2 static quick

static: lint types

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# Six at a time on two cores, for many wait more than they compute: four used 67 % of the cores. The slow files first
# (tests/conftest.py). Those that measure time come after the others; four at a time, for what they start mostly waits.
unit: $(STAMP)
	$(BIN)/python -m pytest -n 6 --dist loadfile --no-loadscope-reorder --ignore tests/load
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder tests/load

quick: $(STAMP)
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not slow"

bench: $(STAMP) ## measure the embedded control plane and the load engine, next to other load generators (15 minutes)
	$(BIN)/python -m tests.bench

bench-comparison: $(STAMP) ## can `assay compare` tell a slower build from an unchanged one? 20 pairs of runs of each (20 minutes)
	$(BIN)/python -m tests.bench comparison

bench-day: $(STAMP) ## memory of 24 hours at 1,000 requests/s, in simulated time (10 minutes)
	$(BIN)/python -m tests.bench day

bench-peers: $(STAMP) ## compare plain Schemathesis with the gate on the same defects (SAMPLE=60: hours)
	$(BIN)/python -m tests.bench.peers --sample $(or $(SAMPLE),60)

prove: $(STAMP) ## seed defects: which does the gate detect? fails below reports/baselines/detection.json
	$(BIN)/assay prove --baseline reports/baselines/detection.json

prove-causes: $(STAMP) ## the same, and in how many findings each defect is told (12 minutes)
	$(BIN)/assay prove --causes --baseline reports/baselines/detection.json

prove-load: $(STAMP) ## seed performance defects: does the load part of the gate detect them? on a quiet machine (7 minutes)
	$(BIN)/assay prove --family performance --baseline reports/baselines/detection.json

prove-certify: $(STAMP) ## the same for certify, performance included (1 hour); its record is detection-certify.json
	$(BIN)/assay prove --profile certify --baseline reports/baselines/detection-certify.json

prove-shortcuts: $(STAMP) ## compare 40 of these results with `assay gate` over a socket (20 minutes)
	$(BIN)/assay prove --sample 40 --check-shortcuts 40

reproduce: $(STAMP) ## 200 defects of all families: does the script of the first finding show it, there and nowhere else? (20 minutes)
	$(BIN)/python -m tests.reproduce --sample $(or $(SAMPLE),200)

conforming lawful: $(STAMP) ## the gate on every conforming control plane: variants, combinations, seeds, settings (an hour)
	$(BIN)/python -m tests.conforming

first-contact: $(STAMP) ## every environment of a user's first five minutes, through gate and benchmark (18 minutes)
	$(BIN)/python -m pytest -n 4 --dist load tests/first_contact --whole

troubleshooting: $(STAMP) ## write docs/troubleshooting.md anew from the sentences in the code
	$(BIN)/python -m tests.troubleshooting

contract: $(STAMP) ## merge the published documents of openapi/VERSION into one document
	$(BIN)/assay contract merge $(if $(VERSION),--version $(VERSION))

lock: $(STAMP) ## resolve requirements.lock anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --no-header --universal --no-emit-index-url --no-emit-find-links -o requirements.lock

clean: ## remove what make setup and runs left
	rm -rf $(VENV) reports/runs .mypy_cache .ruff_cache .hypothesis build dist
