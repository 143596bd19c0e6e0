# `make help` shows the targets. Variables: SLIDES and LABELS, IMAGES and TRIAL, SOURCE and WORKERS, AUDIO, or ARTICLES (your own data),
# OUT (folder of the run), PARAMETERS (more name=value words), PROCESSES (that run the tests), LEVELS (of the test
# cluster, which then have to start: api,node,pipelines), REGISTRY and TAG (of the images), PYTHON (a Python 3.11).
SHELL := /bin/bash
BIN := .venv/bin
PARAMETERS ?=
# Two processes run the tests: on two cores, while one waits for a program that it started, the other works.
PROCESSES ?= 2
PYTEST := $(BIN)/python -m pytest --durations=25
DEMO := out/demo-cohort
# The package under its installed name, for mypy, which does not follow an editable install.
TYPES := build/types

.DEFAULT_GOAL := help
.PHONY: help reference setup setup-test setup-cluster run test test-cluster lint bench bench-slides bench-inspection bench-labels bench-captions bench-narration bench-records inspection labels captions narration records system compile horovod images clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

setup: ## Install what is needed: system packages (Debian, Ubuntu), .venv
	@scripts/setup.sh run

setup-test setup-cluster: setup-%:
	@scripts/setup.sh $*

# Horovod is built once for this TensorFlow and kept in the user's cache; without it mpi4py does its work.
horovod: setup ## Build Horovod's wheel once (about 3 minutes) and install it
	@images/training/horovod.sh $(BIN)/python

.PHONY: collective
collective:
	@images/training/horovod.sh $(BIN)/python || \
		echo "make: going on without Horovod: gradients are averaged by mpi4py" >&2

run: setup collective ## Run the slides pipeline: on a demo cohort, or on SLIDES=... LABELS=...
ifdef SLIDES
	@$(BIN)/brume run slides slides="$(SLIDES)" labels="$(LABELS)" $(PARAMETERS) --out "$(or $(OUT),out/slides)"
else
	@$(BIN)/python -m brume.slides.demo $(DEMO)
	@$(BIN)/brume run slides slides=$(DEMO) labels=$(DEMO)/labels.csv $(PARAMETERS) --out "$(or $(OUT),out/slides)"
endif

inspection: setup ## Run the inspection pipeline: on brick scenes, or on IMAGES=... TRIAL=...
	@$(BIN)/brume run inspection images="$(IMAGES)" trial_images="$(TRIAL)" $(PARAMETERS) --out "$(or $(OUT),out/inspection)"

labels: setup ## Run the labelling report: on an invented labelling output, or on SOURCE=... WORKERS=...
	@$(BIN)/brume run labels source="$(SOURCE)" workers="$(WORKERS)" $(PARAMETERS) --out "$(or $(OUT),out/labels)"

captions: setup ## Stream recordings at every level and report: speech that is made, or AUDIO=...
	@$(BIN)/brume run captions audio="$(AUDIO)" $(PARAMETERS) --out "$(or $(OUT),out/captions)"

narration: setup ## Make audio of articles and a site to listen to: a demo, or ARTICLES=... ADDRESS=...
	@$(BIN)/brume run narration articles="$(ARTICLES)" address="$(or $(ADDRESS),http://127.0.0.1:8000)" $(PARAMETERS) --out "$(or $(OUT),out/narration)"
	@echo "To listen: $(BIN)/brume narration show $(or $(OUT),out/narration)/site"

records: setup ## Make the notes of a FHIR export searchable, and a graph of its patients: an invented one, or SOURCE=...
	@$(BIN)/brume run records source="$(SOURCE)" $(PARAMETERS) --out "$(or $(OUT),out/records)"
	@echo "To search and to look: $(BIN)/brume records show $(or $(OUT),out/records)"

test: setup-test collective ## Run the tests; with ALL=1 those that take minutes too
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -n $(PROCESSES) --dist loadgroup --no-loadscope-reorder --ignore=tests/cluster $(if $(ALL),,-m "not long")

# What is built once is built before, with nothing waiting for it.
test-cluster: setup-cluster collective ## Run the tests on a real cluster: kind's, or their own, or KUBECONFIG's if BRUME_TEST_CLUSTER=1
	@BRUME_CLUSTER_LEVELS="$(LEVELS)" $(BIN)/python -m tests.cluster.prepare
	@BRUME_CLUSTER_LEVELS="$(LEVELS)" PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) tests/cluster

reference: setup ## Write docs/operations.md and docs/settings.md from the code
	@$(BIN)/python -m brume.aws.engine.documentation docs

lint: setup ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@rm -rf $(TYPES) && mkdir -p $(TYPES)/brume
	@ln -s $(CURDIR)/components/* $(CURDIR)/pipelines $(TYPES)/brume/
	@MYPYPATH=$(TYPES) $(BIN)/mypy
	@MYPYPATH=$(TYPES) $(BIN)/mypy -p tests.cluster.harness
	@cd edge && ../$(BIN)/mypy

bench: setup collective ## Measure tiling and training beside their limits
	@$(BIN)/python -m bench.tiling
	@$(BIN)/python -m bench.training

bench-slides: setup collective ## Measure the accuracy of the slides pipeline over three splits of real tissue
	@$(BIN)/python -m bench.slides

bench-inspection: setup ## Measure detection: accuracy, time to train, images a second
	@$(BIN)/python -m bench.inspection
	@$(BIN)/python -m bench.detection

bench-labels: setup ## Measure reading annotations into the lake, beside other ways to do it
	@$(BIN)/python -m bench.labels

bench-captions: setup ## Measure the levels of captions on speech with known text: errors, latency, flicker
	@$(BIN)/python -m bench.captions

bench-narration: setup ## Measure voices: marks against the sound, intelligibility, loudness, speed
	@$(BIN)/python -m bench.narration

bench-records: setup ## Measure records: what is found in notes, notes by lay people's words, the graph, FHIR, the whole: NOTES=25000
	@$(BIN)/python -m bench.records_nlp
	@$(BIN)/python -m bench.records_search --large 25000
	@$(BIN)/python -m bench.records_graph
	@$(BIN)/python -m bench.records_fhir
	@$(BIN)/python -m bench.records_whole --notes $(or $(NOTES),1215)

system: setup ## Write the skeleton of a new system: NAME=records SERVICE=kendra (the AWS service of its engine)
	@$(BIN)/python scripts/new_system.py "$(NAME)" "$(SERVICE)"

compile: setup ## Compile every pipeline to out/compiled
	@$(BIN)/brume compile --all

images: ## Build the container images: REGISTRY=... TAG=...
	@images/build.sh "$(REGISTRY)" "$(TAG)"

clean: ## Remove what was built, but not the runs in out/
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './out/*' -prune -exec rm -rf {} +
