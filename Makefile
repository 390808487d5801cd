# Two commands matter: `make site` and `make test`. Everything they install or build goes to a cache, keyed by content.
SHELL     := /bin/bash
PYTHON    ?= python3
INVENTORY ?= inventories/homelab
ARGS      ?=
SCENARIO  ?=
CACHE     := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/homelab-immich
KEY       := $(shell $(PYTHON) -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in ("requirements.txt", "requirements-dev.txt")) + sys.version.encode()).hexdigest()[:12])')
VENV      := $(CACHE)/venv-$(KEY)
BIN       := $(VENV)/bin
REHEARSAL := PYTHONPATH=collections $(BIN)/python -m ansible_collections.homelab.immich.rehearsal
export PATH := $(BIN):$(PATH)
# over all cores, for suites whose tests start nothing that others wait for
SPREAD    := -n auto --dist worksteal
# two rehearsals at a time, for each leaves a processor idle half of the time; by file and in order, for tests share what the ones before them left
TWO       := -n 2 --dist loadfile --no-loadscope-reorder
# progress in a pipe too, not in one lump at the end
export PYTHONUNBUFFERED := 1
# byte code, also where the image of a container turns it off: without it each run of Ansible compiles Ansible anew, which doubles its CPU time
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help site rehearse shell status down test lint unit faults contract conformance molecule acceptance sanity test-nas bench docs golden promtool

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

site: $(VENV)/.run ## Bring up the rehearsal and run the main job against it (ARGS=… goes to ansible-playbook)
	@ansible-playbook site.yml -i $(INVENTORY) $(ARGS)

rehearse: $(VENV)/.run ## Rehearse an inventory of your own: make rehearse INVENTORY=my/inventory
	@ansible-playbook site.yml -i $(INVENTORY) -e immich_rehearsal=true $(ARGS)

shell: $(VENV)/.run ## Open a shell that has ansible-vault, ansible-doc and the rest on its PATH
	@bash --rcfile <(cat ~/.bashrc 2>/dev/null; echo 'source $(BIN)/activate') -i || true  # the end of a shell is no error

status: $(VENV)/.run ## Show what the rehearsal of INVENTORY runs
	@$(REHEARSAL) status -i $(INVENTORY)

down: $(VENV)/.run ## Stop every rehearsal and remove what it left, caches aside
	@$(REHEARSAL) down --all

test: lint unit faults contract conformance molecule acceptance sanity ## Everything that must pass before a change lands (ARGS=… goes to pytest)

lint: $(VENV)/.dev ## ruff, yamllint, ansible-lint, changelog fragments
	@ruff check .
	@yamllint --strict .
	@ansible-lint --offline --strict
	@cd collections/ansible_collections/homelab/immich && antsibull-changelog lint

unit: $(VENV)/.dev ## Pure functions, modules against the stand-ins, golden files
	@pytest $(SPREAD) tests/unit tests/golden $(ARGS)

faults: $(VENV)/.dev ## What can happen to photos and server, with every version of Immich: no asset is lost
	@pytest $(SPREAD) tests/faults $(ARGS)

contract: $(VENV)/.dev ## The stand-ins against the real API contracts
	@pytest $(SPREAD) tests/contract $(ARGS)

conformance: $(VENV)/.dev ## The outcomes of every module on every version of Immich, or on a server that IMMICH_URL names
	@pytest tests/conformance $(ARGS)

molecule: $(VENV)/.dev ## Each cluster role by itself, on one rehearsal (SCENARIO=storage runs one)
	@IMMICH_REHEARSAL=molecule-$$$$ MOLECULE_GLOB='molecule/*/molecule.yml' molecule --base-config molecule/config.yml test $(if $(SCENARIO),--scenario-name $(SCENARIO),--all)

acceptance: $(VENV)/.dev ## The main job, end to end, in a rehearsal of its own
	@pytest $(TWO) tests/acceptance $(ARGS)

sanity: $(VENV)/.dev ## ansible-test sanity on a copy of the collection
	@tests/sanity/run

test-nas: $(VENV)/.dev ## The nas role and guarded scans against real ZFS, NFS and systemd, in a machine under QEMU (root builds it once, ten minutes, and apt installs what is missing)
	@pytest -s tests/vm $(ARGS)
	@[ -n "$(ARGS)" ] || python tests/vm/digest.py record

bench: $(VENV)/.dev ## Time site.yml against a looped task and a script, as ratios
	@python tests/bench/bench.py

docs: $(VENV)/.dev ## Write the generated pages of docs/ from the code
	@PYTHONPATH=collections python docs/generate.py

promtool: $(VENV)/.dev ## Build promtool, with which the tests of the alerts ask Prometheus itself (ten minutes, once)
	@PYTHONPATH=collections python tests/promtool/build.py

golden: $(VENV)/.dev ## Render the golden files again; read the diff before you commit it
	@PYTHONPATH=collections python tests/golden/render.py

# A dot for each package: alive on a terminal and in a pipe. Without byte code, which Python makes of the few files that it reads.
INSTALL := set -o pipefail; $(BIN)/pip install --no-compile --progress-bar off --disable-pip-version-check -r $$file | while read -r word rest; do \
	case $$word in Collecting) printf .;; Installing) printf ' unpacking ...';; Successfully) printf ' done';; esac; done; code=$$?; echo; exit $$code

$(VENV)/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed, this is %s: name another with PYTHON=python3.12" % sys.version.split()[0])'
	@echo "Installing Ansible and what the rehearsal needs into $(VENV) (once, 1 to 3 minutes)"
	@$(PYTHON) -m venv --prompt homelab.immich $(VENV)
	@file=requirements.txt; $(INSTALL)
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "Installing what the tests need"
	@file=requirements-dev.txt; $(INSTALL)
	@touch $@
