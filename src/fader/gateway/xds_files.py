"""The files that Envoy reads, as they lie on disk. What is written can be put back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fader.gateway import durable_file
from fader.gateway.plan import Step
from fader.gateway.resources import Resources


class XdsFiles:
    """Writes files by atomic rename and remembers what lay there before, until `forget`."""

    def __init__(self) -> None:
        self._before: dict[Path, bytes | None] = {}

    def make(self, step: Step) -> None:
        """Put one step of a plan in place. Raises OSError.

        Shares are not waited for until they are on disk: Envoy shall have them first, and should the power fail just
        then, the agent writes them again from the stored ruleset, which is on disk, before it starts Envoy.
        """
        self._before.setdefault(step.path, durable_file.content(step.path))
        if step.file is None:
            durable_file.remove(step.path)
        else:
            durable_file.replace(step.path, msgspec.json.encode(step.file.document), sync=step.file.kind != "rtds")

    def put_back(self) -> None:
        """Make the disk as it was at the last `forget`, the last change first."""
        for path, content in reversed(self._before.items()):
            if content is None:
                durable_file.remove(path)
            else:
                durable_file.replace(path, content)
        self._before.clear()

    def forget(self) -> None:
        """What is on disk is good."""
        self._before.clear()

    @staticmethod
    def hold(resources: Resources) -> bool:
        """Whether exactly these files lie on disk."""
        return all(
            durable_file.content(file.path) == msgspec.json.encode(file.document) for file in resources.files.values()
        )

    @staticmethod
    def bootable(resources: Resources) -> bool:
        """Whether there is something on disk that Envoy can start from: a missing file would end it at once."""
        layout = resources.layout
        return all(path.is_file() for path in (layout.bootstrap, layout.rtds, layout.cds, layout.lds))
