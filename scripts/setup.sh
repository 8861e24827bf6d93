#!/bin/sh
# Installs what is missing on Debian 12 for `make demo` and `make test`; does nothing where all is there.
set -eu

say() { echo "· $*"; }
fail() { echo "breakwater: $*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

packages=""
need() { packages="$packages $1"; }

command -v cc >/dev/null 2>&1 || need build-essential
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need postgresql
command -v docker-registry >/dev/null 2>&1 || need docker-registry
command -v skopeo >/dev/null 2>&1 || need skopeo
command -v htpasswd >/dev/null 2>&1 || need apache2-utils
command -v openssl >/dev/null 2>&1 || need openssl
command -v chromium >/dev/null 2>&1 || need "chromium fonts-liberation"
command -v npm >/dev/null 2>&1 || need "nodejs npm"

if [ -n "$packages" ]; then
    command -v apt-get >/dev/null 2>&1 || fail "these programs are missing and this is no Debian:$packages"
    say "installing$packages"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || fail "the package lists cannot be had; check the network"
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null || fail "these packages cannot be installed:$packages"
fi

command -v cargo >/dev/null 2>&1 || fail "Rust is missing; install it with rustup, then run this again"
if ! rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null | xargs -r ls >/dev/null 2>&1; then
    command -v rustup >/dev/null 2>&1 || fail "the target wasm32-unknown-unknown is missing and there is no rustup to add it"
    say "adding the wasm32-unknown-unknown target"
    rustup target add wasm32-unknown-unknown >/dev/null 2>&1 || fail "the target wasm32-unknown-unknown cannot be added; check the network"
fi
