"""A small web shop as a plain ASGI app: two versions that differ in price, colour, and, if asked for, in manners.
Either has a new order form in its code, for those to whom a flag gives it.

A simulated visitor cannot look at a page. So each page says in two headers what it does to people: `x-shop-appeal`,
the share of them whom it persuades to buy, and `x-shop-confusion`, the share whom it leaves with a question.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs

import uvicorn

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
#: Told of each order: the unit as the gateway names it, the amount, and how many products.
Report = Callable[[str, float, int], None]
#: Whether the unit, as the gateway names it, gets the new order form.
NewForm = Callable[[str], bool]

PRODUCTS = ("Teapot", "Lantern", "Umbrella", "Notebook", "Kite", "Compass", "Blanket", "Radio", "Clock", "Hammock")
_NUMBERS = frozenset(str(n) for n in range(1, len(PRODUCTS) + 1))
#: Time to answer in seconds: log-normal, half below the median, 95 % below the second number. Long enough that a
#: busy machine, which wakes a process some ms late, does not make one version look slower than the other.
MEDIAN, P95 = 0.040, 0.100
_SIGMA = math.log(P95 / MEDIAN) / 1.6449
#: More is never put into the cookie.
BASKET_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Look:
    colour: str
    discount: float


LOOKS = {"v1": Look("#3b5b7a", 0.0), "v2": Look("#7a3b5b", 0.1)}


class Shop:
    """The ASGI app. `error_rate` of the requests fail with 500, independently; `slow_factor` scales the time.

    `appeal` and `confusion` are what its pages do to people. `report` is told of orders by somebody whom the gateway
    knows (`x-fader-unit`). `new_form` is asked where the basket shows an order form, and when it is sent:
    `form_error_rate` of the orders that come by the new one fail.
    """

    def __init__(
        self,
        version: str,
        error_rate: float = 0.0,
        slow_factor: float = 1.0,
        seed: int = 0,
        appeal: float = 0.3,
        confusion: float = 0.08,
        report: Report | None = None,
        new_form: NewForm | None = None,
        form_error_rate: float = 0.0,
    ) -> None:
        self.version = version
        self.error_rate = error_rate
        self.slow_factor = slow_factor
        self._report = report
        self._new_form = new_form
        self._form_error_rate = form_error_rate
        self._effect: Headers = [
            (b"x-shop-appeal", f"{appeal:g}".encode()),
            (b"x-shop-confusion", f"{confusion:g}".encode()),
        ]
        self._look = LOOKS[version]
        self._chance = Random(f"{seed}/{version}")
        self._pages = {b"/": self._home(), b"/support": self._page("How can we help?", "<p>Write to us.")} | {
            f"/product/{n}".encode(): self._product(n, name) for n, name in enumerate(PRODUCTS, 1)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: bytes = scope["raw_path"]
        if path == b"/healthz":
            await self._answer(send, 200, b"ok", b"text/plain")
            return
        body = await _body(receive) if scope["method"] == "POST" else b""
        fails = self._chance.random() < self.error_rate
        await asyncio.sleep(self._chance.lognormvariate(math.log(MEDIAN), _SIGMA) * self.slow_factor)
        if fails:
            await self._answer(send, 500, b"the shop broke", b"text/plain")
        elif scope["method"] == "POST":
            await self._post(path, scope["headers"], body, send)
        elif page := self._pages.get(path):
            await self._answer(send, 200, page)
        else:
            await self._answer(send, 404, b"no such page", b"text/plain")

    async def _post(self, path: bytes, headers: Headers, body: bytes, send: Send) -> None:
        basket, unit = _basket(headers), _header(headers, b"x-fader-unit")
        if path == b"/basket":
            product = parse_qs(body.decode(errors="replace")).get("product", [""])[0]
            if product not in _NUMBERS:
                await self._answer(send, 422, b"no such product", b"text/plain")
                return
            basket = [*basket, product][-BASKET_LIMIT:]
            page = self._page("Basket", ", ".join(PRODUCTS[int(p) - 1] for p in basket) + self._order_form(unit))
            cookie = f"basket={'.'.join(basket)}; Path=/; HttpOnly; SameSite=Lax"
            await self._answer(send, 200, page, cookie=cookie.encode())
        elif path == b"/order" and basket and self._form_breaks(unit):
            await self._answer(send, 500, b"the new form broke", b"text/plain")
        elif path == b"/order" and basket:
            amount = round(self._sum(basket), 2)
            page = self._page("Thank you", f"{len(basket)} on the way, for {amount:.2f}.")
            if self._report and unit:
                self._report(unit, amount, len(basket))
            await self._answer(send, 200, page, cookie=b"basket=; Path=/; Max-Age=0")
        elif path == b"/order":
            await self._answer(send, 409, b"the basket is empty", b"text/plain")
        else:
            await self._answer(send, 404, b"no such page", b"text/plain")

    def _has_new_form(self, unit: str) -> bool:
        return bool(self._new_form and unit and self._new_form(unit))

    def _form_breaks(self, unit: str) -> bool:
        return self._has_new_form(unit) and self._chance.random() < self._form_error_rate

    def _order_form(self, unit: str) -> str:
        return _form("/order", "Order with one click" if self._has_new_form(unit) else "Order")

    def _price(self, number: int) -> float:
        return (9.5 + 3 * number) * (1 - self._look.discount)

    def _sum(self, basket: list[str]) -> float:
        return sum(self._price(int(p)) for p in basket)

    def _home(self) -> bytes:
        items = "".join(f'<li><a href="/product/{n}">{name}</a>' for n, name in enumerate(PRODUCTS, 1))
        return self._page("The shop", f"<ul>{items}</ul>")

    def _product(self, number: int, name: str) -> bytes:
        price = f"<p>{self._price(number):.2f}" + (" <b>10 % off</b>" if self._look.discount else "")
        return self._page(name, price + _form("/basket", "Add to basket", number))

    def _page(self, title: str, body: str) -> bytes:
        return (
            "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{title}</title><body style='font:18px system-ui;margin:3rem auto;max-width:30rem;"
            f"border-top:8px solid {self._look.colour}'>"
            f"<h1>{title}</h1>{body}<hr><small>shop {self.version} · <a href='/'>all products</a> · "
            "<a href='/support'>help</a></small>"
        ).encode()

    async def _answer(
        self, send: Send, status: int, body: bytes, kind: bytes = b"text/html; charset=utf-8", cookie: bytes = b""
    ) -> None:
        headers: Headers = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"x-shop-version", self.version.encode()),
        ]
        if status == 200 and kind.startswith(b"text/html"):
            headers += self._effect
        if cookie:
            headers.append((b"set-cookie", cookie))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def _form(action: str, label: str, product: int = 0) -> str:
    field = f"<input type=hidden name=product value={product}>" if product else ""
    return f"<form method=post action={action}>{field}<button>{label}</button></form>"


async def _body(receive: Receive) -> bytes:
    """At most 4 kB of it: a basket needs some twenty bytes."""
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body += part[: 4096 - len(body)]
        if not message.get("more_body"):
            return body


def _basket(headers: Headers) -> list[str]:
    """The product numbers in the cookie; what is no product is left out."""
    for part in _header(headers, b"cookie").split(";"):
        key, _, content = part.strip().partition("=")
        if key == "basket":
            return [p for p in content.split(".")[:BASKET_LIMIT] if p in _NUMBERS]
    return []


def _header(headers: Headers, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == wanted), "")


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 1:
        raise argparse.ArgumentTypeError("a rate lies between 0 and 1")
    return rate


def _reporting(url: str, token_file: Path) -> Report:
    from fader.sdk import Tracker

    tracker = Tracker(url, token_file.read_text().strip())

    def report(unit: str, amount: float, items: int) -> None:
        tracker.track("order", unit, {"amount": amount, "items": items})

    return report


def _asking(url: str, key_file: Path) -> tuple[Report, NewForm]:
    """The flag `checkout` decides, and the client tells whom it gave what; orders go the same way."""
    from fader.sdk import Client

    client = Client(url, key_file.read_text().strip())

    def report(unit: str, amount: float, items: int) -> None:
        client.track("order", unit, {"amount": amount, "items": items})

    return report, lambda unit: client.boolean("checkout", False, unit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", choices=sorted(LOOKS), default="v1")
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--error-rate", type=_rate, default=0.0, help="share of the requests that fail, 0..1")
    parser.add_argument("--slow-factor", type=float, default=1.0, help="multiplies the time to answer")
    parser.add_argument("--appeal", type=_rate, default=0.3, help="share of the visitors whom a page persuades to buy")
    parser.add_argument("--confusion", type=_rate, default=0.08, help="share of the visitors who go for help")
    parser.add_argument("--events", default="", metavar="URL", help="the fader server that orders are reported to")
    parser.add_argument("--token-file", type=Path, help="with --events: the file that holds its token for events")
    parser.add_argument("--flags", default="", metavar="URL", help="the server of the flag checkout, and for orders")
    parser.add_argument("--key-file", type=Path, help="with --flags: the file that holds the server key")
    parser.add_argument("--form-error-rate", type=_rate, default=0.0, help="share of the new form's orders that fail")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.events and options.token_file is None:
        parser.error("--events needs --token-file")
    if options.flags and options.key_file is None:
        parser.error("--flags needs --key-file")
    report, new_form = None, None
    if options.events:
        report = _reporting(options.events, options.token_file)
    if options.flags:
        report, new_form = _asking(options.flags, options.key_file)
    shop = Shop(
        options.version,
        options.error_rate,
        options.slow_factor,
        options.seed,
        options.appeal,
        options.confusion,
        report,
        new_form,
        options.form_error_rate,
    )
    uvicorn.run(
        shop,
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=3600,  # the gateway closes idle connections; a shop that does so first loses requests
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
