"""Any HTTP service that answers with JSON: one path of the service, and a JSON path for each number."""

from __future__ import annotations

import json
import re
from typing import Any

from fader.model.external import External, Question
from fader.providers.number import number
from fader.providers.request import NoNumber, Request

#: `$.data.errors`, `$.rows[0].value`: members and positions, nothing that selects several.
PATH = re.compile(r"\$((\.[A-Za-z_][A-Za-z0-9_-]*)|(\[[0-9]{1,6}\]))+")
_PART = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]+)\]")


def request(external: External, text: str, question: Question) -> Request:
    """One request answers for all JSON paths of an arm."""
    return Request(external.provider.url.rstrip("/") + question.filled(external.path))


def parse(external: External, text: str, question: Question, body: bytes) -> float:
    """Raises NoNumber."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        raise NoNumber("did not answer with JSON") from None
    path = question.filled(text)
    for member, position in _PART.findall(path):
        if member:
            found = found.get(member) if isinstance(found, dict) else None
        else:
            found = found[int(position)] if isinstance(found, list) and int(position) < len(found) else None
        if found is None:
            raise NoNumber(f"has nothing at {path}")
    return number(found)
