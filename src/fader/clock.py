"""Where time comes from. Only the outermost layers hold a clock; everything pure is handed `now`."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds since 1970-01-01 UTC.
Clock = Callable[[], float]

system_clock: Clock = time.time
