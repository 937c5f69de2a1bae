#!/usr/bin/env bash
# Makes the virtual environment in $1: locked dependencies, each checked by its hash, and fader itself, editable.
# All words go to stderr, so that `make demo ARGS=--json` keeps stdout for the result.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

say() { printf '%s\n' "$*" >&2; }
fit() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

python=
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
  if fit "$name"; then python=$name; break; fi
done
if [ -z "$python" ]; then
  say "fader needs Python 3.11 or newer and found none; install it, or name it: make setup PYTHON=/path/to/python3"
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  say "$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
  exit 1
fi

say "Setting up $venv with $("$python" --version); this takes a minute, once ..."
rm -rf "$venv"
"$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet --quiet --no-input)
"${pip[@]}" install --require-hashes -r requirements/dev.lock >&2
"${pip[@]}" install --no-deps --no-build-isolation --editable . >&2
touch "$venv/ready"
say "Ready."
