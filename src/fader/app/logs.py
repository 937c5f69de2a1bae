"""One line a fact: JSON for machines, plain text on a terminal. Tokens and unit ids are never logged."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog


def set_up(level: int = logging.INFO) -> None:
    """Set logging up for this process: ours through structlog, that of libraries from WARNING on."""
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").addFilter(_no_farewell)


def _no_farewell(record: logging.LogRecord) -> bool:
    """A gateway's long poll and an open dashboard are cut off when the server stops: that is no error."""
    cut_off = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut_off and "timeout graceful shutdown exceeded" not in record.getMessage()
