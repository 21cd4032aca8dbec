# The verbs of this project. `make demo` and `make test` do all their own set-up on a fresh machine: they need Python 3.11 or
# newer, Go (to build OPA, the policy tool) and a network that reaches the package registries.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
GO ?= go
MVN ?= mvn
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
CHAOS_ARGS ?=
SOAK_ARGS ?=
TENANCY_ARGS ?=
MOMENTS_ARGS ?=
EVIDENCE_ARGS ?=
FUZZ_ARGS ?=
ROTATION_ARGS ?=
FLOOD_ARGS ?=
FUZZ_SECONDS ?= 600
OPA_VERSION := 1.22.2
EXTRAS := --extra aws --extra postgresql --extra vault

KEYCLOAK_VERSION := 26.3.5
KEYCLOAK := .cache/keycloak/.made-$(KEYCLOAK_VERSION)

PRESIDIO_VERSION := 2.2.366
PRESIDIO := .cache/presidio

VENV := .venv
BIN := $(VENV)/bin
OPA := .cache/bin/opa-$(OPA_VERSION)
JAVASCRIPT := .cache/javascript
export VECGATE_OPA ?= $(abspath $(OPA))

.PHONY: help demo test check bench chaos evidence moments soak tenancy detectors fuzz rotation flood keycloak fmt venv opa provider lock wire schemas envoy javascript

help: ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: venv ## show the main job on embedded parts: make demo DEMO_ARGS=--once leaves when the story is told
	$(BIN)/vecgate demo $(DEMO_ARGS)

test: venv opa provider javascript ## run every test, on real Envoy, Chroma, OPA and an OpenID provider
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(TEST_ARGS)

check: venv opa ## lint, types, import contracts, policy tools
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(OPA) fmt --fail --list rego examples
	$(OPA) check --strict --bundle --schema rego/schemas rego
	$(OPA) test --bundle --coverage --threshold 100 --schema rego/schemas rego
	for example in examples/*/; do \
	  $(OPA) check --strict --schema rego/schemas rego/library $$example; \
	  $(OPA) test --coverage --threshold 100 --schema rego/schemas rego/library $$example; \
	done

bench: venv ## measure against the shared no-op stream, in one run; needs wrk
	@command -v wrk >/dev/null || { echo "wrk is missing: apt-get install wrk" >&2; exit 1; }
	PYTHONPATH=tests $(BIN)/python tests/measure.py $(BENCH_ARGS)
	PYTHONPATH=tests $(BIN)/python tests/measure_qdrant.py $(BENCH_ARGS)

chaos: venv ## kill workers under load and prove that nothing is lost or leaked: ten minutes, results in docs/robustness.md
	PYTHONPATH=tests $(BIN)/python -m chaos.storm $(CHAOS_ARGS)

soak: venv ## measure memory over 200,000 mixed requests: a quarter of an hour, results in docs/robustness.md
	PYTHONPATH=tests $(BIN)/python -m chaos.soak $(SOAK_ARGS)

evidence: venv ## measure durable entries and verification beside bare hashing, and the index of sessions: ten minutes, results in docs/performance.md
	PYTHONPATH=tests $(BIN)/python -m chaos.cost $(EVIDENCE_ARGS)

moments: venv ## fail power and kill -9 at 200 random moments each, tamper 200 times, and hold every promise of the log: MOMENTS_ARGS="--seed 1"
	PYTHONPATH=tests $(BIN)/python -m chaos.moments $(MOMENTS_ARGS)

tenancy: venv ## have three tenants at work at once on the same ids, against a model: TENANCY_ARGS="--steps 20000 --seed 1"
	PYTHONPATH=tests $(BIN)/python -m tenancy.drive $(TENANCY_ARGS)
	PYTHONPATH=tests $(BIN)/python -m tenancy.qdrant_drive $(TENANCY_ARGS)

rotation: venv ## change the database's key and the issuer's fifty times under load: two minutes, results in docs/robustness.md
	PYTHONPATH=tests $(BIN)/python -m rotation.drive $(ROTATION_ARGS)

flood: venv ## send a hundred thousand bad tokens, and count what is written of them: two minutes, results in docs/robustness.md
	PYTHONPATH=tests $(BIN)/python -m flood.drive $(FLOOD_ARGS)

keycloak: venv $(KEYCLOAK) ## log in with a real Keycloak, and change its keys under load; needs Java and Maven
	$(BIN)/python -m pytest -q tests/keycloak/login.py

$(KEYCLOAK):
	@echo "== fetching Keycloak $(KEYCLOAK_VERSION): 150 MB, once"
	$(MVN) --quiet --batch-mode dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:$(KEYCLOAK_VERSION):zip \
	  -DoutputDirectory=$(abspath $(@D)) -Dmdep.useBaseVersion=true
	cd $(@D) && python3 -m zipfile --extract keycloak-quarkus-dist-$(KEYCLOAK_VERSION).zip . && rm keycloak-quarkus-dist-*.zip
	@touch $@

detectors: venv $(PRESIDIO) ## score the detectors beside Presidio's patterns on a labelled corpus, into docs/detection.md
	PYTHONPATH=tests $(BIN)/python -m detectors.compare --presidio $(PRESIDIO)/bin/python

$(PRESIDIO):
	@echo "== building $(PRESIDIO): Presidio in an environment of its own, for its pins are not ours"
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --disable-pip-version-check --quiet 'presidio-analyzer==$(PRESIDIO_VERSION)'

fuzz: venv ## feed every reader of foreign bytes what breaks it: make fuzz FUZZ_SECONDS=60 FUZZ_ARGS="path request"
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ_ARGS)

fmt: venv opa ## format code and policies
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(OPA) fmt --write rego examples

venv: $(VENV)/.made ## build .venv, with the program in .venv/bin/vecgate

$(VENV)/.made: requirements.lock pyproject.toml
	@echo "== building $(VENV): about 130 packages, a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes -r requirements.lock \
	  | sed -u -n 's/^Collecting \([^ ]*\).*/   \1/p; s/^Installing collected packages.*/   installing/p'
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --quiet --editable .
	@touch $@

opa: $(OPA) ## build OPA

$(OPA):
	@echo "== building OPA $(OPA_VERSION): two minutes or so, once"
	@mkdir -p $(@D)
	GOBIN=$(abspath $(@D)) CGO_ENABLED=0 $(GO) install github.com/open-policy-agent/opa@v$(OPA_VERSION)
	@mv $(@D)/opa $@

javascript: ## install the official JavaScript client, for one test; without Node it is left out
	@command -v npm >/dev/null || exit 0; $(MAKE) --no-print-directory $(JAVASCRIPT)/.made

$(JAVASCRIPT)/.made: tests/javascript/package.json tests/javascript/package-lock.json
	@mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --prefix $(@D) --silent --no-audit --no-fund
	@touch $@

provider: .cache/oidc/.made ## install the OpenID provider of the tests

.cache/oidc/.made: $(wildcard tests/oidc/*) | venv
	@mkdir -p $(@D)
	cp tests/oidc/* $(@D)
	cd $(@D) && $(abspath $(BIN))/npm ci --silent --no-audit --no-fund
	@touch $@

lock: venv ## resolve the dependencies again
	$(BIN)/uv pip compile pyproject.toml --extra local --extra qdrant $(EXTRAS) --group dev --generate-hashes --quiet --custom-compile-command "make lock" \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_31 --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml $(EXTRAS) --generate-hashes --quiet --custom-compile-command "make lock" \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_31 --output-file deploy/requirements.lock

envoy: venv ## write Envoy's example bootstrap from deploy/vecgate.yaml
	$(BIN)/vecgate envoy -c deploy/vecgate.yaml > envoy/bootstrap.json

schemas: venv ## write the JSON Schemas of policy inputs and decision from the types
	$(BIN)/python -m extproc.engines.schemas rego/schemas

wire: venv ## compile the .proto files
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. extproc/wire/ext_proc.proto extproc/wire/access_log.proto
