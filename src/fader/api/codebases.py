"""/v1/codebases: where source names the flags, as a search of it is reported."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import read, reply
from fader.engine.codebase_desk import CodebaseDesk
from fader.errors import BadInput, Problem
from fader.model.codebase import LONGEST_PLACE, PLACES, Found
from fader.schema.name import bad_name

#: Flags in one report, and problems that an answer names.
MOST, MOST_PROBLEMS = 100_000, 20
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Place = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_PLACE)]


class Named(msgspec.Struct):
    flag: str
    references: Count = 0
    files: Count = 0
    places: Annotated[list[Place], msgspec.Meta(max_length=PLACES)] = []


class Report(msgspec.Struct):
    """Every flag that was looked for, those that were not found too."""

    flags: Annotated[list[Named], msgspec.Meta(max_length=MOST)]


def routes(desk: CodebaseDesk) -> list[BaseRoute]:
    async def every(_request: Request) -> Response:
        return reply({"codebases": desk.codebases()})

    async def report(request: Request) -> Response:
        name = request.path_params["name"]
        if wrong := bad_name(name, version=True):
            raise BadInput(Problem(*wrong))
        found = _found(await read(request, Report))
        return reply(await desk.report(name, found, request.state.actor))

    async def forget(request: Request) -> Response:
        return reply(desk.forget(request.path_params["name"]))

    return [
        Route("/v1/codebases", every),
        Route("/v1/codebases/{name}", report, methods=["PUT"]),
        Route("/v1/codebases/{name}", forget, methods=["DELETE"]),
    ]


def _found(report: Report) -> tuple[Found, ...]:
    """Raises BadInput with every flag that contradicts itself, by its place."""
    problems, seen = list[Problem](), set[str]()
    for i, one in enumerate(report.flags):
        where, places = f"flags[{i}]", len(one.places)
        if one.flag in seen:
            problems.append(Problem("the flag is named twice", "name each flag once", where))
        if one.files > one.references or (one.references > 0) != (one.files > 0) or places > one.references:
            fix = "give at least one reference of each file, and no more places than references"
            problems.append(Problem("references, files and places do not agree", fix, where))
        if not all(place.isprintable() for place in one.places):
            problems.append(Problem("a place is no printable text", "replace what cannot be shown", f"{where}.places"))
        seen.add(one.flag)
    if problems:
        raise BadInput(*problems[:MOST_PROBLEMS])
    return tuple(Found(one.flag, one.references, one.files, tuple(one.places)) for one in report.flags)
