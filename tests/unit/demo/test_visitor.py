from collections import Counter
from random import Random

from fader.demo.visitor import Effect, Visit, Visitor, people


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


def live(visitor: Visitor, page: Effect, visits: int, seed: int = 1) -> Counter[str]:
    """What a visitor asks for who is shown such pages all the time, by path."""
    chance, paths = Random(seed), Counter[str]()
    for _ in range(visits):
        visit = visitor.next_visit(chance)
        assert visit.path != "/order" or visitor.basket > 0
        if visit.path == "/basket":
            assert visit.body == f"product={visitor.looking_at}"
        paths[visit.path] += 1
        visitor.saw(visit, 200, [], page)
    return paths


def test_whom_a_page_persuades_browses_chooses_and_orders() -> None:
    paths = live(Visitor(reserve=0.29), Effect(appeal=0.3), 500)
    assert min(paths[p] for p in ("/", "/basket", "/order")) > 20
    assert paths["/order"] <= paths["/basket"]


def test_whom_it_does_not_persuade_looks_and_never_buys() -> None:
    paths = live(Visitor(reserve=0.31), Effect(appeal=0.3), 500)
    assert (paths["/basket"], paths["/order"]) == (0, 0)
    assert paths["/"] > 20


def test_whom_a_page_confuses_goes_for_help() -> None:
    assert live(Visitor(poise=0.07), Effect(confusion=0.08), 500)["/support"] > 20
    assert live(Visitor(poise=0.09), Effect(confusion=0.08), 500)["/support"] == 0


def test_another_page_changes_what_a_visitor_does_and_a_failure_does_not() -> None:
    visitor = Visitor(reserve=0.2, page=Effect(appeal=0.3))
    visitor.saw(Visit("GET", "/"), 500, [])
    assert visitor.page.appeal == 0.3
    visitor.saw(Visit("GET", "/"), 200, [], Effect(appeal=0.18))
    assert live(visitor, Effect(appeal=0.18), 200)["/basket"] == 0


def test_a_buyer_buys_within_seconds_and_not_within_minutes() -> None:
    """At a visit every 2.5 s, nearly every buyer has ordered within half a minute: a stage shows whom it persuades."""
    slow = sum(live(Visitor(reserve=0.0), Effect(appeal=0.3), 12, seed)["/order"] == 0 for seed in range(300))
    assert slow <= 15


def test_dispositions_are_spread_evenly_and_independently() -> None:
    crowd = people(1000, Random(1))
    assert sum(v.reserve < 0.3 for v in crowd) == 300
    assert sum(v.poise < 0.08 for v in crowd) == 80
    assert 5 < sum(v.reserve < 0.3 and v.poise < 0.08 for v in crowd) < 45  # 24 expected
    assert [v.reserve for v in people(50, Random(2))] == [v.reserve for v in people(50, Random(2))]
    assert [v.reserve for v in people(50, Random(2))] != [v.reserve for v in people(50, Random(3))]


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
