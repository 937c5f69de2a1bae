"""Where people reach the dashboard: what is given, else what is listened on."""

from __future__ import annotations

import pytest

from fader.app.front import front, host_of
from fader.errors import BadInput


@pytest.mark.parametrize(
    ("host", "given", "url"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:7070"),
        ("10.0.0.7", "", "http://10.0.0.7:7070"),
        ("::1", "", "http://[::1]:7070"),
        ("0.0.0.0", "", "http://127.0.0.1:7070"),
        ("::", "", "http://127.0.0.1:7070"),
        ("0.0.0.0", "https://Fader.example.com/", "https://Fader.example.com"),
        ("127.0.0.1", "http://fader.example.com:8443", "http://fader.example.com:8443"),
    ],
)
def test_where_links_lead(host: str, given: str, url: str) -> None:
    assert front(host, 7070, given).url == url
    assert front(host, 7070, given).rollout("a/b") == f"{url}/rollouts/a%2Fb"


def test_its_host_is_one_that_the_server_answers_to() -> None:
    assert host_of(front("127.0.0.1", 7070, "https://Fader.example.com:8443")) == "fader.example.com"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("fader.example.com", "is no http:// or https:// address"),
        ("ftp://fader.example.com", "is no http:// or https:// address"),
        ("https://", "is no http:// or https:// address"),
        ("https://h:99999", "is no http:// or https:// address"),
        ("https://h|<b>", "is no http:// or https:// address"),
        ("https://me:pw@h", "holds a password"),
        ("https://h/fader", "holds more than scheme, host and port"),
        ("https://h/?a=1", "holds more than scheme, host and port"),
        ("https://h/#", "holds more than scheme, host and port"),
    ],
)
def test_what_is_no_such_address_is_refused(url: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        front("127.0.0.1", 7070, url)
