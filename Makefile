# Two commands matter: `make site` and `make test`. Everything they install or build goes to a cache, keyed by content.
SHELL     := /bin/bash
PYTHON    ?= python3
INVENTORY ?= inventories/homelab
ARGS      ?=
CACHE     := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/homelab-immich
KEY       := $(shell $(PYTHON) -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in ("requirements.txt", "requirements-dev.txt")) + sys.version.encode()).hexdigest()[:12])')
VENV      := $(CACHE)/venv-$(KEY)
BIN       := $(VENV)/bin
REHEARSAL := PYTHONPATH=collections $(BIN)/python -m ansible_collections.homelab.immich.rehearsal
export PATH := $(BIN):$(PATH)
# progress in a pipe too, not in one lump at the end
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help site rehearse status down test lint unit contract molecule acceptance sanity bench docs golden

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

site: $(VENV)/.run ## Bring up the rehearsal and run the main job against it (ARGS=… goes to ansible-playbook)
	@ansible-playbook site.yml -i $(INVENTORY) $(ARGS)

rehearse: $(VENV)/.run ## Rehearse an inventory of your own: make rehearse INVENTORY=my/inventory
	@ansible-playbook site.yml -i $(INVENTORY) -e immich_rehearsal=true $(ARGS)

status: $(VENV)/.run ## Show what the rehearsal of INVENTORY runs
	@$(REHEARSAL) status -i $(INVENTORY)

down: $(VENV)/.run ## Stop every rehearsal and remove what it left, caches aside
	@$(REHEARSAL) down --all

test: lint unit contract molecule acceptance sanity ## Everything that must pass before a change lands

lint: $(VENV)/.dev ## ruff, yamllint, ansible-lint, changelog fragments
	@ruff check .
	@yamllint --strict .
	@ansible-lint --offline --strict
	@cd collections/ansible_collections/homelab/immich && antsibull-changelog lint

unit: $(VENV)/.dev ## Pure functions, modules against the stand-ins, golden files
	@pytest tests/unit tests/golden $(ARGS)

contract: $(VENV)/.dev ## The stand-ins against the real API contracts
	@pytest tests/contract $(ARGS)

molecule: $(VENV)/.dev ## Each cluster role by itself, on one rehearsal (ARGS="-s storage" runs one)
	@IMMICH_REHEARSAL=molecule-$$$$ MOLECULE_GLOB='molecule/*/molecule.yml' molecule --base-config molecule/config.yml test $(or $(ARGS),--all)

acceptance: $(VENV)/.dev ## The main job, end to end, in a rehearsal of its own
	@pytest tests/acceptance $(ARGS)

sanity: $(VENV)/.dev ## ansible-test sanity on a copy of the collection
	@tests/sanity/run

bench: $(VENV)/.dev ## Time site.yml against a looped task and a script, as ratios
	@python tests/bench/bench.py

docs: $(VENV)/.dev ## Write docs/variables.md from the argument specs
	@python docs/generate.py

golden: $(VENV)/.dev ## Render the golden files again; read the diff before you commit it
	@python tests/golden/render.py

$(VENV)/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed, this is %s: name another with PYTHON=python3.12" % sys.version.split()[0])'
	@echo "Installing Ansible and what the rehearsal needs into $(VENV) (once, a few minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "Installing what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
