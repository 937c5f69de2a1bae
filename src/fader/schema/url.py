"""Text of an http:// or https:// address that something outside is reached at."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from fader.schema.suggest import quoted, wrong


def web_url(url: str, fix: str, password: tuple[str, str]) -> SplitResult:
    """Its parts, where it is one, in printable ASCII and without a password; `password`: what is said of one, and what
    to do. Raises PydanticCustomError."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong(f"{quoted(url)} is not a URL", fix) from None
    if parts.username is not None or parts.password is not None:
        raise wrong(*password)
    if not sound or any(c.isspace() for c in url) or not (url.isascii() and url.isprintable()):
        raise wrong(f"{quoted(url)} is no http:// or https:// address", fix)
    return parts
