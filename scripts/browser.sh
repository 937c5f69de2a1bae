#!/usr/bin/env bash
# The dashboard's tests drive a real Chromium. Installs Debian's where it is absent and that is possible without
# asking anybody; otherwise says what to do. Never fails: the tests say themselves what they could not do.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  say "Installing chromium for the dashboard's tests ..."
  export DEBIAN_FRONTEND=noninteractive
  if apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1; then
    exit 0
  fi
fi
say "No Chromium found, and it could not be installed here: the browser tests of the dashboard will not run."
say "  fix: install it as \`chromium\` (Debian: apt-get install chromium), then run make test again"
