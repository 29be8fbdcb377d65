# Everything a developer or a first visitor does, from a bare clone. `make` shows what there is.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo up down logs test check fmt bench bench-memory bench-limit bench-live bench-gateway bench-mapping bench-kafka torture torture-mapping clean

help: ## show this help
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with pagerport and all it needs in it

# Made anew only when what is installed changes.
$(READY): pyproject.toml constraints.txt tools/find_python.sh
	@python="$$(sh tools/find_python.sh $(PYTHON))" || exit 1; \
	$(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV); "$$python" -m venv $(VENV); }
	@echo "installing pagerport and all it needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## run a full sync between two bundled simulators, with its progress display
	@$(BIN)/pagerport demo

up: ## start Kafka and the services with docker compose; without .env the demo with its simulators
	@sh tools/webhook_token.sh
	@docker compose $$(test -f .env || echo --profile demo) up --build --detach --wait
	@docker compose ps

down: ## stop what `make up` started; Kafka's data stays until `docker compose down --volumes`
	@docker compose --profile demo down

logs: ## follow the log lines of the services
	@docker compose logs --follow fetcher gateway mapper writer

# Files of tests are shared out to one process per core, those that take long first.
test: $(READY) ## run all tests
	@$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: $(READY) ## format, lint, types, layers, schemas and docs: all without changing a file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.export --check
	$(BIN)/python -m tools.readme_tables --check
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/kubernetes-validate --quiet --strict $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml))

fmt: $(READY) ## format, mend what can be mended, make schemas and README tables anew
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m schemas.export
	$(BIN)/python -m tools.readme_tables

bench: $(READY) ## measure full syncs of 10 000 objects; fails on a missed budget or a wrong catalog
	@$(BIN)/python -m benchmarks.sync

bench-memory: $(READY) ## compare peak memory at 10 000 and 200 000 incidents; takes 4 minutes and 3 GB
	@$(BIN)/python -m benchmarks.memory

bench-limit: $(READY) ## measure a sync of 1 500 requests at PagerDuty's 960 a minute; takes 90 seconds
	@$(BIN)/python -m benchmarks.rate_limit

bench-live: $(READY) ## measure live changes: from an accepted webhook to Port, and 10 000 events at once
	@$(BIN)/python -m benchmarks.live

bench-gateway: $(READY) ## measure how many webhooks the gateway acknowledges on a Kafka of its own
	@$(BIN)/python -m benchmarks.gateway

bench-mapping: $(READY) ## measure mapping alone, beside libjq per expression and fused; takes a minute
	@$(BIN)/python -m benchmarks.mapping

bench-kafka: $(READY) ## measure the services on a real Kafka: to Port, mappers alone, a whole resync; takes 5 minutes
	@$(BIN)/python -m benchmarks.kafka

# For another length or series: make torture ARGS="--minutes 30 --seed 7"; the model takes MODEL_EXAMPLES, MODEL_STEPS
# and MODEL_SEED from the environment.
torture: $(READY) ## kill all services and Kafka at random, play the model, replay 50 000 records; takes 35 minutes
	@$(BIN)/python -m tests.torture.model
	@$(BIN)/python -m tests.torture.services $(ARGS)
	@PAGERPORT_REQUIRE_KAFKA=1 PAGERPORT_TEST_REPLAY=50000 $(BIN)/pytest tests/kafka/test_stack_replay.py

torture-mapping: $(READY) ## compare 200 000 generated expressions with libjq; prints seed and count, takes minutes
	@$(BIN)/python -m tests.torture.mapping

clean: ## remove .venv and everything that was made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
