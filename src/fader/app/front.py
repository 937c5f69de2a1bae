"""The address under which people reach the dashboard: as it is given, or as the server listens."""

from __future__ import annotations

from urllib.parse import urlsplit

from fader.errors import BadInput, Problem
from fader.model.front import Front

#: Listening on every address is no address by which somebody could come.
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 (compared, not bound)


def front(host: str, port: int, external_url: str = "", *, public_cards: bool = False) -> Front:
    """`external_url`: "" for the address that is listened on. Raises BadInput when it is none."""
    if external_url:
        return Front(_checked(external_url), public_cards)
    reached = "127.0.0.1" if host in EVERYWHERE else host
    return Front(f"http://{f'[{reached}]' if ':' in reached else reached}:{port}", public_cards)


def host_of(front: Front) -> str:
    """The host by which people come, as a Host header has it, without a port."""
    return (urlsplit(front.url).hostname or "").lower()


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not (url.isascii() and url.isprintable()) or any(c in url for c in ' "<>|\\'):
        raise _wrong(url, "is no http:// or https:// address")
    if parts.username is not None or parts.password is not None:
        raise _wrong(url, "holds a password, and notices show it")
    if parts.path not in ("", "/") or "?" in url or "#" in url:
        raise _wrong(url, "holds more than scheme, host and port; the dashboard is at the root of its host")
    return f"{parts.scheme}://{parts.netloc}"


def _wrong(url: str, why: str) -> BadInput:
    return BadInput(Problem(f'--external-url: "{url}" {why}', "write e.g. https://fader.example.com"))
