"""In which order the files are replaced, so that no request meets half a change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fader.gateway.matchers import Json
from fader.gateway.names import FLAG_KEYS, share_key
from fader.gateway.resources import File, Resources, make_file, runtime_file
from fader.gateway.runtime import shares


@dataclass(frozen=True, slots=True)
class Step:
    """Put `file` in place by an atomic rename and, if `wait` and `file.ack` is not empty and Envoy runs, wait until
    that statistic shows `file.version` before the next step. With `file` None: unlink `path`.

    `wait` False: the file is written ahead of the listener that will read it, so there is nothing to wait for yet.
    """

    path: Path
    file: File | None
    wait: bool = True


def plan_writes(old: Resources | None, new: Resources) -> tuple[Step, ...]:
    """The steps from what Envoy holds (`old`; None: nothing, the files are written before it starts) to `new`.

    1. shares (RTDS): a rollback is in force before anything else is looked at, and a share without its routes is
       nobody; only a candidate that became the baseline keeps its share until the routes know;
    2. clusters, the old ones still among them (CDS);  3. secrets, and the routes of new listeners;
    4. listeners, the old ones still among them (LDS);  5. routes (RDS);  6. shares as they shall be (RTDS);
    7. listeners (LDS), then clusters (CDS) without the old ones;  8. files that nobody reads any more.

    A step whose file would not change is left out: a new share alone is one step. When a step is refused the ones
    after it must not be made; what Envoy holds then is served on.
    """
    if old is None:
        order = ("rtds", "cds", "sds", "rds", "lds")
        return tuple(Step(f.path, f) for kind in order for f in new.files.values() if f.kind == kind)
    held = {path: entry.version for path, entry in old.files.items()}
    steps: list[Step] = []

    def put(entry: File, wait: bool = True) -> None:
        if held.get(entry.path) != entry.version:
            steps.append(Step(entry.path, entry, wait))
            held[entry.path] = entry.version

    def put_all(kind: str) -> None:
        for entry in new.files.values():
            if entry.kind == kind:
                put(entry, wait=entry.path in old.files)

    put(_first_shares(old, new))
    put(_both(old.files[new.layout.cds], new.files[new.layout.cds]))
    put_all("sds")
    for entry in new.files.values():
        if entry.kind == "rds" and entry.path not in old.files:
            put(entry, wait=False)
    put(_both(old.files[new.layout.lds], new.files[new.layout.lds]))
    for kind in ("rds", "rtds", "lds", "cds"):
        put_all(kind)
    steps += [Step(path, None) for path in old.files if path not in new.files]
    return tuple(steps)


def _both(old: File, new: File) -> File:
    """What `new` says, and what is gone from it: requests still go there until the routes are changed. In the order
    of the old file, so that nothing is written when only something goes."""
    wanted = {resource["name"]: resource for resource in new.document["resources"]}
    held = {resource["name"]: resource for resource in old.document["resources"]}
    if held.keys() <= wanted.keys():
        return new
    return make_file(new.kind, new.path, ({**held, **wanted}).values(), new.ack)


def _first_shares(old: Resources, new: Resources) -> File:
    values: Json = dict(new.files[new.layout.rtds].document["resources"][0]["layer"])
    held: Json = old.files[old.layout.rtds].document["resources"][0]["layer"]
    # A flag that is sent no more is not off while the routes still send it.
    values.update({k: v for k, v in held.items() if k.startswith(FLAG_KEYS) and k not in values})
    now = {live.service.name: live for live in new.ruleset.services}
    for before in old.ruleset.services:
        after = now.get(before.service.name)
        if before.split is None or after is None or after.baseline != before.split.candidate:
            continue
        if after.split is None or share_key(after.service, after.split) != share_key(before.service, before.split):
            values.update(shares(before.service, before.split))
    return runtime_file(values, new.layout)
