from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.model.evidence import Evidence, MetricEvidence
from fader.model.report import GatewayReport
from fader.model.service import Address, Service, Version
from fader.model.summary import ArmSummary, Histogram
from fader.model.verdict import Judgement, Verdict

arms = st.builds(ArmSummary, *(st.integers(0, 1000) for _ in range(11)))


@given(arms, arms, arms)
def test_summaries_merge_by_adding(a: ArmSummary, b: ArmSummary, c: ArmSummary) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + ArmSummary() == a


def test_a_histogram_counts() -> None:
    assert Histogram((1, 4), (3, 2)).total == 5


def test_evidence_that_did_not_arrive_says_so() -> None:
    there = MetricEvidence("errors")
    assert Evidence(0.0, 0, (there,)).metric("errors") is there
    assert Evidence(0.0, 0, (there,)).metric("latency").missing == "no evidence for latency arrived"


def test_addresses() -> None:
    assert str(Address("127.0.0.1", 80)) == "127.0.0.1:80"
    assert str(Address("::1", 80)) == "[::1]:80"


def test_versions_by_name() -> None:
    v1 = Version("v1", (Address("localhost", 1),))
    service = Service("shop", Address("localhost", 2), (), (v1,), "v1")
    assert service.version("v1") is v1
    with pytest.raises(KeyError):
        service.version("v2")


def test_a_gateway_that_just_started_has_counted_nothing() -> None:
    assert GatewayReport("g", 0.0, 1, 0.0, 0, 0.0).counts == ()


@pytest.mark.parametrize(
    ("verdict", "log_e", "passes"),
    [
        (Verdict.SAFE, 3.0, True),
        (Verdict.TOLERATED, 3.0, True),
        (Verdict.TOLERATED, 2.9, False),
        (Verdict.HARMFUL, 9.0, False),
        (Verdict.UNDECIDED, 9.0, False),
        (Verdict.UNKNOWN, 9.0, False),
    ],
)
def test_who_may_pass(verdict: Verdict, log_e: float, passes: bool) -> None:
    assert Judgement("m", verdict, log_e_safe=log_e, safe_threshold=3.0).proven_safe is passes
    assert not Judgement("m", verdict, log_e_safe=log_e).proven_safe
