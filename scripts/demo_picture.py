"""Draws what unisearch answers on the samples, in all four directions: docs/demo.webp.

::

    python scripts/demo_picture.py [--out docs/demo.webp]

Nothing is arranged: each row is the head of the list that the Python API gives for its query.
"""

from __future__ import annotations

import argparse
import tempfile
import textwrap
import unicodedata
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from indexer import index
from unisearch import Collection, Hit, Modality, open_picture

SAMPLES = Path(__file__).parent.parent / "samples"
ROWS: tuple[tuple[str | Path, Modality], ...] = (
    ("a bird that catches fish", Modality.IMAGE),
    ("how do I mend a puncture", Modality.TEXT),
    (SAMPLES / "pictures/food/espresso.jpg", Modality.TEXT),
    (SAMPLES / "pictures/buildings/lighthouse.png", Modality.IMAGE),
)
HITS = 4
CELL_W, CELL_H, GAP, ARROW_W = 210, 150, 14, 40
INK, SOFT, GROUND, CARD = "#1c2330", "#69748a", "#ffffff", "#f1f4f9"


def text_card(text: str, *, strong: bool = False) -> Image.Image:
    """Words on a card, cut where it ends."""
    # Pillow's own font has no letters with accents.
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    card = Image.new("RGB", (CELL_W, CELL_H), GROUND if strong else CARD)
    size = 19 if strong else 13
    font = ImageFont.load_default(size)
    lines = textwrap.wrap(text, width=19 if strong else 29, max_lines=7, placeholder=" …")
    height = int(size * 1.4)
    y = (CELL_H - height * len(lines)) // 2
    for line in lines:
        ImageDraw.Draw(card).text((12, y), line, INK, font)
        y += height
    return card


def picture_card(path: Path) -> Image.Image:
    """A picture, whole, on a card."""
    card = Image.new("RGB", (CELL_W, CELL_H), CARD)
    picture = ImageOps.contain(open_picture(path, target_px=CELL_W * 2), (CELL_W, CELL_H))
    card.paste(picture, ((CELL_W - picture.width) // 2, (CELL_H - picture.height) // 2))
    return card


def hit_card(hit: Hit) -> Image.Image:
    """What was found."""
    if hit.modality == Modality.IMAGE:
        return picture_card(Path(hit.path))
    return text_card(" ".join((hit.passage or "").split()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/demo.webp"))
    out = parser.parse_args().out
    columns, caption = 1 + HITS, 22
    width = columns * (CELL_W + GAP) + GAP + ARROW_W
    sheet = Image.new("RGB", (width, len(ROWS) * (CELL_H + caption + GAP) + GAP), GROUND)
    draw = ImageDraw.Draw(sheet)
    with tempfile.TemporaryDirectory() as folder:
        collection = Collection.create(folder)
        index(collection, [SAMPLES / "pictures", SAMPLES / "notes"])
        for row, (query, modality) in enumerate(ROWS):
            # A picture would find itself first.
            hits = [
                hit
                for hit in collection.search(query, k=HITS + 1, modality=modality)
                if not isinstance(query, Path) or Path(hit.path) != query
            ]
            y = GAP + row * (CELL_H + caption + GAP)
            is_picture = isinstance(query, Path)
            asked = picture_card(Path(query)) if is_picture else text_card(str(query), strong=True)
            sheet.paste(asked, (GAP, y))
            middle = y + CELL_H // 2
            tip = GAP + CELL_W + ARROW_W
            draw.line((tip - 22, middle, tip, middle), SOFT, 2)
            draw.line((tip - 8, middle - 7, tip, middle, tip - 8, middle + 7), SOFT, 2)
            for column, hit in enumerate(hits[:HITS]):
                x = GAP + ARROW_W + (column + 1) * (CELL_W + GAP)
                sheet.paste(hit_card(hit), (x, y))
                name = textwrap.shorten(Path(hit.path).name, 26, placeholder="…")
                label = f"{hit.score:.2f}  {name}"
                draw.text((x, y + CELL_H + 3), label, SOFT, ImageFont.load_default(12))
        collection.close()
    sheet.save(out, quality=82, method=6)


if __name__ == "__main__":
    main()
