#!/bin/sh
# Everything: lints, unit, Postgres, registry, fault and browser tests. Tools that are missing fail the tests that need them.
set -eu
cd "$(dirname "$0")/.."
export BREAKWATER_REQUIRE_TOOLS=1
# The fault tests wait for leases more than they work, and so do many others: more at a time than there are cores.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-4}"
say() { echo; echo "== $(date +%H:%M:%S) $*"; }

say "lints"
sh scripts/lint.sh all
# One selection of packages throughout: with another one cargo joins features differently, and builds most of them again.
say "building"
cargo build --quiet --workspace --bins
cargo test --quiet --workspace --no-run
say "unit, registry, Postgres and fault tests"
sh scripts/with-postgres.sh cargo test --quiet --workspace
say "the console"
cargo xtask site
say "browser tests"
cd end2end
E2E_DIR=$(mktemp -d "${TMPDIR:-/tmp}/breakwater-e2e-XXXXXX")
export E2E_DIR
trap 'rm -rf "$E2E_DIR"' EXIT
PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent --no-audit --no-fund
npx tsc
npx playwright test
say "all passed"
