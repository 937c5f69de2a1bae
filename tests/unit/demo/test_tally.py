from fader.demo.tally import Tally


def test_no_answer_and_500_are_failures_and_only_gets_are_reads() -> None:
    tally = Tally()
    for method, status in [("GET", 200), ("GET", 404), ("GET", 503), ("GET", 0), ("POST", 500), ("POST", 409)]:
        tally.count(method, status, "v1" if status else "")
    assert (tally.requests, tally.failed, tally.failed_reads) == (6, 3, 2)
    assert tally.by_version == {"v1": 5}
