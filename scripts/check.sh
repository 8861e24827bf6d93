#!/bin/sh
# The inner loop: format, lints and what needs neither registry nor browser. The backend's tests on Postgres are left to `make test`.
set -eu
cd "$(dirname "$0")/.."
sh scripts/lint.sh
skip=""
for file in server/src/tests/*.rs; do
    skip="$skip --skip tests::$(basename "$file" .rs)::"
done
# shellcheck disable=SC2086
sh scripts/with-postgres.sh cargo test --quiet --workspace --lib -- $skip
