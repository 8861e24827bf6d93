#!/bin/sh
# Format and lints with warnings denied.
set -eu
cargo fmt --all -- --check
cargo clippy --quiet -p vocab -p registry -p vault -p engine -p harbor-sim -p hostile -p testkit -p bench -p app -p server -p xtask --all-targets -- -D warnings
if ! command -v cargo-deny >/dev/null 2>&1; then
    echo "· installing cargo-deny"
    cargo install --quiet --locked cargo-deny || { echo "breakwater: cargo-deny cannot be installed" >&2; exit 1; }
fi
cargo deny --log-level error check bans licenses sources
