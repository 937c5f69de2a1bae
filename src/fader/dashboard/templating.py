"""Templates with autoescape on, and the few filters that they use. Nothing is marked safe but what is made here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from jinja2.meta import find_undeclared_variables
from markupsafe import Markup
from starlette.responses import HTMLResponse

from fader.dashboard import digits
from fader.model.decision import Step
from fader.model.metric import Metric
from fader.model.settings import TRACE_ID
from fader.rollout import words

HERE = Path(__file__).parent


@lru_cache(maxsize=10_000)
def moment(at: float, style: str = "clock") -> Markup:
    """A time that the page's script puts into the reader's zone; without script it is read in UTC.

    `style`: `clock` is the time of day, `ago` and `until` count beside it; `date` is for what may be long past.
    """
    if at <= 0:
        return Markup('<span class="none">never</span>')
    when = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}" title="{}" data-style="{}">{}</time>').format(
        when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        f"{when:%Y-%m-%d %H:%M:%S} UTC",
        style,
        f"{when:%Y-%m-%d %H:%M} UTC" if style == "date" else f"{when:%H:%M} UTC",
    )


def metric(step: Step, name: str) -> Metric:
    """What the step judged or read under that name; a share of requests where its spec does not say."""
    return next((w.metric for w in step.spec.watched if w.metric.name == name), Metric(name, "proportion"))


def address(rollout: str) -> str:
    """The path of a rollout's page."""
    return f"/rollouts/{quote(rollout, safe='')}"


def service_address(service: str) -> str:
    """The path of a service's page."""
    return f"/services/{quote(service, safe='')}"


def flag_address(flag: str) -> str:
    """The path of a flag's page."""
    return f"/flags/{quote(flag, safe='')}"


def trace_address(trace: str, template: str) -> str:
    """Where a trace is looked at; the template was checked when it was applied."""
    return template.replace(TRACE_ID, quote(trace, safe=""))


def metric_address(metric: str) -> str:
    """The path of a metric's page."""
    return f"/metrics-defined/{quote(metric, safe='')}"


def holdout_address(holdout: str) -> str:
    """The path of a holdout's page."""
    return f"/holdouts/{quote(holdout, safe='')}"


@lru_cache
def environment_of() -> Environment:
    """One for all: what a template was compiled to serves every page of the process."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # they are files of the wheel: nobody writes them anew meanwhile
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        blamed=digits.blamed,
        caused=words.caused,
        count=digits.count,
        rate=digits.rate,
        effect=digits.effect,
        effects=digits.effects,
        level=digits.level,
        margin=digits.margin,
        measure=digits.measure,
        metric=metric,
        times=digits.times,
        span=digits.span,
        percent=digits.share,
        moment=moment,
        address=address,
        service_address=service_address,
        flag_address=flag_address,
        metric_address=metric_address,
        holdout_address=holdout_address,
        trace_address=trace_address,
        throughput=digits.throughput,
        milliseconds=digits.milliseconds,
        trusted=Markup,
    )
    return environment


@cache
def reads(template: str) -> tuple[tuple[str, str], ...]:
    """What a template may read of its context: names, each with "" where it is read whole, or with the attribute that
    is read of it. It must include no other template; one that it imports sees only what it is given."""
    tree = environment_of().parse((HERE / "templates" / template).read_text(encoding="utf-8"))
    given = find_undeclared_variables(tree)
    found: set[tuple[str, str]] = set()

    def look(node: nodes.Node) -> None:
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
            found.add((node.node.name, node.attr))
            return
        if isinstance(node, nodes.Name):
            found.add((node.name, ""))
        for child in node.iter_child_nodes():
            look(child)

    look(tree)
    return tuple(sorted((n, a) for n, a in found if n in given and not (a and (n, "") in found)))


def made_from(template: str, context: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the template reads of this context: as long as that is the same, so is what it renders. Names that are not
    there are its own."""
    return tuple(
        getattr(context[name], attribute) if attribute else context[name]
        for name, attribute in reads(template)
        if name in context
    )


def prepare() -> None:
    """Compile every template, so that the first page that is asked for need not wait for it."""
    for name in environment_of().list_templates(extensions=["html"]):
        environment_of().get_template(name)
        if name.startswith("rollout_"):
            reads(name)


class Templates:
    """`trusted` is for what these templates (or `chart.safe_json`) have made themselves: it is escaped already."""

    def __init__(self, of: str = "") -> None:
        """`of`: the environment that this installation is, said at the head of every page; "" for none."""
        self._environment = environment_of()
        self._of = of

    def render(self, name: str, /, **context: Any) -> str:
        return self._environment.get_template(name).render({"of": self._of, **context})

    def page(self, name: str, /, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A whole page. Never stored: it shows a moment, and only to who is signed in."""
        return HTMLResponse(self.render(name, **context), status, headers={"Cache-Control": "no-store"})
