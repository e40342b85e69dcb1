# Everything a person does with this project. Needs Python 3.11 or newer; brings the rest along itself.

.DEFAULT_GOAL := help
.PHONY: help up down reset stop-worker logs status doctor check test fast format chaos bench bench-live pictures bench-cold deploy deploy-plan deploy-options destroy deploy-key

PYTHON ?= python3
VENV ?= .venv
STAGE ?= prod
PROCESSES ?= 0
BIN := $(VENV)/bin
LOCAL := $(BIN)/python -m infra.local
NODE = eval "$$($(BIN)/python -m infra.local.node)"
LOCAL_NEEDS := infra/local/requirements.txt requirements.txt pyproject.toml
DEPLOY := $(BIN)/python -m infra.deploy
export STACK_DIR PORT AWS_PORT PG_PORT REDIS_PORT API_AUTH OPTIONS YES

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/local ## Start everything on this computer: http://localhost:8000
	@$(LOCAL) up

down: $(VENV)/local ## Stop what `make up` started; data stays in .local
	@$(LOCAL) down

reset: $(VENV)/local ## Stop it and throw its data away
	@$(LOCAL) reset

deploy: $(VENV)/aws ## To AWS: make deploy STAGE=prod (OPTIONS="Database=aurora NotifyEmail=…", YES=1 asks nothing)
	@$(DEPLOY) up --stage $(STAGE)

deploy-plan: $(VENV)/aws ## What that would do, and what it costs
	@$(DEPLOY) plan --stage $(STAGE)

deploy-options: $(VENV)/aws ## What OPTIONS can say
	@$(DEPLOY) options --stage $(STAGE)

deploy-key: $(VENV)/aws ## Another admin's key, for whoever lost the first: make deploy-key NAME=me
	@$(DEPLOY) key --stage $(STAGE) --name $(or $(NAME),admin)

destroy: $(VENV)/aws ## Take it away again; a last snapshot of the database stays
	@$(DEPLOY) destroy --stage $(STAGE)

stop-worker: $(VENV)/local ## Leave the jobs to the Lambda functions, until the next `make up`
	@$(LOCAL) stop-worker

logs: $(VENV)/local ## Follow the logs
	@$(LOCAL) logs

status: $(VENV)/local ## What runs, and where
	@$(LOCAL) status

doctor: $(VENV)/local ## Examine it: is every job where it should be? (OPTIONS=--repair mends)
	@$(LOCAL) doctor $(OPTIONS)

check: $(VENV)/tests ## Everything CI checks except the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy && $(BIN)/mypy app.py && $(BIN)/mypy worker_fn/app.py
	$(BIN)/lint-imports
	$(BIN)/hadolint infra/images/Dockerfile
	$(BIN)/docker-compose config --quiet && $(BIN)/docker-compose --profile localstack config --quiet
	$(BIN)/cfn-lint --include-checks I --template infra/cloud/*.yaml
	$(BIN)/python -m infra.local.dashboard
	$(NODE) && npm --prefix frontend run check

test: $(VENV)/tests ## All tests, against real Postgres and Redis (PROCESSES=2: at once, on a machine with cores to spare)
	$(BIN)/python -m infra.local.dashboard
	$(NODE) && npm --prefix frontend test
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --no-loadscope-reorder

fast: $(VENV)/tests ## The pure tests: no services needed
	$(BIN)/python -m pytest tests/unit

format: $(VENV)/tests ## Rewrite the code to house style
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

chaos: $(VENV)/tests ## Break everything while jobs run, and prove that none is lost (SEED=7 MINUTES=10)
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

bench: $(VENV)/tests ## Measure the queue on this computer, and its peers beside it (half an hour)
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.compare

bench-live: $(VENV)/tests ## Measure the live feed: a thousand watchers of a whole stack (five minutes)
	$(BIN)/python -m tests.bench.live_cost
	$(BIN)/python -m tests.bench.live_load

pictures: $(VENV)/tests ## Take README's pictures anew: the browser tests make them (five minutes)
	$(BIN)/python -m pytest tests/e2e/test_overview_page.py tests/e2e/test_jobs_page.py
	for theme in light dark; do \
	  cp build/screenshots/overview-1440-$$theme.png frontend/docs/overview-$$theme.png; \
	  cp build/screenshots/jobs-panel-1440-$$theme.png frontend/docs/jobs-$$theme.png; \
	done

bench-cold: $(VENV)/tests ## Measure what a function's cold start waits for: fails above 400 ms of imports
	$(BIN)/python -m tests.bench.cold_start

# The stamps below are touched once their files are installed, and made again when those change.

$(VENV)/local: $(LOCAL_NEEDS) | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "installing what the stack needs (the first time takes a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --requirement infra/local/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --no-deps --editable .
	@touch $@

$(VENV)/aws: $(VENV)/local infra/aws/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --requirement infra/aws/requirements.txt
	@touch $@

$(VENV)/tests: $(VENV)/aws tests/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --requirement tests/requirements.txt
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: try make up PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version): try make up PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
