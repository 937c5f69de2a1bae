"""One simulated visitor: a cookie jar, and a habit of looking, choosing and, now and then, ordering. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

#: What the shop has on its shelves.
PRODUCTS = 10


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to make."""

    method: str
    path: str
    body: str = ""


@dataclass(slots=True)
class Visitor:
    """`next_visit` says what the visitor asks for now, `saw` what the answer changes: cookies and the basket."""

    cookies: dict[str, str] = field(default_factory=dict)
    looking_at: int = 0
    basket: int = 0

    def next_visit(self, chance: Random) -> Visit:
        luck = chance.random()
        if self.basket and luck < 0.15:
            return Visit("POST", "/order")
        if self.looking_at and luck < 0.35:
            return Visit("POST", "/basket", f"product={self.looking_at}")
        if luck < 0.55:
            self.looking_at = 0
            return Visit("GET", "/")
        self.looking_at = chance.randint(1, PRODUCTS)
        return Visit("GET", f"/product/{self.looking_at}")

    def saw(self, visit: Visit, status: int, set_cookies: list[str]) -> None:
        """`set_cookies`: the values of the Set-Cookie headers. An order or basket that failed leaves all as it was."""
        for line in set_cookies:
            pair, _, attributes = line.partition(";")
            name, _, value = pair.strip().partition("=")
            if "max-age=0" in attributes.lower().replace(" ", ""):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        if 200 <= status < 300 and visit.method == "POST":
            self.basket = self.basket + 1 if visit.path == "/basket" else 0
            self.looking_at = 0
        elif status == 409:  # the shop holds the basket to be empty, and it is right
            self.basket = 0

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())
