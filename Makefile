# Two commands are all that a newcomer needs: `make demo` and `make test`. Both set themselves up.
SERVE := .venv
TEST := .venv-test
BIN := $(TEST)/bin
SECONDS ?= 60
HISTORIES ?= 100000
MINUTES ?= 30
RUNS ?= 20
# Three processes, each with a Kafka of its own: the tests wait for brokers more than they compute.
AT_ONCE ?= --numprocesses 3 --dist loadfile --no-loadscope-reorder
UPGRADE ?= --upgrade

.DEFAULT_GOAL := help
.PHONY: help demo stack test lint format types unit property integration faults faults-quick zombies soak bench models dashboards manifests kubernetes schemas audit constraints clean setup setup-test

help: ## Say what can be made.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | column -t -s '|'

setup: ## Make the environment of the product: .venv, without PyTorch, Java or Redis.
	@scripts/environment.sh $(SERVE) constraints/serve.txt

setup-test: ## Make the environment of the tests: .venv-test.
	@scripts/environment.sh $(TEST) constraints/test.txt

demo: setup ## Run a simulated shop for SECONDS (60) and watch promotions come out.
	@$(SERVE)/bin/beckon demo --seconds $(SECONDS)

stack: setup-test ## Run Kafka, Redis, worker, mirror, Prometheus and a simulated shop here, until Ctrl-C.
	@tools=$$(scripts/prometheus.sh) && PATH="$$PATH:$$tools" $(BIN)/beckon stack $(STACK)

test: lint types ## Check everything, on a real Kafka.
	@tools=$$(scripts/prometheus.sh) && PATH="$$PATH:$$tools" $(BIN)/pytest $(AT_ONCE)

lint: setup-test ## Check style and the direction of imports.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo 'beckon: run `make format`' >&2; exit 1; }
	@$(BIN)/lint-imports --no-cache > .lint-imports.log 2>&1 || { cat .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log

format: setup-test ## Format the code.
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

types: setup-test ## Check types, strictly.
	@$(BIN)/mypy

unit: setup-test ## Run the tests that need no broker.
	@$(BIN)/pytest schemas processors models_onnx streams tests/unit tests/simulation tests/property

integration: setup-test ## Run the tests on a real Kafka.
	@tools=$$(scripts/prometheus.sh) && PATH="$$PATH:$$tools" $(BIN)/pytest tests/integration tests/e2e

faults: setup-test ## Break workers, broker and network on purpose; the table goes to .beckon/faults.
	@BECKON_TEST_ZOMBIES=$(RUNS) $(BIN)/pytest tests/faults -s

faults-quick: setup-test ## Those of the faults that take minutes only.
	@$(BIN)/pytest tests/faults -m faults_quick

zombies: setup-test ## Let RUNS (20) paused workers wake up after their partitions were taken.
	@BECKON_TEST_ZOMBIES=$(RUNS) $(BIN)/pytest tests/faults/test_zombies.py -s

soak: setup-test ## Faults in random order for MINUTES (30), from a seed that is printed; SOAK="--seed N" replays.
	@$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) $(SOAK)

property: setup-test ## Try HISTORIES (100000) random histories on every property; goes on where it was stopped.
	@$(BIN)/python scripts/property.py --histories $(HISTORIES)

bench: setup-test ## Measure throughput beside a stock Faust agent.
	@$(BIN)/beckon bench throughput

models: setup-test ## Train the demo's tag model anew, from its seed.
	@$(BIN)/beckon train tags

dashboards: setup-test ## Write the dashboards anew from their code.
	@$(BIN)/python -m streams.dashboards.write

manifests: setup-test ## Write the generated part of k8s/ anew.
	@$(BIN)/python -m streams.kubernetes

kubernetes: setup-test ## Check manifests and image on a real kube-apiserver, built once from Go modules (minutes).
	@scripts/kube.sh

schemas: setup-test ## Write the JSON Schemas anew from the types.
	@$(BIN)/python -m schemas.contract

audit: setup-test ## Look for known vulnerabilities in the pinned packages; says so where it cannot look.
	@$(BIN)/python scripts/audit.py

constraints: setup-test ## Resolve all packages anew, with hashes and without addresses.
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url $(UPGRADE) --group build pyproject.toml --output-file constraints/serve.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url $(UPGRADE) --extra train --group test pyproject.toml \
	  --constraint constraints/serve.txt --output-file constraints/test.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url $(UPGRADE) constraints/gpu.in --output-file constraints/gpu.txt

clean: ## Remove what was made here: environments, caches, results.
	@rm -rf $(SERVE) $(TEST) .beckon .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
