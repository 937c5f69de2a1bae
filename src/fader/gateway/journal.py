"""What the agent says of its own work, on stderr: lines for people, or JSON. No token and no unit is ever in it."""

from __future__ import annotations

import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor


def journal(
    gateway: str,
    verbosity: Literal["debug", "info", "warning", "error"],
    form: Literal["console", "json"],
    stream: TextIO | None = None,
) -> FilteringBoundLogger:
    """A logger of its own: nothing of structlog's global configuration is used or changed."""
    out = stream or sys.stderr
    last: Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(verbosity),
        gateway=gateway,
    )
    return log
