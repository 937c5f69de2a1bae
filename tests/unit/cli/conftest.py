"""A stand-in server: the HTTP contract over canned answers, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from fader.api.edition import Edition
from fader.cli.entry import run
from fader.model.decision import Command, Step
from fader.model.flag import Flag, Rule, Variant
from fader.model.holdout import HoldoutView, MetricReading
from fader.model.metric import Margin, Metric
from fader.model.report import EndpointHealth, GatewayReport
from fader.model.rollout import Outcome, RolloutSpec, Stage
from fader.model.ruleset import Ruleset
from fader.model.segment import Segment
from fader.model.state import Phase, RolloutState
from fader.model.verdict import Judgement, Reading, Signal, Verdict
from fader.model.view import Harm, RolloutView, StageView

TOKEN = "operator-token"
SPEC = RolloutSpec("shop-v2", "shop", "v1", "v2", (Stage(50_000, 600.0), Stage(1_000_000, 0.0)), ())
HARM = Judgement(
    "errors", Verdict.HARMFUL, 0.031, 0.003, 0.028, 0.011, 0.05, 7.5, 3.7, 0.1, 3.7, 0.02, 412, 7810, 31, 22
)
BLIND = Judgement("latency", Verdict.UNKNOWN, missing="no log lines for 20 s")
READ = Reading("conversion", "v2", "worse", 0.18, 0.3, -0.12, -0.14, -0.1, 0.01)
HOLDOUT = HoldoutView(
    "q4", 50_000, (), 1_790_000_000.0, 0.0, 510, 9720, -2.0, False, "q4 holds 5 % of users out.",
    (MetricReading(Outcome(Metric("errors", "proportion"), Margin("relative", 0.1)), READ, "errors is worse."),),
)  # fmt: skip
FOUND = Signal("event", "refund", 30, 190, 3.0, 1.5, 1e300, 9.0, 4.0, harmful=True)
VIEW = RolloutView(
    name="shop-v2",
    service="shop",
    baseline="v1",
    candidate="v2",
    spec=SPEC,
    state=RolloutState("shop-v2", Phase.RAMPING, revision=3, stage=0, share=50_000),
    headline="v2 serves 5 % of users.",
    waits=("errors need about 900 more users",),
    stages=(StageView(0, 50_000, 600.0, "auto", "current"), StageView(1, 1_000_000, 0.0, "auto", "ahead")),
    judgements=(HARM, BLIND),
    units_exposed=412,
    units_harmed=12,
    seconds_to_decision=0.0,
    needs_person="",
    commands=("pause", "promote", "abort"),
    readings=(READ,),
    signals=(FOUND,),
    reading_sentences=("conversion is worse.",),
    signal_sentences=("event refund: 3 times as many.",),
    plan="2 pp in conversion need 9,000 users.",
    verdict="The experiment says no.",
    harm=Harm(7, 11, 2.4, 11.0),
)


def step(seq: int, before: Phase, after: Phase, **more: Any) -> Step:
    return Step(
        seq, "shop-v2", 1_790_000_000.0 + seq, SPEC, RolloutState("shop-v2", before),
        RolloutState("shop-v2", after, share=50_000), event=after.value, reason=f"because {seq}", **more,
    )  # fmt: skip


STEPS = (
    step(1, Phase.PENDING, Phase.LEARNING, actor="ann", command=Command("start", "ann", "ship it")),
    step(2, Phase.LEARNING, Phase.RAMPING, judgements=(HARM,)),
)

FLAG = {
    "flag": {
        "name": "checkout", "kind": "boolean", "enabled": False, "variants": [{"name": "on"}, {"name": "off"}],
        "off": "off", "rules": [{}, {}], "owner": "shop team",
        "move": {"rollout": "new-form", "candidate": "on", "interval": {"start": 0, "width": 50_000}},
    },
    "switches": [
        {"flag": "checkout", "enabled": False, "actor": "ann", "at": 1_790_000_000.0, "reason": "orders fail"},
    ],
    "since": 1_790_000_000.0,
    "stale": ["everybody has had off for 90 days"],
}  # fmt: skip

ON_OFF = (Variant("on", True), Variant("off", False))
RULESET = Ruleset(
    7,
    flags=(
        Flag("checkout", "boolean", ON_OFF, "off", "off", rules=(Rule("on", 'country == "US" && segment("staff")'),)),
        Flag("gradual", "boolean", ON_OFF, "off", "off", rules=(Rule("on", share=50_000, name="few"),)),
    ),
    segments=(Segment("staff", 'email.endsWith("@example.com")', ("o'neil",)),),
)


@dataclass
class Shop:
    """What the stand-in knows. `views` are answered one after the other, the last one for ever."""

    views: list[RolloutView] = field(default_factory=lambda: [VIEW])
    replays: list[str] = field(default_factory=lambda: ["same", "same"])
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    channels: list[str] = field(default_factory=lambda: ["oncall"])
    holdouts: list[HoldoutView] = field(default_factory=lambda: [HOLDOUT])
    down: tuple[int, bytes] | None = None
    url: str = ""

    def channel(self, name: str) -> Any:
        failing = "answered with HTTP 500" if name == "broken" else ""
        return {"channel": {"name": name}, "place": "https://h", "waiting": 2, "failing": failing, "dropped": 3}

    def next_view(self) -> RolloutView:
        return self.views.pop(0) if len(self.views) > 1 else self.views[0]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        parts = [unquote(p) for p in path.partition("?")[0].strip("/").split("/")]
        match method, parts:
            case "GET", ["v1", "rollouts"]:
                service = {"name": "shop", "listen": "127.0.0.1:8080", "baseline": "v1", "versions": ["v1", "v2"]}
                gateway = GatewayReport(
                    "g1", 1.0, 2, 3.0, 4, 5.0, error="refused: bad cluster",
                    endpoints=(EndpointHealth("shop", "v2", "127.0.0.1:9002", False, "connection refused"),),
                )  # fmt: skip
                held = replace(
                    VIEW, name="api-v2", needs_person="errors rose: a person must act", headline="api-v2 is held."
                )
                return 200, {
                    "environment": "staging", "rollouts": [VIEW, held],
                    "services": [service | {"active": "shop-v2"}], "gateways": [gateway],
                    "url": "https://fader.example.com",
                }  # fmt: skip
            case _, ["v1", "rollouts", "nobody", *_]:
                return 404, {"title": "Not found", "detail": "there is no rollout nobody; there is shop-v2"}
            case "GET", ["v1", "holdouts"]:
                return 200, {"holdouts": self.holdouts}
            case "GET", ["v1", "holdouts", "q4"]:
                return 200, HOLDOUT
            case "GET", ["v1", "rollouts", _]:
                url = "https://fader.example.com/rollouts/shop-v2"
                return 200, {**msgspec.to_builtins(self.next_view()), "url": url}
            case "GET", ["v1", "rollouts", _, "why"]:
                steps = [
                    msgspec.to_builtins(s)
                    | {"sentence": f"sentence {s.seq}", "findings": [f"finding {s.seq}"], "replay": r}
                    for s, r in zip(STEPS, self.replays, strict=False)
                ]
                return 200, {"steps": steps}
            case "POST", ["v1", "rollouts", _, "preview"]:
                return 200, {"rollout": "shop-v2", "url": "http://127.0.0.1:8080/?p=s3", "header": "x-p", "value": "s3"}
            case "POST", ["v1", "rollouts", _, "start"]:
                return 409, {"title": "Refused", "detail": "shop-v1 is active on shop: finish it first"}
            case "POST", ["v1", "rollouts", _, command]:
                return 200, replace(VIEW, headline=f"{command}: done.")
            case "POST", ["v1", ("plan" | "apply")]:
                if "silent" in body["text"]:
                    problem = {"message": "v2 does not answer", "fix": "start it", "path": body["path"], "line": 4}
                    return 422, {"title": "Bad input", "detail": "x", "problems": [problem]}
                same = parts[1] == "apply" and "again" in body["text"]
                return 200, {
                    "changes": [
                        *(
                            {"kind": "flag", "name": f"f{i}", "action": "same", "detail": ""}
                            for i in range(body["text"].count("f"))
                        ),
                        {"kind": "service", "name": "shop", "action": "same" if same else "add", "detail": ""},
                        {"kind": "rollout", "name": "shop-v2", "action": "same", "detail": "ramping"},
                    ],
                    "warnings": [f"{body['path']}:3: reachable from other machines"],
                }
            case "GET", ["v1", "flags"]:
                return 200, {"flags": [FLAG]}
            case "GET", ["v1", "sdk", "ruleset"]:
                return 200, json.loads(Edition(RULESET).body)
            case "POST", ["v1", "flags", "checkout", ("on" | "off") as position]:
                return 200, FLAG | {"flag": FLAG["flag"] | {"enabled": position == "on"}}
            case "POST", ["v1", "flags", "checkout", "explain"]:
                stops = [
                    {"what": "switch", "found": "on", "decided": False},
                    {"what": "us", "found": "holds: on", "decided": True},
                ]
                return 200, {"stops": stops, "answer": {"variant": "on", "reason": "TARGETING_MATCH", "value": True}}
            case _, ["v1", "flags", "none", *_]:
                return 404, {"title": "Not found", "detail": "there is no flag named 'none'; there are: checkout"}
            case "PUT", ["v1", "codebases", name]:
                named = sum(one["references"] > 0 for one in body["flags"])
                return 200, {
                    "codebase": {"name": name, "at": 1.0, "actor": "ann"},
                    "named": named,
                    "gone": ["old-form"],
                }
            case "DELETE", ["v1", "codebases", "none"]:
                return 404, {"title": "Not found", "detail": "there is no codebase named 'none'; there are: shop"}
            case "DELETE", ["v1", "codebases", name]:
                return 200, {"name": name, "at": 1.0, "actor": "ann"}
            case "GET", ["v1", "notifications"]:
                return 200, {"channels": [self.channel(name) for name in self.channels]}
            case "POST", ["v1", "notifications", name, "test"]:
                return 200, self.channel(name)
            case "DELETE", ["v1", "units", _]:
                return 200, {"erased": 7}
        return 500, {"detail": f"unexpected {method} {path}"}


class Handler(BaseHTTPRequestHandler):
    server: Stand

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def _serve(self) -> None:
        shop = self.server.shop
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(raw) if raw else None
        shop.asked.append((self.command, self.path, body))
        if self.path == "/v1/health":
            self._reply(200, b'{"status":"ok","version":"0.1.0"}')
        elif shop.down:
            self._reply(*shop.down)
        elif self.headers.get("authorization") != f"Bearer {TOKEN}":
            self._reply(401, b'{"title":"No entry","detail":"give the token"}')
        elif self.path == "/v1/changes":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b": fader\n\nevent: changed\ndata: other\n\nevent: changed\ndata: shop-v2\n\n")
        else:
            status, answer = shop.answer(self.command, self.path, body)
            self._reply(status, msgspec.json.encode(answer))

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Stand(ThreadingHTTPServer):
    shop: Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Stand(("127.0.0.1", 0), Handler)
    server.shop = Shop(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.shop
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Fader = Callable[..., Ended]


@pytest.fixture
def fader(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fader:
    """Run the command against the stand-in, with the token of its data directory."""
    (tmp_path / "token").write_text(TOKEN + "\n")

    def call(*arguments: str) -> Ended:
        code = run([*arguments, "--server", shop.url, "--data-dir", str(tmp_path)])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call
