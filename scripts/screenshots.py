"""Photographs every page of the dashboard into docs/images/dashboard: light and dark, wide and narrow, with nothing,
with a usual day and with as much as there can be.

    python scripts/screenshots.py [--all FOLDER] [PAGE ...]

The pages are those of a play (`tests/dashboard_twin`). The docs show the usual day, wide in the light and narrow in the
dark; `--all` photographs everything else too, to be looked at, into a folder of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from dashboard_twin import flags, holdouts, scenes, services  # noqa: E402
from dashboard_twin.control import ScriptedControl  # noqa: E402
from dashboard_twin.server import serving  # noqa: E402
from fader.model.applied import Applied, Change  # noqa: E402
from fader.model.channel import Channel  # noqa: E402
from fader.model.reach import SegmentReach  # noqa: E402
from fader.model.settings import Settings  # noqa: E402
from fader.model.written import Written  # noqa: E402

IMAGES = ROOT / "docs" / "images" / "dashboard"
CHROMIUM = "/usr/bin/chromium"
#: Of these the docs show the usual day.
SHOWN = ((1440, "light"), (390, "dark"))
#: What the page of the configuration holds.
FILE = """\
services:
  shop:
    listen: 127.0.0.1:8080
    unit: [{header: x-user-id}, {cookie: fader_uid, issue: true}]
    versions: {v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}
    baseline: v1
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: [5%, 10%, 25%, 50%, 100%]
    bake: 10m
    guardrails: {errors: {tolerate: 0.2pp}, latency: {tolerate: 10%}}
flags:
  new-checkout:
    owner: payments
    rules:
      - {variant: on, when: 'segment("staff")'}
      - {variant: on, when: 'country == "US"', share: 30%, name: first-users}
segments:
  staff: {when: 'email.endsWith("@example.com")', units: [ann]}
"""
#: No picture is larger; bytes.
LARGEST = 150_000


@dataclass(frozen=True)
class Page:
    """`address` on a usual day; `empty` and `extreme` where it shows something else then, "" for not at all."""

    name: str
    address: str
    empty: str = ""
    extreme: str = ""


LONG = scenes.LONG
PAGES = (
    Page("overview", "/", "/", "/"),
    Page("ramp", "/rollouts/shop-v2"),
    Page("rollout", "/rollouts/checkout-v7", "/rollouts/mail-v2", f"/rollouts/{LONG}"),
    Page("experiment", "/rollouts/shop-v3"),
    Page("moved", "/rollouts/new-form"),
    Page("experiments", "/experiments", "/experiments", "/experiments"),
    Page("holdout", "/holdouts/q4", "", f"/holdouts/{LONG}"),
    Page("flags", "/flags", "/flags", "/flags"),
    Page("flag", "/flags/new-checkout?unit=u1&attributes=country%3DUS", "", f"/flags/{LONG}"),
    Page("metrics", "/metrics-defined", "/metrics-defined", "/metrics-defined"),
    Page("metric", "/metrics-defined/conversion", "", "/metrics-defined/latency"),
    Page("services", "/services", "/services", "/services"),
    Page("service", "/services/shop", "", f"/services/{services.LONG_SERVICE}"),
    Page("units", "/units", "/units"),
    Page("audit", "/audit", "/audit", "/audit"),
    Page("settings", "/settings", "/settings", "/settings"),
    Page("configuration", "/configuration?flag=new-checkout", "/configuration", "/configuration"),
    Page("login", "/login"),
)


def empty(_now: float) -> ScriptedControl:
    return ScriptedControl()


def usual(now: float) -> ScriptedControl:
    every, segments = flags.everything()
    control = ScriptedControl(
        *scenes.everything(now),
        scenes.ramping_flag(now),
        gateways=scenes.gateways(now),
        services=services.everything(now),
        live=services.live(),
        flags=(tuple(replace(f, expires="2026-10-31" if f.name == "theme" else "") for f in every), segments),
        clock=lambda: now - 900,
    )
    flags.report(control.states, flags.searches(now))
    control.flags.switch("limits", False, "ann", "not before Monday")
    control.flags.switch("theme", False, "ann", "the red one is unreadable")
    control.flags.switch("theme", True, "bob", "mended")
    control.learning = scenes.learnt()
    changes = (Change("rollout", "mail-v2", "add"), Change("flag", "theme", "change", "expires"))
    control.states.write(Written(FILE, "", now - 60, "ann"), Applied(now - 60, "ann", "", changes))
    control.failed["checkout-v7"] = control.failed["shop-v2"] = scenes.failures(now)
    control.reached["checkout-v7"] = control.reached["shop-v2"] = scenes.reach()
    tell(control, scenes.channels()[:2])
    control.holding = (holdouts.usual(now), holdouts.ended(now))
    return control


def extreme(now: float) -> ScriptedControl:
    control = ScriptedControl(
        *scenes.everything(now),
        scenes.loaded(now),
        *(scenes.completed(now - 3600 * i, f"{LONG[:58]}-{i:04}", f"service-{i % 7}") for i in range(500)),
        gateways=scenes.gateways(now),
        services=(*services.everything(now), services.extreme(now)),
        live=services.live(),
        flags=flags.extreme(),
    )
    flags.report(control.states, flags.many_searches(now))
    control.play(scenes.pending(now))
    control.learning = scenes.learnt()
    control.holding = (holdouts.fresh(now), holdouts.mismatched(now), holdouts.usual(now), holdouts.ended(now))
    control.failed[LONG] = scenes.failures(now) * 3
    control.reached[LONG] = replace(
        scenes.reach(),
        segments=tuple(SegmentReach(f"{LONG[:58]}-{i:02}", 100_000, 90_000 - i, 12_345) for i in range(20)),
        uncounted=tuple(f"{LONG[:58]}-{i:02}" for i in range(20, 60)),
    )
    tell(control, tuple(replace(c, name=f"{LONG[:60]}-{i:02}") for i, c in enumerate(scenes.channels() * 4)))
    control.states.write(Written(FILE * 40, "/etc/fader/production/fader.yaml", now - 7200, "ci"))
    return control


def tell(control: ScriptedControl, channels: tuple[Channel, ...]) -> None:
    """Channels that were tried: the first one takes what it is sent, the others do not."""
    states = control.states
    states.apply(
        (),
        (),
        states.flags(),
        states.segments(),
        settings=Settings(channels, "https://trace.example.com/trace/{trace_id}"),
    )
    control.messenger.down |= {c.name: "answered with HTTP 410: channel_is_archived" for c in channels[1:]}

    async def tried() -> None:
        for channel in channels:
            await control.notifier.test(channel.name, "ann")

    with ThreadPoolExecutor() as aside:  # the browser's driver keeps the loop of this thread
        aside.submit(asyncio.run, tried()).result()


PLAYS: dict[str, Callable[[float], ScriptedControl]] = {"empty": empty, "usual": usual, "extreme": extreme}


def photograph(browser: Browser, url: str, path: Path, width: int, scheme: str) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 900 if width > 1000 else 844},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        timezone_id="UTC",
        locale="en-GB",
    )
    page.goto(url)
    page.wait_for_timeout(400)
    whole = min(page.evaluate("document.documentElement.scrollHeight"), 1500 if width > 1000 else 2200)
    page.set_viewport_size({"width": width, "height": whole})
    page.wait_for_timeout(200)
    for quality in (80, 60, 45, 30):
        page.screenshot(path=path, type="jpeg", quality=quality)
        if path.stat().st_size <= LARGEST:
            break
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="names of pages; all without")
    parser.add_argument("--all", type=Path, help="a folder for what the docs do not show")
    options = parser.parse_args()
    chosen = [p for p in PAGES if not options.pages or p.name in options.pages]
    IMAGES.mkdir(parents=True, exist_ok=True)
    if options.all:
        options.all.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for state, play in PLAYS.items():
            if state != "usual" and not options.all:
                continue
            for page in chosen:
                address = page.address if state == "usual" else getattr(page, state)
                control = play(time.time())  # anew for each page: what came in the last minute is still there
                with serving(control) as served:
                    for width, scheme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
                        shown = state == "usual" and (width, scheme) in SHOWN
                        if not address or not (shown or options.all):
                            continue
                        folder = IMAGES if shown else options.all
                        name = (
                            f"{page.name}-{width}-{scheme}.jpg"
                            if shown
                            else f"{page.name}-{state}-{width}-{scheme}.jpg"
                        )
                        photograph(browser, served.url + address, folder / name, width, scheme)
                        print(folder / name, flush=True)
        browser.close()


if __name__ == "__main__":
    main()
