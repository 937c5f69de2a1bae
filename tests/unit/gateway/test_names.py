from hypothesis import given
from hypothesis import strategies as st

from fader.gateway.names import bind, listener, share_key, token, version_cluster
from fader.model.ruleset import Split
from fader.model.service import Address, Service
from fader.model.share import Interval

NAMES = st.text(min_size=1, max_size=8)


def key(service: str, rollout: str, candidate: str) -> str:
    split = Split(rollout, candidate, "s", Interval(0, 0), "connect", "")
    return share_key(Service(service, Address("h", 1), (), (), ""), split)


@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
def test_different_names_never_meet(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (key(*one) == key(*other)) == (one == other)
    assert (version_cluster(*one[:2]) == version_cluster(*other[:2])) == (one[:2] == other[:2])


@given(NAMES)
def test_a_token_is_safe_in_a_key(name: str) -> None:
    assert token(name).isascii()
    assert not set(token(name)) & set('./: "\\{}=,')


def test_usual_names_stay_as_they_are() -> None:
    assert key("shop", "shop-v2", "v2") == "fader.shop.shop-v2.v2"
    assert listener(Address("127.0.0.1", 8080)) == "127_0_0_1_8080"
    assert listener(Address("::1", 80)) == "__1_80"


def test_localhost_is_an_address() -> None:
    assert bind(Address("localhost", 1)) == "127.0.0.1"
    assert listener(Address("localhost", 1)) == listener(Address("127.0.0.1", 1))
