"""The how-to about outcomes is run: its code reports, its request is taken, its files mean what the page says."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.sdk.test_tracker import TOKENS, Store, serving

from fader.model.metric import Margin
from fader.ports.events import Tracked
from fader.schema import load_document

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "outcomes.md").read_text()
SERVER = "http://127.0.0.1:7070"


class Ledger(Store):
    """Keeps what it took as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Tracked] = []

    def track(self, events: tuple[Tracked, ...]) -> None:
        super().track(events)
        self.taken += events


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_code_reports_orders_of_those_whom_the_gateway_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = blocks("python")
    assert SERVER in code
    (tmp_path / "fader-data").mkdir()
    (tmp_path / "fader-data" / "events-token").write_text(f"{TOKENS.events}\n")
    monkeypatch.chdir(tmp_path)
    store, names = Ledger(), dict[str, Any]()
    with serving(store) as url:
        exec(code.replace(SERVER, url), names)
        names["on_order"]({"x-fader-unit": "ann"}, 19.9, 2)
        names["on_order"]({}, 5.0, 1)
        assert names["tracker"].flush(10.0)
        names["tracker"].close()
    (order,) = store.taken
    assert (order.name, order.unit, dict(order.properties)) == ("order", "ann", {"amount": 19.9, "items": 2.0})


def test_the_request_is_taken_and_once_only() -> None:
    (line,) = (line for text in blocks("sh") for line in text.splitlines() if line.startswith("curl"))
    _, address, _, header, _, body = shlex.split(line.replace("$(cat fader-data/events-token)", TOKENS.events))
    store = Ledger()
    with serving(store) as url:
        for _ in range(2):
            name, _, value = header.partition(": ")
            answer = httpx2.post(address.replace(SERVER, url), headers={name: value}, content=body, trust_env=False)
            assert (answer.status_code, answer.json()) == (202, {"taken": 1})
    assert store.load() == 1
    assert json.loads(body)["events"][0]["unit"] == store.taken[0].unit


def test_the_files_say_what_the_page_says_of_them() -> None:
    first, second = blocks("yaml")
    (rollout,) = load_document(first, "fader.yaml").rollouts
    conversion, revenue = rollout.outcomes
    assert (conversion.tolerate, conversion.smallest) == (Margin("relative", 0.05), Margin("relative", 0.02))
    assert (revenue.metric.cap, revenue.metric.unit) == (500.0, "EUR")
    assert rollout.directions == (("refund", "lower"),)
    services = first.split("metrics:")[0]
    (experimenting,) = load_document(services + second, "fader.yaml").rollouts
    assert experimenting.experiment is not None
    assert (experimenting.experiment.share, experimenting.experiment.duration) == (500_000, 14 * 86_400)
    assert experimenting.experiment.decide == "ask"
