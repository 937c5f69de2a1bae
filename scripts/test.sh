#!/usr/bin/env bash
# Every test, as `make test` runs them. The demos wait for time to pass most of the time, so what only computes runs
# beside them, at the lowest priority and with its output shown at the end. Then come the tests on real Envoys and
# browsers, two files at a time.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${1:?usage: scripts/test.sh VENV/bin}
demos=tests/acceptance/test_demo.py
computed=$(mktemp)
trap 'rm -f "$computed"' EXIT

nice -n 19 make -s quick simulations >"$computed" 2>&1 &
failed=0
"$bin/python" -m pytest -m slow -o faulthandler_timeout=300 --durations=5 "$demos" || failed=1
wait $! || failed=1
cat "$computed"
"$bin/python" -m pytest -m slow -n 2 --dist loadfile -o faulthandler_timeout=300 --durations=15 \
  --ignore="$demos" --ignore=tests/statistical --ignore=tests/acceptance/test_simulated_clock.py || failed=1
exit $failed
