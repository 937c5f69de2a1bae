from collections import Counter
from random import Random

from fader.demo.visitor import Visit, Visitor


def test_a_visitor_keeps_the_cookies_it_is_given() -> None:
    visitor = Visitor()
    visitor.saw(Visit("GET", "/"), 200, ["fader_uid=abc; Path=/; HttpOnly", "basket=3; Path=/"])
    visitor.saw(Visit("GET", "/"), 200, ["basket=3.4; Path=/"])
    assert visitor.cookie_header == "fader_uid=abc; basket=3.4"


def test_a_cookie_with_max_age_0_is_forgotten() -> None:
    visitor = Visitor(cookies={"fader_uid": "abc", "basket": "3"})
    visitor.saw(Visit("POST", "/order"), 200, ["basket=; Path=/; Max-Age=0"])
    assert visitor.cookie_header == "fader_uid=abc"


def test_a_value_may_hold_an_equals_sign() -> None:
    visitor = Visitor()
    visitor.saw(Visit("GET", "/"), 200, ["session=YWJj==; Path=/"])
    assert visitor.cookies == {"session": "YWJj=="}


def test_nothing_is_ordered_before_something_lies_in_the_basket() -> None:
    visitor, chance = Visitor(), Random(1)
    for _ in range(500):
        visit = visitor.next_visit(chance)
        assert visit.path != "/order" or visitor.basket > 0
        if visit.path == "/basket":
            assert visit.body == f"product={visitor.looking_at}"
        visitor.saw(visit, 200, [])


def test_visitors_browse_choose_and_order() -> None:
    visitor, chance, paths = Visitor(), Random(7), Counter[str]()
    for _ in range(2000):
        visit = visitor.next_visit(chance)
        paths[visit.path] += 1
        visitor.saw(visit, 200, [])
    assert min(paths[p] for p in ("/", "/product/1", "/basket", "/order")) > 20
    assert paths["/order"] <= paths["/basket"]


def test_a_basket_that_failed_is_still_empty_and_an_order_that_failed_can_be_repeated() -> None:
    visitor = Visitor(looking_at=3)
    visitor.saw(Visit("POST", "/basket", "product=3"), 500, [])
    assert (visitor.basket, visitor.looking_at) == (0, 3)
    visitor.saw(Visit("POST", "/basket", "product=3"), 200, [])
    visitor.saw(Visit("POST", "/order"), 0, [])
    assert visitor.basket == 1


def test_a_shop_that_lost_the_basket_is_believed() -> None:
    visitor = Visitor(basket=2)
    visitor.saw(Visit("POST", "/order"), 409, [])
    assert visitor.basket == 0


def test_the_same_seed_makes_the_same_visits() -> None:
    def visits(seed: int) -> list[Visit]:
        visitor, chance = Visitor(), Random(seed)
        return [visitor.next_visit(chance) for _ in range(50)]

    assert visits(3) == visits(3)
    assert visits(3) != visits(4)
