"""What conditions look at of a request: read once into filter state, where no client can write, and compared there."""

from __future__ import annotations

from collections.abc import Iterable

from fader.assign.predicate import Compared, Every, Inverse, Listed, Predicate, Present
from fader.gateway.matchers import Json, any_of, both, inverse, present, text_is
from fader.gateway.names import UNIT, digest, provider
from fader.model.request import RequestText

_RULES = {"is": "exact", "begins": "prefix", "ends": "suffix", "contains": "contains"}


def state(text: RequestText) -> str:
    """The filter state that holds it."""
    if text.kind == "unit":
        return UNIT
    return f"fader.request.{text.kind}.{digest(text.name, text.issuer, text.jwks)}"


def list_state(segment: str) -> str:
    """The filter state that is there for units in the list of the segment."""
    return f"fader.listed.{segment}"


def command(text: RequestText) -> str:
    """Envoy's format for it. Of several headers of a name the first; the query's values are decoded."""
    match text.kind:
        case "header":
            return f"REQ({text.name})"
        case "cookie":
            return f"DYNAMIC_METADATA(fader.cookie:{text.name})"
        case "query":
            return f"QUERY_PARAM({text.name})"
        case "path":
            return "PATH(NQ:PATH)"
        case "method":
            return "REQ(:method)"
        case "host":
            return "REQ(:authority)"
        case "claim":
            return f"DYNAMIC_METADATA(envoy.filters.http.jwt_authn:{provider(text.issuer, text.jwks)}:{text.name})"
        case "unit":
            raise ValueError("the unit is found by its sources")


def test(predicate: Predicate) -> Json:
    """Not for what holds for everybody, or for nobody: Envoy takes no empty list."""
    match predicate:
        case Present(text):
            return present(state(text))
        case Compared(text, "matches", what):
            # Envoy asks for the whole text; \C is any byte, also where a text is no UTF-8.
            return text_is(state(text), safe_regex={"google_re2": {}, "regex": rf"\C*(?:{what})\C*"})
        case Compared(text, how, what):
            return text_is(state(text), **{_RULES[how]: what})
        case Listed(segment):
            return present(list_state(segment))
        case Inverse(operand):
            return inverse(test(operand))
        case Every(operands):
            return both(*map(test, operands))
    return any_of(*map(test, predicate.operands))


def distinct(texts: Iterable[RequestText]) -> tuple[RequestText, ...]:
    """Each once, always in the same order, and without the unit."""
    return tuple(sorted({t for t in texts if t.kind != "unit"}, key=lambda t: (t.kind, t.name, t.issuer, t.jwks)))


def vary(texts: Iterable[RequestText]) -> str:
    """The request headers among them, for caches between the gateway and the user."""
    names = {"header": "", "cookie": "cookie", "claim": "authorization"}
    return ", ".join(dict.fromkeys(names[text.kind] or text.name for text in texts if text.kind in names))
