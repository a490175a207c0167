#!/bin/sh
# Set up everything `make demo` (argument: run) or `make test` (argument: test) needs, from a bare Debian or Ubuntu
# with python3.11 or 3.12 and make. Idempotent: what is there is left alone. Used by the Makefile only.
set -eu
purpose=${1:?run or test}
cd "$(dirname "$0")/.."
as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"

say() { printf '%s\n' "setup: $*"; }

apt_install() {
  command -v apt-get >/dev/null || { say "missing: $*. Install them with this system's package manager and run again."; exit 2; }
  say "installing $* with apt"
  if [ -z "${apt_updated:-}" ]; then $as_root apt-get update -qq; apt_updated=1; fi
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python() {
  for candidate in python3.11 python3.12 python3; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))'; then
      echo "$candidate"
      return
    fi
  done
}

python=$(find_python)
[ -n "$python" ] || apt_install python3.11
python=$(find_python)
[ -n "$python" ] || { say "no Python 3.11 or 3.12 found: install one and run again"; exit 2; }

# Debian's python3 comes without ensurepip: a virtual environment made with it has no pip.
"$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install "$(basename "$(readlink -f "$(command -v "$python")")")-venv"

stamp=.venv/.installed
wanted=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
if [ "$(cat $stamp 2>/dev/null)" != "$wanted" ]; then
  say "installing $(grep -c '==' requirements.lock) pinned packages into .venv (once; about two minutes)"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  # The lock is complete and hash-pinned, so nothing is resolved and nothing is built.
  .venv/bin/pip install -q --no-deps --require-hashes --only-binary :all: -r requirements.lock
  .venv/bin/pip install -q --no-deps --no-build-isolation -e .
  echo "$wanted" >$stamp
fi

if [ "$purpose" = test ]; then
  missing=""
  command -v git >/dev/null || missing="$missing git"
  command -v chromium >/dev/null || missing="$missing chromium fonts-noto-cjk"
  command -v mosquitto >/dev/null || missing="$missing mosquitto"
  command -v redis-server >/dev/null || missing="$missing redis-server"
  command -v java >/dev/null || missing="$missing default-jre-headless"
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
  # shellcheck disable=SC2086
  if [ -n "$missing" ]; then apt_install $missing; fi
  .venv/bin/python -m infra.services.jars >/dev/null ||
    say "Kafka's archives are not here: the tests against Kafka will be skipped"
fi
