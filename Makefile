# make help lists what there is; the first column is the command.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := shared services/customer-index services/case-episodes services/referrals services/gateway deploy/single-node
CODE := $(PACKAGES) deploy/checks deploy/compose deploy/image deploy/release.py deploy/alerts.py tests

SERVICES := gateway customer-index case-episodes referrals
VERSION ?= latest
ENGINE ?= $(if $(shell command -v docker),docker,podman)
COMPOSE ?= $(ENGINE) compose
COMPOSED = $(COMPOSE) -f docker-compose.yml $(if $(DEMO),-f deploy/compose/demo.yml) $(if $(OBSERVABILITY),--profile observability)

.PHONY: help setup demo run test fuzz evaluate bench check fmt docs alerts lock clean
.PHONY: images up down sbom manifests manifests-crds manifests-server

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: .venv/ready ## the environment in .venv, from the hashed lock

.venv/ready: requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES))
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make setup PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@touch $@
	@echo "setup: .venv is ready"

demo: setup ## play the whole story on throw-away data and check every answer: make demo [GATEWAY=URL]
	$(BIN)/scv demo $(if $(GATEWAY),--gateway $(GATEWAY))

run: setup ## the platform on this machine: make run [PORT=8080] [DEMO=1]
	$(BIN)/scv run --port $(or $(PORT),8080) $(if $(DEMO),--demo)

test: setup ## every test, on real PostgreSQL
	$(BIN)/pytest -n 2 --dist loadgroup -q

fuzz: setup ## bad input, generated at length: make fuzz [EXAMPLES=100] [SEED=NUMBER, as a failure names it]
	FUZZ_EXAMPLES=$(or $(EXAMPLES),100) FUZZ_SEED=$(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')) nice $(BIN)/pytest tests/fuzz -q

evaluate: setup ## how well records become people, against known truth: make evaluate [JSON=FILE]
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r evaluation.lock
	$(BIN)/python -m single_node.evaluation $(if $(JSON),--json $(JSON))

bench: setup ## figures measured in pairs, as `name ratio unit`, and bench.json: make bench [FIGURES="relay_rate …"] [BENCH_RECORDS=100000]
	$(if $(filter bulk_rate,$(or $(FIGURES),bulk_rate)),$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r benchmark.lock)
	$(if $(BENCH_RECORDS),BENCH_RECORDS=$(BENCH_RECORDS)) $(BIN)/python -m tests.bench $(FIGURES)

check: setup ## format, lint, types, import contracts
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(PACKAGES) deploy/checks tests
	$(BIN)/lint-imports

images: ## an image of each service and of Kafka: make images [ENGINE=podman] [BASE_IMAGE=python:3.12-slim] [VERSION=…]
	set -e; for service in $(SERVICES); do \
	  $(ENGINE) build $(BUILD_OPTIONS) --build-arg SERVICE=$$service $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
	    --build-arg REVISION=$$(git rev-parse HEAD) $(if $(filter-out latest,$(VERSION)),--build-arg VERSION=$(VERSION)) -t scv/$$service:$(VERSION) .; done
	$(ENGINE) build $(BUILD_OPTIONS) $(if $(MAVEN_IMAGE),--build-arg MAVEN_IMAGE=$(MAVEN_IMAGE)) \
	  $(if $(JRE_IMAGE),--build-arg JRE_IMAGE=$(JRE_IMAGE)) -t scv/kafka:$(VERSION) deploy/kafka

up: setup images ## the platform in containers: make up [PORT=8080] [DEMO=1] [OBSERVABILITY=1] [ENGINE=podman COMPOSE=podman-compose]
	$(BIN)/python deploy/compose/credentials.py
	$(COMPOSED) up -d postgres kafka
	$(BIN)/python deploy/compose/readiness.py $(ENGINE) postgres kafka
	$(if $(OBSERVABILITY),OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4318) $(COMPOSED) up -d
	$(BIN)/python deploy/compose/readiness.py $(ENGINE)
	@echo "up: http://127.0.0.1:$(or $(PORT),8080)/docs; $(if $(DEMO),make demo GATEWAY=http://127.0.0.1:$(or $(PORT),8080),docs/runbooks/onboard-a-borough.md) is next; make down stops it"

down: ## stop the platform in containers; its data stay: make down [DATA=remove]
	$(COMPOSE) -f docker-compose.yml --profile observability --profile replay down $(if $(filter remove,$(DATA)),-v)

sbom: .tools/ready ## a bill of materials of each image, in build/sbom: make sbom [ENGINE=podman] [VERSION=…]
	.tools/bin/python deploy/image/sbom.py $(ENGINE) build/sbom $(VERSION) $(SERVICES) kafka

manifests: setup .tools/ready ## every Kubernetes overlay rendered and checked offline: make manifests [CRDS=FOLDER]
	nice $(if $(CRDS),env CRDS=$(CRDS)) $(BIN)/python -m deploy.checks.manifests

manifests-crds: .tools/crds/ready .tools/strimzi/ready ## the schemas of operators' kinds, for make manifests (Go, Java, Maven)

manifests-server: setup .tools/kube-apiserver manifests-crds ## every overlay put to a real Kubernetes API server (Go, etcd)
	nice $(if $(CRDS),env CRDS=$(CRDS)) $(BIN)/python -m deploy.checks.server

.tools/ready: operations.lock
	test -x .tools/bin/python || $(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r operations.lock
	@touch $@
	@echo "setup: .tools is ready"

.tools/crds/ready: deploy/checks/crds/go.mod deploy/checks/crds/go.sum
	@rm -rf $(@D) && mkdir -p $(@D)
	cd deploy/checks/crds && nice go tool controller-gen crd:maxDescLen=0 output:crd:dir=$(CURDIR)/$(@D) \
	  paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1 \
	  paths=github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1 paths=sigs.k8s.io/gateway-api/apis/v1
	@touch $@

.tools/strimzi/ready: deploy/checks/crds/pom.xml
	@rm -rf $(@D) && mkdir -p $(@D)
	nice mvn -B -q -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/$(@D)
	@touch $@

# Kubernetes' own programs, from its Go modules, whose bytes go.sum holds to; a quarter of an hour, once.
.tools/kube-apiserver .tools/kubectl: deploy/checks/apiserver/go.mod deploy/checks/apiserver/go.sum
	@mkdir -p $(@D)
	cd deploy/checks/apiserver && version=$$(go list -m -f '{{.Version}}' k8s.io/kubernetes) && \
	  nice -n 15 go build -p 1 -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$$version" \
	  -o $(CURDIR)/$@ k8s.io/kubernetes/cmd/$(@F)

fmt: setup ## format and mend what can be mended
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

docs: setup ## write the documents that follow from the code
	$(BIN)/python -m tests.documents

alerts: setup ## write the cluster's alert rules from deploy/observability
	$(BIN)/python deploy/alerts.py

lock: ## write requirements.lock and operations.lock anew (needs uv)
	printf '%s\n' checkov cyclonedx-bom kubernetes-validate | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate - -o operations.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  $(foreach p,shared customer-index case-episodes referrals gateway single-node,--no-emit-package scv-$(p)) --no-header --no-annotate --group dev pyproject.toml -o requirements.lock

clean: ## remove the environment and the data of make run
	rm -rf .venv .scv .tools
