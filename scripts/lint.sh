#!/bin/sh
# Format and lints with warnings denied. The wasm tree is linted apart, because the browser's features and the server's exclude each other.
set -eu
cargo fmt --all -- --check
cargo clippy --quiet -p vocab -p registry -p vault -p engine -p harbor-sim -p hostile -p testkit -p bench -p server --all-targets -- -D warnings
cargo clippy --quiet -p app --features ssr --all-targets -- -D warnings
cargo clippy --quiet -p frontend --target wasm32-unknown-unknown -- -D warnings
cargo clippy --quiet -p xtask -- -D warnings
if ! command -v cargo-deny >/dev/null 2>&1; then
    echo "· installing cargo-deny"
    cargo install --quiet --locked cargo-deny || { echo "breakwater: cargo-deny cannot be installed" >&2; exit 1; }
fi
cargo deny --log-level error check bans licenses sources
