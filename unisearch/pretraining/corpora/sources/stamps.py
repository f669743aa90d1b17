"""The stamps of Tux Paint: cut-out photographs and drawings with sentences. For measuring only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.wording import plain_title

SOURCE = "stamps"
LICENCE = "GPL-2.0-only"

_LEFT_OUT = {
    "letters, coins, shapes and symbols": ("symbols",),
    "flags": ("town/flags",),
    "road signs": ("town/roadsigns",),
    "dreidel letters": ("seasonal/hanukkah/dreydl-",),
    "a caption that does not name it": (
        "military/final-roll-call",
        "naturalforces/explosion",
        "sports/cartoon/football_helmet",
        "vehicles/emergency/sedan_police",
    ),
}
_MONUMENTS = ("town/monuments", "town/houses", "town/cartoon")
_DRAWN = (
    "animals/mammals/echidna",
    "animals/mammals/hedgehog",
    "clothes/button",
    "clothes/t_",
    "food/pizza",
    "household/arttools/highlighter",
    "household/arttools/pen_dryerase",
    "household/dishes/mug",
    "medical/tooth",
    "people/body_parts",
    "seasonal/christmas/bow",
    "seasonal/christmas/hard_candy",
    "seasonal/christmas/lamp",
    "seasonal/christmas/santahat",
    "seasonal/christmas/star",
    "seasonal/christmas/stocking",
    "seasonal/christmas/tree",
    "seasonal/christmas/xmas_tp_bulb",
    "seasonal/easter/b",
    "seasonal/easter/chick",
    "seasonal/easter/daffodil",
    "seasonal/halloween/b",
    "seasonal/halloween/ghost",
    "seasonal/halloween/jack",
    "seasonal/halloween/s",
    "seasonal/hanukkah/holiday_candle",
    "seasonal/newyears",
    "space/planets/0_sun",
)
"""Raster stamps outside the cartoon folders that are drawings all the same, by eye."""
_LONGEST_CAPTION = 110


def candidates(root: Path) -> Iterator[Candidate | Dropped]:
    """Offer every stamp under `root`, in a fixed order.

    A stamp that exists as PNG and as SVG is offered once, as SVG.

    Args:
        root: Folder ``…/share/tuxpaint/stamps``.
    """
    pictures = sorted([*root.rglob("*.png"), *root.rglob("*.svg")])
    for path in pictures:
        relative = path.relative_to(root).with_suffix("").as_posix()
        name = f"{SOURCE}/{relative.replace('/', '-')}-{path.suffix[1:]}"
        reason = _why_left_out(relative)
        if path.suffix == ".png" and path.with_suffix(".svg").is_file():
            reason = "the same stamp as SVG"
        caption = _english_caption(path.with_suffix(".txt"))
        if reason is None and not caption:
            reason = "no English caption"
        if reason is None and len(caption) > _LONGEST_CAPTION:
            reason = "a caption that explains instead of naming"
        if reason:
            yield Dropped(id=name, source=SOURCE, reason=reason)
            continue
        said = re.split(r"[.!?] |[—–(,]", caption)[0]
        yield Candidate(
            id=name,
            titles=(plain_title(said),),
            captions=(caption,),
            category=", ".join(p for p in relative.split("/")[:-1] if p != "cartoon"),
            source=SOURCE,
            licence=LICENCE,
            kind=_kind(relative, path.suffix),
            drawing=path,
        )


def _why_left_out(relative: str) -> str | None:
    for reason, prefixes in _LEFT_OUT.items():
        if relative.startswith(prefixes):
            return reason
    return None if "mirror" not in relative else "mirrored"


def _english_caption(path: Path) -> str:
    """First line of a stamp's description; the lines after it are translations."""
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[0].strip() if lines else ""


def _kind(relative: str, suffix: str) -> str:
    if relative.startswith(_MONUMENTS):
        return "monument"
    if "/cartoon/" in relative or suffix == ".svg" or relative.startswith(_DRAWN):
        return "cartoon"
    return "photo"
