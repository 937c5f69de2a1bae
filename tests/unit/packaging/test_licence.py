import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_licence_is_apache_2_in_full() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    for part in (
        *(f"   {n}. " for n in range(1, 10)),
        "END OF TERMS AND CONDITIONS",
        "limitations under the License.",
    ):
        assert part in text, part
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
