#!/bin/sh
# Format and lints with warnings denied. With the word `all` licences and sources of dependencies too.
set -eu
cargo fmt --all -- --check
cargo clippy --quiet --workspace --all-targets -- -D warnings
[ "${1:-}" = all ] || exit 0
if ! command -v cargo-deny >/dev/null 2>&1; then
    # It reads a few files: built without optimising it is ready in a quarter of the time.
    echo "· installing cargo-deny"
    cargo install --quiet --debug --locked cargo-deny || { echo "breakwater: cargo-deny cannot be installed" >&2; exit 1; }
fi
cargo deny --log-level error check bans licenses sources
