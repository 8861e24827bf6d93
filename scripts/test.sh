#!/bin/sh
# Everything: lints, unit, Postgres, registry and browser tests. Tools that are missing fail the tests that need them.
set -eu
cd "$(dirname "$0")/.."
export BREAKWATER_REQUIRE_TOOLS=1
say() { echo; echo "== $*"; }

say "lints"
sh scripts/lint.sh
say "unit and registry tests"
cargo test --quiet -p vocab -p vault -p registry -p harbor-sim -p testkit -p engine -p hostile -p app
say "tests on Postgres"
sh scripts/with-postgres.sh cargo test --quiet -p server --lib --bins
say "faults against the whole program"
# Each makes its own Postgres, and waits for leases more than it works: more of them at a time than there are cores.
cargo test --quiet -p server --test faults -- --test-threads=6
say "the console"
cargo xtask build
say "browser tests"
cd end2end
E2E_DIR=$(mktemp -d "${TMPDIR:-/tmp}/breakwater-e2e-XXXXXX")
export E2E_DIR
trap 'rm -rf "$E2E_DIR"' EXIT
PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent --no-audit --no-fund
npx tsc
npx playwright test
