# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.
#   make demo                 certificates, hub, two tenants' services; prints the pages to open
#   make demo ARGS=--check    the same unattended, looked at by a headless browser
#   make test                 all tiers: lint, types, unit, integration, Java, web, compat, end to end
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

ARGS ?=
# Debian's own, where it is new enough, whatever else comes first on the PATH: it is built with profile-guided
# optimisation, and the hub takes a tenth less CPU on it than on one that is built without.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
REPORTS := .cache/reports
MVN := mvn -B -ntp -f clients/java-compat/pom.xml -Dloghub.command=$(abspath $(BIN)/python)
SAMPLE := clients/java-compat/sample-service/target/sample-service.jar
JAVA_SOURCES := $(shell find clients/java-compat proto -name target -prune -o -type f -print 2>/dev/null)
PYTEST := $(BIN)/python -m pytest
PARTS := $(shell seq $$(($$(nproc) < 8 ? $$(nproc) : 8)))
# The contract as it was published last: `make published` writes it for a release.
PUBLISHED := proto/testdata/contract-0.1.binpb

.PHONY: setup proto fmt lint types unit integration java java-test java-newest java-bench java-release web-test compat \
  e2e test demo bench lock published chromium kafka clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements/dev.lock pyproject.toml tools/install.sh
	tools/install.sh python $(PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Writes the locks anew: with hashes, without the address of any registry.
lock: $(VENV)/.ready
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-trusted-host \
	  --no-emit-find-links --allow-unsafe --output-file requirements/runtime.lock pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-trusted-host \
	  --no-emit-find-links --allow-unsafe --extra dev --output-file requirements/dev.lock pyproject.toml

proto: setup
	$(BIN)/python tools/generate_stubs.py

published: setup
	$(BIN)/buf build proto --as-file-descriptor-set --exclude-source-info -o $(PUBLISHED)

fmt: setup
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/buf lint proto
	$(BIN)/buf breaking proto --against $(PUBLISHED)

types: setup
	$(BIN)/mypy

$(REPORTS):
	mkdir -p $@

# A process for each core runs its part of the files. Bytecode is kept, whatever the environment says: to compile the
# tests anew would cost each six seconds of CPU.
# FUZZ_TIMES=20 PYTEST_TIMEOUT=1200 make unit: each property on twenty times as many examples.
unit: setup | $(REPORTS)
	rm -f $(REPORTS)/unit*.xml
	$(MAKE) --no-print-directory -k -O -j $(words $(PARTS)) $(PARTS:%=unit-%)

unit-%: export PYTHONDONTWRITEBYTECODE :=
unit-%:
	$(PYTEST) tests/unit -q --part $*/$(words $(PARTS)) --junitxml=$(REPORTS)/unit-$*.xml

integration: setup kafka | $(REPORTS)
	$(PYTEST) tests/integration --junitxml=$(REPORTS)/integration.xml

java: $(SAMPLE)

$(SAMPLE): $(JAVA_SOURCES)
	tools/install.sh java
	$(MVN) -q -DskipTests package
	touch $@

java-test: setup | $(REPORTS)
	tools/install.sh java
	$(MVN) verify
	touch $(SAMPLE)

# The libraries' tests on the newest Java of this machine, where that is another than the one on the PATH, which Maven
# and `java-test` use. It comes first, so that the reports which are counted are of all modules.
java-newest: setup
	tools/install.sh java
	newest=$$(tools/newest_java.sh); if [ "$$newest" -ef "$$(command -v java)" ]; then echo "java is the newest here"; \
	  else $(MVN) -Dtest.jvm=$$newest -pl loghub-client,loghub-logback,loghub-log4j2 verify; fi

# What an event costs the application's thread, in short; needs an otherwise idle machine.
java-bench: $(SAMPLE)
	java -jar clients/java-compat/benchmarks/target/benchmarks.jar

# The jars that would be published, with sources and documentation, built twice: both builds must give the same bytes.
java-release:
	tools/install.sh java
	tools/reproducible.sh clients/java-compat proto

web/node_modules/.ready: web/package-lock.json
	tools/install.sh node
	cd web && npm ci --no-audit --no-fund --silent
	touch $@

web-test: web/node_modules/.ready | $(REPORTS)
	cd web && npm run --silent check
	cd web && node --test --test-reporter=spec --test-reporter-destination=stdout \
	  --test-reporter=junit --test-reporter-destination=../$(REPORTS)/web.xml test/

tests/compat/node/node_modules/.ready: tests/compat/node/package-lock.json
	tools/install.sh node
	cd tests/compat/node && npm ci --no-audit --no-fund --silent
	touch $@

# Python, Java and Node read what each other writes; FUZZ_MESSAGES=1000000 for a longer run.
compat: setup java tests/compat/node/node_modules/.ready | $(REPORTS)
	$(PYTEST) tests/compat --junitxml=$(REPORTS)/compat.xml

chromium:
	tools/install.sh chromium

# A Kafka broker for tests, benchmarks and the demo.
kafka: tools/kafka/target/.ready

tools/kafka/target/.ready: tools/kafka/pom.xml
	tools/install.sh java
	mvn -B -ntp -q -f tools/kafka/pom.xml package
	touch $@

e2e: setup chromium java kafka | $(REPORTS)
	$(PYTEST) tests/e2e --junitxml=$(REPORTS)/e2e.xml

test: clean-reports lint types unit integration java-newest java-test web-test compat e2e
	$(BIN)/python tools/summary.py $(REPORTS) clients/java-compat

.PHONY: clean-reports
clean-reports:
	rm -rf $(REPORTS)

# The Java sample is built where Maven is at hand; without it the demo says so and runs a Python one.
demo: setup $(if $(findstring --check,$(ARGS)),chromium) $(if $(findstring --kafka,$(ARGS)),kafka)
	if command -v mvn >/dev/null && command -v javac >/dev/null; then $(MAKE) --no-print-directory java; fi
	$(BIN)/loghub demo $(ARGS)

bench: setup
	$(BIN)/loghub bench $(or $(ARGS),ingest)

clean: clean-reports
	rm -rf $(VENV) .demo .cache web/node_modules tests/compat/node/node_modules
	-$(MVN) -q clean
