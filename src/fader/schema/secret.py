"""Where something secret stands: never in the file itself."""

from __future__ import annotations

import re

from pydantic import model_validator

from fader.schema.file import ReadableFile
from fader.schema.noun import Noun
from fader.schema.suggest import wrong

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


class SecretText(Noun):
    """An environment variable of the server, or a file."""

    env: str = ""
    file: ReadableFile = ""

    @model_validator(mode="after")
    def _one(self) -> SecretText:
        return self.checked()

    def checked(self) -> SecretText:
        """Raises PydanticCustomError."""
        if bool(self.env) == bool(self.file):
            found = "both env and file" if self.env else "neither env nor file"
            raise wrong(f"names {found}", "write one of them, e.g. {env: PROMETHEUS_TOKEN}")
        if self.env and not _VARIABLE.fullmatch(self.env):
            fix = "write the name of a variable, e.g. PROMETHEUS_TOKEN; the secret itself stands in no file of yours"
            raise wrong("is no name of an environment variable", fix, ("env",))
        return self
