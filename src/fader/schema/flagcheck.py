"""What no flag and no segment can check alone: names that point at each other, and circles among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fader.assign.cel import segments_of
from fader.assign.cel_parser import parse
from fader.errors import Problem
from fader.schema.crosscheck import written_names
from fader.schema.flag import FlagText
from fader.schema.segment import SegmentText
from fader.schema.source import Location, Source
from fader.schema.suggest import did_you_mean, listed, quoted


def flag_problems(
    flags: Mapping[str, FlagText], segments: Mapping[str, SegmentText], source: Source
) -> Iterator[Problem]:
    """`flags` and `segments` are the sound ones; a broken one is still no unknown one."""
    known = written_names(source.data, "segments")
    for name, segment in segments.items():
        yield from _unknown(segment.when, ("segments", name, "when"), known, source)
    for name, flag in flags.items():
        for i, rule in enumerate(flag.rules):
            yield from _unknown(rule.when, ("flags", name, "rules", i, "when"), known, source)
        yield from _requires(name, flag, flags, source)
    asked = {n: [found for found, _ in _segments(s.when)] for n, s in segments.items()}
    yield from _circles(asked, "segments", "segment", "when", source)
    yield from _circles({n: list(f.requires) for n, f in flags.items()}, "flags", "flag", "requires", source)


def _segments(condition: str) -> tuple[tuple[str, int], ...]:
    return segments_of(parse(condition)) if condition else ()


def _unknown(condition: str, at: Location, known: Mapping[str, object], source: Source) -> Iterator[Problem]:
    for name, position in _segments(condition):
        if name not in known:
            message = f"at character {position}: there is no segment {quoted(name)}"
            yield source.problem(at, message, did_you_mean(name, known))


def _requires(name: str, flag: FlagText, flags: Mapping[str, FlagText], source: Source) -> Iterator[Problem]:
    written = written_names(source.data, "flags")
    for other, variants in flag.requires.items():
        at: Location = ("flags", name, "requires", other)
        if other not in written:
            yield source.problem(at, f"there is no flag {quoted(other)}", did_you_mean(other, written))
        elif other in flags:
            there = flags[other].variants
            for variant in variants:
                if variant not in there:
                    message = f"flag {other} has no variant {quoted(variant)}"
                    yield source.problem(at, message, did_you_mean(variant, there))
            if not variants:
                yield source.problem(at, "names no variant", f"write one or several of {listed(there)}")


def _circles(graph: Mapping[str, list[str]], section: str, word: str, key: str, source: Source) -> Iterator[Problem]:
    """Each circle is told once, at its first member in the file."""
    done: set[str] = set()
    for start in graph:
        path = [start]
        branches = [iter(graph[start])]
        while branches:
            following = next((n for n in branches[-1] if n in graph), None)
            if following is None:
                done.add(path.pop())
                branches.pop()
            elif following in path:
                circle = " → ".join((*path[path.index(following) :], following))
                message = f"the {word} depends on itself: {circle}"
                yield source.problem((section, following, key), message, "remove one of these dependencies")
            elif following not in done:
                path.append(following)
                branches.append(iter(graph[following]))
