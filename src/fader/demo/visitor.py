"""One simulated visitor: a cookie jar, a disposition, and a habit of looking, choosing and ordering. No I/O."""

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


@dataclass(frozen=True, slots=True)
class Effect:
    """What a page does to people, as it says itself: the share whom it persuades to buy, and the share whom it leaves
    with a question."""

    appeal: float = 0.0
    confusion: float = 0.0


@dataclass(slots=True)
class Visitor:
    """`next_visit` says what the visitor asks for now, `saw` what the answer changes.

    `reserve` and `poise`, in [0, 1), are who the visitor is: a page whose appeal exceeds the reserve persuades, one
    whose confusion exceeds the poise leaves a question. Only pages are acted on: nobody knows a version.
    """

    reserve: float = 0.5
    poise: float = 0.5
    cookies: dict[str, str] = field(default_factory=dict)
    looking_at: int = 0
    basket: int = 0
    page: Effect = Effect()

    def next_visit(self, chance: Random) -> Visit:
        if self.page.confusion > self.poise and chance.random() < 0.2:
            return Visit("GET", "/support")
        if self.page.appeal > self.reserve and chance.random() < 0.7:
            if self.basket:
                return Visit("POST", "/order")
            if self.looking_at:
                return Visit("POST", "/basket", f"product={self.looking_at}")
        if chance.random() < 0.3:
            self.looking_at = 0
            return Visit("GET", "/")
        self.looking_at = chance.randint(1, PRODUCTS)
        return Visit("GET", f"/product/{self.looking_at}")

    def saw(self, visit: Visit, status: int, set_cookies: list[str], page: Effect | None = None) -> None:
        """`set_cookies`: the values of the Set-Cookie headers; `page`: None where the answer was no page.

        An order or basket that failed leaves all as it was.
        """
        for line in set_cookies:
            pair, _, attributes = line.partition(";")
            name, _, value = pair.strip().partition("=")
            if "max-age=0" in attributes.lower().replace(" ", ""):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        if page is not None:
            self.page = page
        if 200 <= status < 300 and visit.method == "POST":
            self.basket = self.basket + 1 if visit.path == "/basket" else 0
            self.looking_at = 0
        elif status == 409:  # the shop holds the basket to be empty, and it is right
            self.basket = 0

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def people(number: int, chance: Random) -> list[Visitor]:
    """Visitors whose dispositions are spread evenly: exactly 30 % of them can be persuaded by an appeal of 0.3."""
    ranks = [[(i + 0.5) / number for i in range(number)] for _ in range(2)]
    for rank in ranks:
        chance.shuffle(rank)
    return [Visitor(reserve, poise) for reserve, poise in zip(*ranks, strict=True)]
