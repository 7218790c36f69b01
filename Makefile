# Each target sets up what it needs. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup repro refetch promote rollback lineage feedback sweep test soak check fmt ui serve \
    bench record ablation zoo readme clean

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
PORT ?= 8000
UI_PORT ?= 5000
INBOX ?= inbox
INSTALLED := $(VENV)/.installed
IN_VENV := PATH="$(abspath $(VENV))/bin:$$PATH"

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(INSTALLED) ## Make .venv with the tested versions (TORCH_INDEX=URL takes torch from there)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python %d.%d found, 3.11 or newer is needed: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_INDEX),)
	$(VENV)/bin/python -m pip install --no-deps --index-url $(TORCH_INDEX) -c constraints.txt torch torchvision
endif
	$(VENV)/bin/python -m pip install -c constraints.txt -e '.[pipeline,serving,dev]'
	@touch $@

repro: setup ## Run the pipeline: fetch, prepare, train, export, evaluate
	$(IN_VENV) dvc repro
	@$(IN_VENV) python -m pipeline.data.notice

refetch: setup ## Ask the addresses of the data set again, then run the pipeline
	$(IN_VENV) dvc repro --force --single-item fetch
	@$(MAKE) --no-print-directory repro

promote: setup ## Register the model; champion if better (DRY_RUN=1 says only, FORCE=1 insists)
	@$(IN_VENV) python -m pipeline.promotion $(if $(FORCE),--force) $(if $(DRY_RUN),--dry-run)

rollback: setup ## The champion before this one is champion again (NAME= where several have one)
	@$(IN_VENV) python -m pipeline.rollback $(if $(NAME),--name $(NAME))

lineage: setup ## Where a served version is from (SHA=0123456789ab, or NAME@champion, a commit, a run)
	@$(IN_VENV) python -m pipeline.lineage $(or $(SHA),$(error say which: make lineage SHA=0123456789ab))

feedback: setup ## Review what INBOX=inbox was told, then take it (ACCEPT=1)
	@$(IN_VENV) python -m pipeline.review --inbox $(INBOX) $(if $(ACCEPT),--accept)

sweep: setup ## Search the parameters of sweep.yaml (TRIALS=20 WORKERS=1 NAME=sweep; APPLY=1 takes the best)
	@$(IN_VENV) python -m pipeline.sweep $(if $(NAME),--name $(NAME)) $(if $(TRIALS),--trials $(TRIALS)) \
	    $(if $(WORKERS),--workers $(WORKERS)) $(if $(APPLY),--apply)

test: setup ## The tests, in minutes
	$(IN_VENV) pytest

soak: setup ## The long tests: faults, experiments, load; needs `make repro` before
	$(IN_VENV) pytest -m soak

check: setup ## The gates: format, lint, types, import contracts, DVC dependencies
	$(IN_VENV) ruff format --check .
	$(IN_VENV) ruff check .
	$(IN_VENV) mypy
	$(IN_VENV) lint-imports
	$(IN_VENV) pytest -q tests/architecture

fmt: setup ## Format, and mend what the linter can
	$(IN_VENV) ruff check --fix .
	$(IN_VENV) ruff format .

ui: setup ## The MLflow UI on this checkout's store (UI_PORT=5000)
	$(IN_VENV) MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	    mlflow ui --workers 1 --port $(UI_PORT) --backend-store-uri "sqlite:///$(CURDIR)/mlflow.db"

serve: setup ## Serve models/model.onnx over HTTP (PORT=8000)
	$(IN_VENV) python -m serving --model models/model.onnx --port $(PORT)

bench: setup ## Measure training and serving again, into benchmarks/results; needs wrk and an idle machine
	$(IN_VENV) taskset -c 0,1 python -m benchmarks.training
	$(IN_VENV) python -m benchmarks.serving
	$(IN_VENV) python -m benchmarks.watching

record: setup ## Measure the record recipe on five seeds (5 minutes each on one core)
	$(IN_VENV) python -m benchmarks.record

ablation: setup ## Compare the post's choices: non-linearity, pooling, stride, padding, depth, loss
	$(IN_VENV) python -m benchmarks.ablation

zoo: setup ## Compare the convnets that came after on the chosen data set
	$(IN_VENV) python -m benchmarks.zoo

readme: setup ## Copy the measured figures into README.md
	$(IN_VENV) python -m benchmarks.readme

clean: ## Remove what can be made again; runs, data and the DVC cache stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
