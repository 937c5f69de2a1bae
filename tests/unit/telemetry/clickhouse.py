"""The ClickHouse engine in this process as a reader of rows: the store's own SQL, translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import clickhouse_connect
import numpy as np
import sqlglot
from sqlglot import exp

TYPES = {"BIGINT": "Int64", "SMALLINT": "Int16", "INTEGER": "Int32", "DOUBLE": "Float64", "VARCHAR": "String"}


class ClickHouseRows:
    """Answers `table` as `fader.telemetry.rows.Rows` does."""

    part = 12_000_000

    def __init__(self) -> None:
        self._client = clickhouse_connect.get_client(interface="chdb")

    def close(self) -> None:
        self._client.close()

    def fill(self, table: str, columns: list[tuple[str, str]], rows: list[tuple[Any, ...]]) -> None:
        """`columns`: name and DuckDB's type."""
        typed = ", ".join(f"{name} Nullable({TYPES[kind]})" for name, kind in columns)
        self._client.command(f"DROP TABLE IF EXISTS {table}")
        self._client.command(f"CREATE TABLE {table} ({typed}) ENGINE = Memory")
        if rows:
            self._client.insert(table, [list(row) for row in rows], column_names=[name for name, _ in columns])

    def table(
        self,
        query: str,
        parameters: Mapping[str, float | str],
        relations: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        for name, columns in (relations or {}).items():
            kinds = [(c, "DOUBLE" if values.dtype.kind == "f" else "BIGINT") for c, values in columns.items()]
            self.fill(name, kinds, list(zip(*(values.tolist() for values in columns.values()), strict=True)))
        answer = self._client.query(translated(query, parameters))
        named = zip(answer.column_names, answer.column_types, strict=True)
        return {n: _column([row[i] for row in answer.result_rows], kind.name) for i, (n, kind) in enumerate(named)}


def translated(query: str, parameters: Mapping[str, float | str]) -> str:
    def literal(node: exp.Expression) -> exp.Expression:
        if isinstance(node, (exp.Parameter, exp.Placeholder)):
            value = parameters[node.name]
            if isinstance(value, str):
                return exp.Literal.string(value)
            if value == float("inf"):
                value = 1e300
            return exp.Literal.number(repr(value))
        return node

    return sqlglot.parse_one(query, read="duckdb").transform(literal).sql(dialect="clickhouse")


def _column(values: list[Any], kind: str) -> Any:
    """NULLs as the store has them: 0, or never."""
    if "String" in kind:
        return np.array(values, object)
    if "Float" in kind:
        return np.array([np.inf if value is None else value for value in values], np.float64)
    return np.array([value or 0 for value in values], np.int64)
