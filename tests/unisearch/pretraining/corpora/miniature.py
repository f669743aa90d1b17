"""A WordNet of two dozen words and a raw folder of a few drawings, in the real formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from unisearch.pretraining.corpora.wordnet import WordNet


@dataclass(frozen=True)
class Sense:
    """One line of a data file; senses of a word are ranked in the order they are given."""

    lemmas: tuple[str, ...]
    above: str = ""
    gloss: str = "something"
    pos: str = "noun"
    tagged: int = 1


SENSES = (
    Sense(("object", "physical object")),
    Sense(("animal",), "object"),
    Sense(("person",), "object"),
    Sense(("dog", "domestic dog"), "animal", 'a tame canine; "the dog barked all night"'),
    Sense(("puppy",), "dog"),
    Sense(("frog",), "animal", "a tailless jumping amphibian living near ponds"),
    Sense(("fox",), "animal"),
    Sense(("bear",), "animal"),
    Sense(("ice bear", "polar bear"), "bear", tagged=0),
    Sense(("cat",), "animal"),
    Sense(("woman",), "person"),
    Sense(("car", "auto", "automobile"), "object", 'a vehicle; "he needs a car to get to work"'),
    Sense(("ball",), "object"),
    Sense(("boat",), "object", 'a small vessel for travel on water; "they row a boat over it"'),
    Sense(("house",), "object"),
    Sense(("cream",), "object"),
    Sense(("ice cream",), "object"),
    Sense(("frozen dessert",), "object"),
    Sense(("hot dog",), "object"),
    Sense(("face",), "object"),
    Sense(("apple",), "object"),
    Sense(("lemon",), "object"),
    Sense(("slice",), "object"),
    Sense(("glasses",), "object"),
    Sense(("glass",), "object"),
    Sense(("idea",), "", "the content of thinking about anything at all"),
    Sense(("DOE", "Department of Energy"), "", tagged=0),
    Sense(("doe",), "animal", tagged=0),
    Sense(("rana", "genus Rana"), "animal", tagged=0),
    Sense(("echidna",), "animal", tagged=0),
    Sense(("Jupiter",), "object"),
    Sense(("balls",), "idea", tagged=0),
    Sense(("red",), "", pos="adj"),
    Sense(("green",), "", pos="adj"),
    Sense(("happy",), "", pos="adj"),
    Sense(("read",), "", 'take in writing; "she will read the news"', pos="verb"),
    Sense(("swim",), "", "travel through water by moving the body", pos="verb"),
)


def write_wordnet(folder: Path, senses: Sequence[Sense] = SENSES) -> Path:
    """Write database files for `senses` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    offsets = {sense: 1000 + 10 * place for place, sense in enumerate(senses)}
    first = {lemma: offsets[s] for s in reversed(senses) for lemma in s.lemmas if s.pos == "noun"}
    licence = "  1 This software and database is being provided to you\n"
    for pos in ("noun", "verb", "adj", "adv"):
        data, index = [], {}
        for sense in senses:
            if sense.pos != pos:
                continue
            words = " ".join(f"{lemma.replace(' ', '_')} 0" for lemma in sense.lemmas)
            up = f"001 @ {first[sense.above]:08d} {pos[0]} 0000" if sense.above else "000"
            offset = offsets[sense]
            data.append(
                f"{offset:08d} 03 {pos[0]} {len(sense.lemmas):02x} {words} {up} | {sense.gloss}  \n"
            )
            for lemma in sense.lemmas:
                found = index.setdefault(lemma.lower().replace(" ", "_"), [0])
                found[0] += sense.tagged
                found.append(offset)
        (folder / f"data.{pos}").write_text(licence + "".join(data))
        lines = [
            f"{lemma} {pos[0]} {len(rest)} 1 @ {len(rest)} {tagged} "
            + " ".join(f"{offset:08d}" for offset in rest)
            + "  \n"
            for lemma, (tagged, *rest) in sorted(index.items())
        ]
        (folder / f"index.{pos}").write_text(licence + "".join(lines))
    (folder / "noun.exc").write_text("mice mouse\nwomen woman\n")
    return folder


def small_wordnet(folder: Path) -> WordNet:
    """Open a `WordNet` of `SENSES` written into `folder`."""
    return WordNet(write_wordnet(folder))


def svg(shapes: str, *, title: str = "", keywords: Sequence[str] = (), author: str = "") -> str:
    """Return a drawing with the metadata that clip art carries."""
    bag = "".join(f"<rdf:li>{keyword}</rdf:li>" for keyword in keywords)
    creator = f"<dc:creator><cc:Agent><dc:title>{author}</dc:title></cc:Agent></dc:creator>"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="r" xmlns:cc="c" xmlns:dc="d" '
        f'width="100" height="100"><metadata><rdf:RDF><cc:Work><dc:title>{title}</dc:title>'
        f"<dc:subject><rdf:Bag>{bag}</rdf:Bag></dc:subject>{creator}"
        f"</cc:Work></rdf:RDF></metadata>{shapes}</svg>"
    )


SQUARE = '<rect x="10" y="10" width="80" height="80" fill="red"/>'
DISC = '<circle cx="50" cy="50" r="40" fill="blue"/>'
BAR = '<rect x="10" y="40" width="80" height="15" fill="green"/><circle cx="50" cy="80" r="9"/>'
CROSS = '<path d="M10 10 L90 90 M90 10 L10 90" stroke="black" stroke-width="12"/>'
WEDGE = '<path d="M10 90 L50 10 L90 90 Z" fill="orange"/>'
STEPS = '<path d="M10 90 V60 H40 V35 H65 V10 H90 V90 Z" fill="purple"/>'


def write_raw_folder(raw: Path) -> Path:
    """Write every package that gathering reads, with one to a few things in each."""
    write_wordnet(raw / "wordnet-base/usr/share/wordnet")
    clips = raw / "openclipart-svg/usr/share/openclipart/svg"
    for name, drawing in {
        "animals/green_frog_jane_doe_01": svg(
            CROSS,
            title="Green frog",
            keywords=["frog", "animal", "hash", "jane doe"],
            author="Jane Doe",
        ),
        "animals/rana02": svg(DISC, title="Rana02", keywords=["animal"]),
        "shapes/stars/star1": svg(SQUARE, title="Star"),
        "transportation/red_car": svg(BAR, title="Red Car", keywords=["auto"]),
        "transportation/red_car_again": svg(BAR, title="Happy car"),
        "food/half_lemon": svg(WEDGE, title="Half a lemon"),
    }.items():
        path = clips / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawing)
    (clips / "animals/linked.svg").symlink_to("green_frog_jane_doe_01.svg")
    (raw / "openclipart-png/usr/share/openclipart/png").mkdir(parents=True)
    _write_emoji(raw)
    stamps = raw / "tuxpaint-stamps-default/usr/share/tuxpaint/stamps"
    for name, (caption, corners) in {
        "animals/cat": ("A cat.\nde.utf8=Eine Katze.\n", [(0, 0), (50, 35), (0, 35)]),
        "animals/cartoon/fox": ("A happy fox!\n", [(0, 0), (50, 0), (25, 35)]),
        "town/houses/cartoon/house": ("A house.\n", [(25, 0), (50, 18), (25, 35), (0, 18)]),
        "symbols/alphabets/a": ("The letter a.\n", [(0, 0), (50, 35), (0, 35)]),
        "animals/nameless": ("", [(0, 0), (50, 0), (25, 35)]),
    }.items():
        path = stamps / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
        ImageDraw.Draw(picture).polygon(corners, fill=(90, 40, 160, 255))
        picture.save(path)
        if caption:
            path.with_suffix(".txt").write_text(caption)
    (stamps / "animals/fox.svg").write_text(svg(STEPS))
    for package in (
        "plasma-workspace-wallpapers",
        "lomiri-wallpapers-16.04",
        "lomiri-wallpapers-20.04",
        "ukui-wallpapers",
    ):
        (raw / package).mkdir(parents=True)
    _write_wallpaper(raw / "ukui-wallpapers/usr/share/backgrounds/noise.png")
    return raw


def _write_emoji(raw: Path) -> None:
    names = {"dog-face": "1f436", "boat": "26f5", "woman-dark-skin-tone": "1f469-1f3ff"}
    bodies = {"dog-face": DISC, "boat": WEDGE, "woman-dark-skin-tone": SQUARE}
    for emoji_set in ("noto", "fluent-emoji", "twemoji"):
        folder = raw / emoji_set
        folder.mkdir(parents=True)
        icons = {name: {"body": body} for name, body in bodies.items()}
        (folder / "icons.json").write_text(
            json.dumps({"prefix": emoji_set, "icons": icons, "width": 100, "height": 100})
        )
        if emoji_set != "fluent-emoji":  # that one has no code points
            chars = {code: name for name, code in names.items()}
            (folder / "chars.json").write_text(json.dumps(chars))
            categories = {"categories": {"Animals & Nature": ["dog-face"]}}
            (folder / "metadata.json").write_text(json.dumps(categories))
    words = {"🐶": ["dog_face", "animal", "puppy", "pet_face"], "⛵": ["boat", "water", "car"]}
    (raw / "emojilib/dist").mkdir(parents=True)
    (raw / "emojilib/dist/emoji-en-US.json").write_text(json.dumps(words))


def _write_wallpaper(path: Path) -> None:
    path.parent.mkdir(parents=True)
    Image.effect_noise((400, 300), 80).convert("RGB").save(path)
