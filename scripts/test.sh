#!/usr/bin/env bash
# Every test, as `make test` runs them, in the time that CI has: two rows side by side. The first is what mostly waits,
# for time to pass in a demo or for an Envoy: it has the machine's first call. The second is what only computes, linters
# first, at the lowest priority, and then what drives a real browser, in a process of its own, since a browser's driver
# keeps the event loop to itself. The second row shows its output when both have ended.
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

second_row() {
  local failed=0
  nice -n 19 make -s lint quick simulations || failed=1
  "${slow[@]}" --durations=5 "$browser" || failed=1
  return $failed
}

second_row >"$aside" 2>&1 &
"${slow[@]}" -n 2 --dist worksteal --durations=7 "$demos" || failed=1
"${slow[@]}" --durations=15 "${demos/#/--ignore=}" "${browser/#/--ignore=}" "${simulated[@]/#/--ignore=}" || failed=1
wait $! || failed=1
cat "$aside"
exit $failed
