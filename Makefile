# The whole set-up is two targets: `make demo` to look at, `make test` to trust.
# What is built stays outside the clone, in a folder of this clone's own: cargo tells sources apart by age, so two clones that shared one
# could run each other's code. Set CARGO_TARGET_DIR to choose where.

export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/breakwater/target-$(firstword $(shell pwd -P | cksum))
SITE := $(CARGO_TARGET_DIR)/site
PORT ?= 8300
HARBOR_PORT ?= 8301

.PHONY: demo test check soak test-live bench lint site build setup setup-tests help

help:
	@echo "make demo       everything on this machine, with a small Harbor and sample images"
	@echo "make test       format, lints, unit, Postgres, registry, fault and browser tests"
	@echo "make check      the quick part of it: format, lints, unit tests"
	@echo "make soak       [SECONDS=600] [SEED=…]  random work with random trouble against a model; the seed makes a failure come again"
	@echo "make test-live  HARBOR_URL=… HARBOR_USER=… HARBOR_PASSWORD=…  the contract against a real Harbor"
	@echo "make bench      [BENCH='--runs 5 --strict'] [TAGS=1000000] [HARBOR_URL=… HARBOR_USER=… HARBOR_PASSWORD=…]  beside skopeo, oras, crane and regsync; and at scale"

setup:
	@sh scripts/setup.sh

setup-tests:
	@sh scripts/setup.sh tests

build: setup
	@echo "· building (some minutes the first time)"
	@cargo xtask build

demo: build
	@exec "$(CARGO_TARGET_DIR)/debug/breakwater" demo --site "$(SITE)" --port $(PORT) --harbor-port $(HARBOR_PORT)

site: setup
	@cargo xtask site

lint: setup
	@sh scripts/lint.sh all

check: setup
	@sh scripts/check.sh

test: setup-tests
	@sh scripts/test.sh

# A fixed number of these actions is part of `make test`. Another seed each time, unless one is given.
soak: setup
	@SOAK_SECONDS="$(or $(SECONDS),600)" SOAK_SEED="$(or $(SEED),$(shell date +%s))" cargo test -p engine --test suite soak:: -- --nocapture

# Makes projects of its own with a random prefix in that Harbor, and removes them.
test-live: setup
	@test -n "$(HARBOR_URL)" -a -n "$(HARBOR_USER)" -a -n "$(HARBOR_PASSWORD)" || { echo "set HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD"; exit 2; }
	@HARBOR_URL="$(HARBOR_URL)" HARBOR_USER="$(HARBOR_USER)" HARBOR_PASSWORD="$(HARBOR_PASSWORD)" cargo test -p harbor-sim --test contract
	@HARBOR_URL="$(HARBOR_URL)" HARBOR_USER="$(HARBOR_USER)" HARBOR_PASSWORD="$(HARBOR_PASSWORD)" cargo test -p registry --test live
	@HARBOR_URL="$(HARBOR_URL)" HARBOR_USER="$(HARBOR_USER)" HARBOR_PASSWORD="$(HARBOR_PASSWORD)" cargo test -p engine --test live

# Beside the peers that are on PATH; against the simulator unless HARBOR_URL names a real Harbor. The JSON goes to the target folder.
# Then the catalogue: Postgres does the work there, so its program is not built anew for it. Then the pages under load, and
# a run of a plan in which nothing changed.
bench:
	@HARBOR_URL="$(HARBOR_URL)" HARBOR_USER="$(HARBOR_USER)" HARBOR_PASSWORD="$(HARBOR_PASSWORD)" cargo run --quiet --release -p bench -- $(BENCH)
	@STRICT=$(if $(findstring --strict,$(BENCH)),1) TAGS=$(TAGS) SNAPSHOTS=$(SNAPSHOTS) sh scripts/with-postgres.sh cargo bench --quiet --profile dev -p server --bench catalogue
	@STRICT=$(if $(findstring --strict,$(BENCH)),1) sh scripts/with-postgres.sh cargo bench --quiet -p server --bench pages
	@STRICT=$(if $(findstring --strict,$(BENCH)),1) sh scripts/with-postgres.sh cargo bench --quiet -p server --bench unchanged
