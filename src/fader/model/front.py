"""How people reach the dashboard, and what of it is shown to those who are not signed in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Front:
    """`url`: where the dashboard is, without a slash at its end. `public_cards`: whether whoever asks is shown the
    picture of a rollout: its name, phase, share and verdict, and nothing else."""

    url: str = "http://127.0.0.1:7070"
    public_cards: bool = False

    def rollout(self, name: str) -> str:
        """The whole address of a rollout's page."""
        return f"{self.url}/rollouts/{quote(name, safe='')}"


def inside(path: str) -> str:
    """The path and query, if they lead to a page of this server; `/` for what would lead elsewhere."""
    leads_out = not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable()
    return "/" if leads_out else path


#: Where the dashboard is when nothing else is said.
LOOPBACK = Front()
