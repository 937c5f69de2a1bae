"""Changing the configuration in the page: seen before it applies, told at its lines, read-only where a file has it."""

import html
import re
from collections.abc import Callable

import httpx2
import pytest

from dashboard_twin import flags
from dashboard_twin.control import ScriptedControl
from fader.dashboard.configuration import DiffLine, diff, line_of
from fader.model.written import Written
from fader.schema import load_document

Made = Callable[[ScriptedControl], httpx2.AsyncClient]
OLD = "flags:\n  theme:\n    rules: [{variant: on, share: 10%, name: first}]\n"
NEW = OLD.replace("10%", "20%")


async def applied(text: str, path: str = "") -> ScriptedControl:
    control = ScriptedControl(clock=lambda: 1_764_000_000.0)
    await control.applier.apply(load_document(text, path or "fader.yaml"), Written(text, path, actor="ann"))
    return control


def seen(page: httpx2.Response) -> str:
    [found] = re.findall(r'name="seen" value="(\w+)"', page.text)
    return found


async def test_a_change_is_seen_before_it_applies(client: Made) -> None:
    control = await applied(OLD)
    async with client(control) as http:
        before = await http.get("/configuration")
        assert html.escape(OLD, quote=False).rstrip() in before.text
        assert "Apply this" not in before.text
        planned = await http.post("/configuration/plan", data={"text": NEW.replace("\n", "\r\n")})
        assert "<b>theme</b>: rules" in planned.text
        assert 'class="d-drop"' in planned.text
        assert "20%" in planned.text
        assert control.states.flags()[0].rules[0].share == 100_000
        done = await http.post("/configuration/apply", data={"text": NEW, "seen": seen(planned)})
        assert "<b>Applied.</b> 1 change." in done.text
    assert control.states.flags()[0].rules[0].share == 200_000
    assert control.states.written() == Written(NEW, "", 1_764_000_000.0, "dashboard")


async def test_the_first_configuration_can_be_written_here(client: Made) -> None:
    control = ScriptedControl()
    async with client(control) as http:
        planned = await http.post("/configuration/plan", data={"text": NEW})
        await http.post("/configuration/apply", data={"text": NEW, "seen": seen(planned)})
    assert [f.name for f in control.states.flags()] == ["theme"]


async def test_what_is_wrong_is_told_at_its_line(client: Made) -> None:
    control = await applied(OLD)
    bad = OLD.replace("variant: on", "variant: onn")
    async with client(control) as http:
        for path in ("plan", "apply"):
            answer = await http.post(f"/configuration/{path}", data={"text": bad, "seen": ""})
            if path == "plan":
                assert answer.status_code == 422
                assert "Line 3: " in answer.text
                assert re.search(r'<span class="code-no num">3</span>\s+rules: \[\{variant: onn', answer.text)
                assert html.escape(bad, quote=False).rstrip() in answer.text
            else:
                assert answer.status_code == 409
    assert control.states.written() == Written(OLD, "", 1_764_000_000.0, "ann")


async def test_what_somebody_else_applied_meanwhile_is_not_written_over(client: Made) -> None:
    control = await applied(OLD)
    other = OLD.replace("10%", "50%")
    async with client(control) as http:
        planned = await http.post("/configuration/plan", data={"text": NEW})
        await control.applier.apply(load_document(other, "fader.yaml"), Written(other, actor="bob"))
        late = await http.post("/configuration/apply", data={"text": NEW, "seen": seen(planned)})
    assert late.status_code == 409
    assert control.states.flags()[0].rules[0].share == 500_000


async def test_what_a_file_manages_is_only_read(client: Made) -> None:
    control = await applied(OLD, "/etc/fader/<b>.yaml")
    async with client(control) as http:
        page = (await http.get("/configuration")).text
        assert "Managed from <code>/etc/fader/&lt;b&gt;.yaml</code>" in page
        assert "<textarea" not in page
        for path in ("plan", "apply"):
            refused = await http.post(f"/configuration/{path}", data={"text": NEW, "seen": ""})
            assert refused.status_code == 409
            assert "is managed from" in refused.text
    assert control.states.flags()[0].rules[0].share == 100_000


async def test_what_was_applied_without_its_text_is_not_replaced_unseen(client: Made) -> None:
    control = ScriptedControl(flags=flags.everything())
    async with client(control) as http:
        assert "before the server kept how it was written" in (await http.get("/configuration")).text
        assert (await http.post("/configuration/plan", data={"text": NEW})).status_code == 409


async def test_an_empty_text_applies_nothing(client: Made) -> None:
    async with client(ScriptedControl()) as http:
        answer = await http.post("/configuration/plan", data={"text": ""})
    assert answer.status_code == 422
    assert "the file is empty" in answer.text


def test_the_difference_has_lines_around() -> None:
    assert diff("a\nb\n", "a\nb\n") == ()
    assert diff("a\nb\n", "a\nc\n") == (
        DiffLine("gap", "@@ -1,2 +1,2 @@"),
        DiffLine("same", "a"),
        DiffLine("drop", "b"),
        DiffLine("add", "c"),
    )


@pytest.mark.parametrize(
    ("query", "line"), [({"flag": "theme"}, 2), ({"flag": "none"}, 0), ({"rollout": "theme"}, 0), ({}, 0)]
)
def test_an_address_leads_to_its_line(query: dict[str, str], line: int) -> None:
    assert line_of(OLD, query) == line
