"""Files that the configuration names. Relative names are taken from the configuration's own directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from fader.schema.suggest import quoted, wrong


def parse_file(value: object, info: ValidationInfo) -> str:
    """The absolute name of a file that can be read. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise wrong("is not a file name", "write the name of a file")
    base = (info.context or {}).get("directory", Path.cwd())
    path = (base / Path(value).expanduser()).absolute()
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise wrong(f"the file {quoted(value)} does not exist", f"put it at {path}, or name another file") from None
    except IsADirectoryError:
        raise wrong(f"{quoted(value)} is a directory", "name a file in it") from None
    except OSError as error:
        fix = f"make it readable for this user: chmod u+r {path}"
        raise wrong(f"the file {quoted(value)} cannot be read ({error.strerror})", fix) from None
    return str(path)


ReadableFile = Annotated[str, BeforeValidator(parse_file, json_schema_input_type=str)]
