"""Prometheus, and whatever speaks its HTTP API: one instant query, one number.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import json
from typing import Any

from fader.model.external import External, Question
from fader.providers.number import number
from fader.providers.request import NoNumber, Request

#: A sample that is older than this many intervals, and than a minute, says nothing about now.
STALE, MINUTE = 4, 60.0


def request(external: External, text: str, question: Question) -> Request:
    url = external.provider.url.rstrip("/") + "/api/v1/query"
    return Request(url, (("query", question.filled(text)), ("time", f"{question.at:.3f}")))


def parse(external: External, text: str, question: Question, body: bytes) -> float:
    """Raises NoNumber."""
    try:
        answer = json.loads(body)
    except ValueError:
        raise NoNumber("did not answer with JSON") from None
    if not isinstance(answer, dict) or answer.get("status") != "success":
        why = answer.get("error", "") if isinstance(answer, dict) else ""
        raise NoNumber(f"refused the query: {str(why)[:200]}" if why else "did not answer as Prometheus does")
    at, value = _sample(answer.get("data"))
    try:
        age = question.at - float(at)
    except (TypeError, ValueError):
        raise NoNumber("did not answer as Prometheus does") from None
    if not age <= max(STALE * external.every, MINUTE):
        raise NoNumber(f"answered with a sample that is {age:.0f} s old")
    return number(value)


def _sample(data: Any) -> tuple[Any, Any]:
    """Its time and value, of a scalar or of a vector of one."""
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind == "vector" and isinstance(result, list):
        if not result:
            raise NoNumber("has no data for the query: its vector is empty")
        if len(result) > 1:
            raise NoNumber(f"answered with {len(result)} series where one is needed: put sum() around the query")
        value = result[0].get("value") if isinstance(result[0], dict) else None
    elif kind == "scalar":
        value = result
    else:
        raise NoNumber(f"answered with a {kind} where one number is needed" if kind else "did not answer as it should")
    if not isinstance(value, list) or len(value) != 2:
        raise NoNumber("did not answer as Prometheus does")
    return value[0], value[1]
