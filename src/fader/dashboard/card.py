"""GET /rollouts/{name}/card.png: a rollout as a picture of 1200 x 630, for where a link to it is shown. Pure."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from fader.dashboard.overview import harmful
from fader.dashboard.taper import Picture, picture
from fader.model.state import Phase
from fader.model.view import RolloutView
from fader.rollout.words import number

WIDTH, HEIGHT = 1200, 630
MARGIN = 72
GROUND, CARD, INK, SOFT, SLOT = "#0e1014", "#16191f", "#eceef1", "#a4abb8", "#2b303a"
CANDIDATE, BASELINE, HARM = "#f59b3d", "#62a8ee", "#ff7492"
#: The fader is drawn this high, its slot this thick.
SLOT_AT, SLOT_HIGH = 456, 22
#: Sizes of the headline, the largest first: the first is taken at which it needs no more lines than fit.
SIZES = (46, 38, 32, 27)
ROOM = 196
WORDS = {
    Phase.PENDING: "not started",
    Phase.AWAITING: "waiting for approval",
    Phase.ROLLED_BACK: "rolled back",
}
#: What the font has no picture for.
PLAIN = str.maketrans({"\u202f": " ", "\u00a0": " ", "\u2212": "-", "\u2192": ">", "\u2026": "..."})


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The one that comes with the library, so that none has to be on the machine."""
    return ImageFont.load_default(size)


def wrapped(text: str, size: int, width: int) -> list[str]:
    """Lines no wider than `width` pixels; a word that is too wide alone is broken."""
    face, lines = font(size), [""]
    for word in text.split():
        whole = f"{lines[-1]} {word}".strip()
        if face.getlength(whole) <= width:
            lines[-1] = whole
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if face.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def fitted(text: str, width: int, height: int) -> tuple[int, list[str]]:
    """Size and lines; at the smallest size what is left over is cut, and three dots say so."""
    for size in SIZES:
        lines, most = wrapped(text, size, width), height // (size * 4 // 3)
        if len(lines) <= most:
            return size, lines
    cut = lines[:most]
    while cut[-1] and font(size).getlength(cut[-1] + " ...") > width:
        cut[-1] = cut[-1][:-1]
    return size, [*cut[:-1], cut[-1].rstrip() + " ..."]


def card(view: RolloutView) -> bytes:
    """As PNG."""
    image = _begun(view, view.headline)
    draw = ImageDraw.Draw(image)
    _fader(draw, picture(view))
    _bottom(draw, view)
    return _png(image)


def guest_card(view: RolloutView, summary: str) -> bytes:
    """As PNG, for those who are not signed in: the name, the phase, the share and the summary, and nothing else."""
    image = _begun(view, summary)
    _fader(ImageDraw.Draw(image), replace(picture(view), pulled=None))
    return _png(image)


def _begun(view: RolloutView, sentence: str) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((28, 28, WIDTH - 28, HEIGHT - 28), 24, CARD)
    _top(draw, view)
    size, lines = fitted(sentence.translate(PLAIN), WIDTH - 2 * MARGIN, ROOM)
    for i, line in enumerate(lines):
        draw.text((MARGIN, 146 + i * size * 4 // 3), line, INK, font(size))
    return image


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG")
    return out.getvalue()


def _top(draw: ImageDraw.ImageDraw, view: RolloutView) -> None:
    bad = view.state.phase in (Phase.ROLLED_BACK, Phase.ABORTED, Phase.HELD)
    phase = WORDS.get(view.state.phase, str(view.state.phase))
    right = WIDTH - MARGIN - font(28).getlength(phase)
    draw.text((right, 76), phase, HARM if bad else SOFT, font(28))
    name = view.name
    while name and font(34).getlength(name) > right - MARGIN - 32:
        name = name.removesuffix("...")[:-1] + "..."
    draw.text((MARGIN, 72), name.translate(PLAIN), INK, font(34))


def _fader(draw: ImageDraw.ImageDraw, shown: Picture) -> None:
    left, right = MARGIN + 16, WIDTH - MARGIN - 16
    at = left + (right - left) * shown.at / 100
    draw.text((MARGIN, SLOT_AT - 82), shown.candidate.translate(PLAIN), CANDIDATE, font(40))
    baseline = shown.baseline.translate(PLAIN)
    draw.text((WIDTH - MARGIN - font(40).getlength(baseline), SLOT_AT - 82), baseline, BASELINE, font(40))
    draw.rounded_rectangle((left, SLOT_AT, right, SLOT_AT + SLOT_HIGH), SLOT_HIGH // 2, SLOT)
    for mark in range(int(at), int(right) - 6, 12):  # hatched, as the baseline is everywhere
        draw.line((mark, SLOT_AT + SLOT_HIGH - 4, mark + 6, SLOT_AT + 4), BASELINE, 3)
    if at > left:
        draw.rounded_rectangle((left, SLOT_AT, at, SLOT_AT + SLOT_HIGH), SLOT_HIGH // 2, CANDIDATE)
    if shown.pulled is not None:
        x, y = left + (right - left) * shown.pulled / 100, SLOT_AT + SLOT_HIGH / 2
        draw.line((x - 13, y - 13, x + 13, y + 13), HARM, 6)
        draw.line((x - 13, y + 13, x + 13, y - 13), HARM, 6)
    draw.rounded_rectangle((at - 20, SLOT_AT - 26, at + 20, SLOT_AT + SLOT_HIGH + 26), 9, "#e9eaec")
    draw.line((at, SLOT_AT - 16, at, SLOT_AT + SLOT_HIGH + 16), "#15171c", 5)


def _bottom(draw: ImageDraw.ImageDraw, view: RolloutView) -> None:
    arms = f"{view.spec.subject}: {view.baseline} > {view.candidate}".translate(PLAIN)
    people = f"{number(view.units_exposed)} users exposed, "
    hurt = f"{number(view.units_harmed)} hurt"
    x = WIDTH - MARGIN - font(26).getlength(people + hurt)
    while arms and font(26).getlength(arms) > x - MARGIN - 32:
        arms = arms.removesuffix("...")[:-1] + "..."
    draw.text((MARGIN, 534), arms, SOFT, font(26))
    draw.text((x, 534), people, SOFT, font(26))
    draw.text((x + font(26).getlength(people), 534), hurt, HARM if harmful(view) else SOFT, font(26))
