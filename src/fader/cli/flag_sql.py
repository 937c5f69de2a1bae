"""`fader flags sql`: the variant that each row's unit gets, as an expression or a query of SQL."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from fader.cli.flag_export import DATA, chosen, in_force
from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect
from fader.errors import BadInput, Problem, Refused


class Engine(StrEnum):
    """Members of `fader.assign.sql.Dialect`."""

    DUCKDB = "duckdb"
    CLICKHOUSE = "clickhouse"
    SQLITE = "sqlite"


def register(group: typer.Typer) -> None:
    group.command("sql", epilog="Example: fader flags sql new-checkout --dialect clickhouse --table users")(flags_sql)


def flags_sql(
    flag: Annotated[str, typer.Argument(metavar="FLAG", help="The flag's name.", show_default=False)],
    dialect: Annotated[Engine, typer.Option("--dialect", help="For which engine.")] = Engine.DUCKDB,
    table: Annotated[
        str,
        typer.Option(
            "--table", metavar="NAME", help="Print a query of this table; else the expression.", show_default=False
        ),
    ] = "",
    unit: Annotated[str, typer.Option("--unit", metavar="COLUMN", help="The column with the unit's id.")] = "unit",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="ATTRIBUTE=COLUMN",
            help="The column of an attribute; may be given several times.",
        ),
    ] = None,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """Print SQL for the variant that each row's unit gets by a flag in force; what SQL cannot say is refused."""
    from fader.assign.sql import identifier
    from fader.assign.sql_flag import NoSqlFlag, variant
    from fader.cli.show import print_json

    columns = dict(_pair(text) for text in column or ())
    held = in_force(connect(server, token_file, data_dir))
    flags, segments = {f.name: f for f in held.flags}, {s.name: s for s in held.segments}
    [asked] = chosen(held, [flag])
    try:
        made = variant(asked, flags, segments, dialect.value, unit, columns)
    except NoSqlFlag as no:
        raise Refused(f"{no.reason}; {no.fix}") from None
    sql = made.inlined
    if table:
        names = [identifier(name, dialect.value) for name in (unit, "variant")]
        where = ".".join(identifier(part, dialect.value) for part in table.split("."))
        sql = f"SELECT {names[0]}, {sql} AS {names[1]} FROM {where}"  # noqa: S608 (printed, not run)
    kinds = {name: kind or "any" for name, kind in made.columns.items()}
    if as_json:
        print_json({"flag": flag, "dialect": dialect.value, "unit": unit, "columns": kinds, "sql": sql})
        return
    print(sql)
    for name, kind in kinds.items():
        print(f"column {name}: {kind if kind == 'any' else f'a {kind}'}, null where it is missing", file=sys.stderr)


def _pair(text: str) -> tuple[str, str]:
    """Raises BadInput."""
    attribute, sign, name = text.partition("=")
    if not (attribute and sign and name):
        raise BadInput(Problem(f'--column "{text}" names no column', "write e.g. --column device.os=os"))
    return attribute, name
