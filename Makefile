# Each target sets up what it needs. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup repro refetch promote doctor rollback lineage feedback sweep score test soak soak-all check lock fmt ui serve \
    bench record small photos ablation zoo readme pictures reference results site images clean

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
PORT ?= 8000
UI_PORT ?= 5000
INBOX ?= inbox
ENGINE ?= docker
BASE ?= python:3.11-slim
IMAGES ?= serving training mlflow
BUILD_FLAGS ?=
INSTALLED := $(VENV)/.installed
IN_VENV := PATH="$(abspath $(VENV))/bin:$$PATH"
CONVNET := $(VENV)/bin/convnet
NEEDED_GB := $(if $(TORCH_INDEX),3,8)
BESIDE := -n logical --maxprocesses 4 --dist loadfile# tests in as many processes as there are cores

# What a target is given is checked here, before anything is installed.
whole = $(if $(strip $($1)),$(if $(shell [[ '$(subst ','\'',$($1))' =~ ^[0-9]+$$ ]] && echo yes),,$(error \
    $1 is '$($1)': give a whole number)))
needed = $(if $(filter $1,$(MAKECMDGOALS)),$(if $(strip $($2)),,$(error say which: make $1 $2=$3)))
on = $(filter-out 0 no false off,$($1))
$(foreach name,PORT UI_PORT TRIALS WORKERS,$(call whole,$(name)))
$(call needed,lineage,SHA,0123456789ab)
$(call needed,score,IN,pictures)
$(call needed,score,OUT,scores)
ifneq ($(filter feedback,$(MAKECMDGOALS)),)
$(if $(wildcard $(INBOX)/.),,$(error no folder '$(INBOX)': start the server with \
    --feedback $(INBOX), or say which: make feedback INBOX=FOLDER))
endif

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(INSTALLED) ## Make .venv with the tested versions (TORCH_INDEX=URL takes torch from there)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python %d.%d found, 3.11 or newer is needed: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -c 'import shutil, sys; free = shutil.disk_usage(".").free / 1e9; free > $(NEEDED_GB) or sys.exit("error: %.1f GB are free here, $(NEEDED_GB) GB are needed; a CPU build is smaller: make setup TORCH_INDEX=URL" % free)'
	@echo "installing into $(VENV): up to $(NEEDED_GB) GB on disk, minutes; an interrupted one goes on with the same command"
	$(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_INDEX),)
	$(VENV)/bin/python -m pip install --no-deps --index-url $(TORCH_INDEX) -c constraints.txt torch torchvision
endif
	$(VENV)/bin/python -m pip install -c constraints.txt -e '.[pipeline,serving,scoring,dev]'
	@touch $@

repro: setup ## Run the pipeline: fetch, prepare, train, export, evaluate
	@$(CONVNET) repro

refetch: setup ## Ask the addresses of the data set again, then run the pipeline
	@$(CONVNET) refetch

promote: setup ## Register the model; champion if better (DRY_RUN=1 says only, FORCE=1 insists)
	@$(CONVNET) promote $(if $(call on,FORCE),--force) $(if $(call on,DRY_RUN),--dry-run)

doctor: setup ## What is off with checkout, store, runs and versions; mended where that is safe
	@$(CONVNET) doctor

rollback: setup ## The champion before this one is champion again (NAME= where several have one)
	@$(CONVNET) rollback $(if $(NAME),--name $(NAME))

lineage: setup ## Where a served version is from (SHA=0123456789ab, or NAME@champion, a commit, a run)
	@$(CONVNET) lineage $(SHA)

feedback: setup ## Review the corrections in INBOX=inbox, then take them (ACCEPT=1)
	@$(CONVNET) feedback --inbox $(INBOX) $(if $(call on,ACCEPT),--accept)

sweep: setup ## Search the parameters of sweep.yaml (TRIALS=20 WORKERS=1 NAME=sweep STORAGE=URL; APPLY=1 takes the best)
	@$(CONVNET) sweep $(if $(NAME),--name $(NAME)) $(if $(STORAGE),--storage $(STORAGE)) $(if $(TRIALS),--trials $(TRIALS)) $(if $(WORKERS),--workers $(WORKERS)) $(if $(call on,APPLY),--apply)

score: setup ## Score the pictures of IN= into Parquet in OUT= (MODEL=models:/NAME@champion COLUMN= LABELS= RAY=HOST:PORT)
	@$(CONVNET) score "$(IN)" "$(OUT)" $(if $(MODEL),--model "$(MODEL)") $(if $(COLUMN),--column "$(COLUMN)") $(if $(LABELS),--labels "$(LABELS)") $(if $(RAY),--ray "$(RAY)")

test: setup ## The tests, in minutes
	$(IN_VENV) pytest $(BESIDE)

soak: setup ## The long tests: faults, experiments, load; needs `make repro` before
	$(IN_VENV) pytest -m "soak and not soak_all" $(BESIDE)

soak-all: setup ## What soak leaves out: every net, layout and killed stage instead of some of each kind
	$(IN_VENV) pytest -m soak_all $(BESIDE)

check: setup ## The gates: format, lint, types, import contracts, DVC dependencies, pages, workflows
	$(IN_VENV) ruff format --check .
	$(IN_VENV) ruff check .
	$(IN_VENV) mypy
	$(IN_VENV) lint-imports
	$(IN_VENV) pytest -q tests/architecture tests/documents
	$(IN_VENV) zizmor --offline --quiet --persona pedantic .github
	$(IN_VENV) zensical build --clean --strict

lock: ## Write constraints.txt with the newest versions that pass check and test (30 minutes, 7 GB)
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
ifneq ($(TORCH_INDEX),)
	build/lock/bin/python -m pip install --no-deps --index-url $(TORCH_INDEX) torch torchvision
endif
	build/lock/bin/python -m pip install -e '.[pipeline,serving,scoring,dev]'
	touch build/lock/.installed
	$(MAKE) VENV=build/lock check test
	build/lock/bin/python -m pip freeze --exclude-editable | sed 's/+.*//' >build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/lock

fmt: setup ## Format, and mend what the linter can
	$(IN_VENV) ruff check --fix .
	$(IN_VENV) ruff format .

ui: setup ## The MLflow UI on this checkout's store (UI_PORT=5000)
	$(IN_VENV) MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	    mlflow ui --workers 1 --port $(UI_PORT) --backend-store-uri "sqlite:///$(CURDIR)/mlflow.db"

serve: setup ## Serve models/model.onnx over HTTP (PORT=8000)
	@$(CONVNET) serve --model models/model.onnx --port $(PORT)

bench: setup ## Measure training and serving again, into benchmarks/results; needs wrk and an idle machine
	$(IN_VENV) taskset -c 0,1 python -m benchmarks.training
	$(IN_VENV) python -m benchmarks.serving
	$(IN_VENV) python -m benchmarks.overload
	$(IN_VENV) python -m benchmarks.watching
	$(IN_VENV) python -m benchmarks.photos
	$(IN_VENV) python -m benchmarks.scoring
	$(IN_VENV) python -m benchmarks.scale

record: setup ## Measure the record recipe on five seeds (5 minutes each on one core)
	$(IN_VENV) python -m benchmarks.record

small: setup ## Measure the recipe of less than 10,000 parameters on five seeds
	$(IN_VENV) python -m benchmarks.record --recipe small

photos: setup ## Measure the recipe for photos on three seeds of the prepared set (30 minutes each, two cores)
	$(IN_VENV) python -m benchmarks.record --recipe photos --seeds 0 1 2

ablation: setup ## Compare the post's choices: non-linearity, pooling, stride, padding, depth, loss
	$(IN_VENV) python -m benchmarks.ablation

zoo: setup ## Compare the convnets that came after on the chosen data set
	$(IN_VENV) python -m benchmarks.zoo

readme: setup ## Ask models/model.onnx what README shows
	$(IN_VENV) python -m benchmarks.readme

pictures: setup ## Take the pictures of docs anew: the page, and MLflow of a small project; needs Chromium
	$(IN_VENV) python -m documents.pictures

reference: setup ## Write docs/reference from the code
	$(IN_VENV) python -m documents.reference

site: setup ## Build the documentation into build/site; a broken link fails
	$(IN_VENV) zensical build --clean --strict

results: setup ## Write docs/results.md from benchmarks/results
	$(IN_VENV) python -m benchmarks.published

images: ## Build the images (ENGINE=docker IMAGES="serving training mlflow" BASE=python:3.11-slim BUILD_FLAGS=)
	@version=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' serving/__init__.py) && set -x && for image in $(IMAGES); do \
	    $(ENGINE) build $(BUILD_FLAGS) --file deploy/$$image.Dockerfile --tag convnet-$$image:$$version \
	        --build-arg BASE=$(BASE) --build-arg VERSION=$$version \
	        --build-arg REVISION=$$(git rev-parse HEAD) \
	        $(if $(TORCH_INDEX),--build-arg TORCH_INDEX=$(TORCH_INDEX)) . || exit 1; done

clean: ## Remove what can be made again; runs, data and the DVC cache stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
