#!/usr/bin/env bash
# Every test, as `make test` runs them, in the time that CI has. The demos mostly wait for time to pass, so what only
# computes runs beside them, at the lowest priority. Then come the tests on real Envoys, with those in a real browser
# beside them: in a process of their own, since a browser's driver keeps the event loop to itself. What runs beside
# something else shows its output when it has ended.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${1:?usage: scripts/test.sh VENV/bin}
demos=tests/acceptance/test_demo.py
browser=tests/integration/dashboard
simulated=(tests/statistical tests/acceptance/test_simulated_clock.py)
slow=("$bin/python" -m pytest -m slow -o faulthandler_timeout=300)
aside=$(mktemp)
trap 'rm -f "$aside"' EXIT
failed=0

beside() { # COMMAND in the background, its output put aside
  "$@" >"$aside" 2>&1 &
}

joined() { # what ran beside has ended too
  wait $! || failed=1
  cat "$aside"
}

beside nice -n 19 make -s quick simulations
"${slow[@]}" --durations=7 "$demos" || failed=1
joined
beside "${slow[@]}" --durations=5 "$browser"
"${slow[@]}" --durations=15 "${demos/#/--ignore=}" "${browser/#/--ignore=}" "${simulated[@]/#/--ignore=}" || failed=1
joined
exit $failed
