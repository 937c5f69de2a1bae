"""cel-cpp, Google's implementation of CEL, as the judge of what a condition means.

There, an attribute is a key of the map `ctx`; `@` stands before each attribute in the conditions of these tests.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cel_expr_python import cel

ENV = cel.NewEnv(variables={"ctx": cel.Type.DYN})


def ours(condition: str) -> str:
    return condition.replace("@", "")


@lru_cache(maxsize=1000)
def _compiled(condition: str) -> Any:
    return ENV.compile(condition.replace("@", "ctx."), disable_check=True)


def matches(condition: str, attributes: dict[str, Any]) -> bool:
    """Whether cel-cpp says true; an error is no match."""
    result = _compiled(condition).eval(data={"ctx": attributes})
    return result.type() == cel.Type.BOOL and result.plain_value() is True
