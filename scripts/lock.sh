#!/usr/bin/env bash
# Resolves the dependencies anew: one lock for the developers, one for `fader[server]`, which agrees with it.
# The locks carry hashes and no index address, so that they install from whatever index the reader uses.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-.venv/bin/uv}

compile=("$uv" pip compile --quiet --extra server --python-version 3.11 --universal --generate-hashes
  --no-emit-index-url --no-header --no-strip-extras)
"${compile[@]}" --extra openfeature pyproject.toml requirements/dev.in -o requirements/dev.lock "${@:2}"
"${compile[@]}" pyproject.toml -c requirements/dev.lock -o requirements/server.lock "${@:2}"
