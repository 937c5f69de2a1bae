"""The in-memory twin of the providers: for tests, it answers what it was told."""

from __future__ import annotations

from fader.model.external import Answer, External, Question


class MemoryProviders:
    """`answers` by the text that is asked for and the version; `down` is why nothing is answered, or ""."""

    def __init__(self, answers: dict[tuple[str, str], float] | None = None) -> None:
        self.answers = answers or {}
        self.down = ""
        self.asked: list[tuple[External, Question, Question]] = []

    async def ask(self, external: External, candidate: Question, baseline: Question) -> Answer:
        self.asked.append((external, candidate, baseline))
        if self.down:
            return Answer(missing=f"{external.provider.name} {self.down}")
        numbers = []
        for question in (candidate, baseline):
            found = [self.answers.get((text, question.version)) for text in external.texts]
            if None in found:
                return Answer(missing=f"{external.provider.name} has no data, of {question.version}")
            numbers.append(tuple(n for n in found if n is not None))
        return Answer(numbers[0], numbers[1])
