"""What a corpus is made of: labelled pictures and bare pictures, one JSON object a line.

A corpus is a folder::

    corpus/
      pairs.jsonl       labelled pictures (`Pair`)
      unlabelled.jsonl  pictures without words (`BarePicture`)
      texts.txt         one sentence a line, no pictures
      text_eval.jsonl   text-to-text questions for `unisearch.evaluation.text_pairs`
      card.md, card.json  counts, licences, what was left out and why
      images/SOURCE/ID.jpg

Paths inside are relative to the folder, so it can be moved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unisearch.errors import ConfigError
from unisearch.pretraining.corpora.files import written_atomically

SPLITS = ("train", "dev", "test", "stamps")
"""``train`` is learned from; ``dev`` and ``test`` hold concepts that no training picture shows;
``stamps`` is a whole source kept for measuring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A picture and the things a person would say of it.

    Attributes:
        id: Unique in the corpus: ``SOURCE/NAME``.
        image: Path relative to the corpus folder.
        captions: At least one. The first is the plainest and is the one to measure with; the
            others say the same with keywords or a category.
        keywords: Lower-case words that people gave to the picture; may be empty.
        concept: What is shown, one key per meaning: "a motorcar" and "an automobile" share it.
        concepts: Every concept named in the caption ("a dog with a ball" has two); the split
            respects all of them.
        source: Name of the collection.
        licence: SPDX identifier or a short name.
        split: One of `SPLITS`.
        kind: ``drawing``, ``emoji``, ``photo``, ``cartoon`` or ``monument``.
        concept_seen_in_training: For pictures kept for measuring: whether any training picture
            shares a concept with this one. Always true in ``train``.
    """

    id: str
    image: str
    captions: tuple[str, ...]
    keywords: tuple[str, ...]
    concept: str
    concepts: tuple[str, ...]
    source: str
    licence: str
    split: str
    kind: str
    concept_seen_in_training: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BarePicture:
    """A picture, or a crop of one, that nobody described.

    Attributes:
        id: Unique in the corpus: ``SOURCE/NAME`` and ``SOURCE/NAME-crop3``.
        image: Path relative to the corpus folder.
        parent: Id of the whole picture; its own id for a whole one.
        box: Left, top, right, bottom of the crop as shares of the whole, in [0, 1].
        source: Name of the collection.
        licence: SPDX identifier or a short name.
    """

    id: str
    image: str
    parent: str
    box: tuple[float, float, float, float]
    source: str
    licence: str


def write_jsonl(path: Path, records: Iterable[Pair | BarePicture]) -> int:
    """Write records to `path` atomically, one a line, and return how many."""
    lines = [json.dumps(asdict(record), ensure_ascii=False) for record in records]
    with written_atomically(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)


def read_pairs(corpus: Path, *, splits: Iterable[str] = SPLITS) -> list[Pair]:
    """Read the labelled pictures of some splits, in the order they were written.

    Raises:
        ConfigError: There is no corpus in the folder, a split has an unknown name, or a line is
            not a record.
    """
    wanted = set(splits)
    if unknown := wanted - set(SPLITS):
        raise ConfigError(f"unknown splits {sorted(unknown)}; there are {', '.join(SPLITS)}")
    pairs = (_pair(row, place) for place, row in _rows(corpus / "pairs.jsonl"))
    return [pair for pair in pairs if pair.split in wanted]


def read_bare_pictures(corpus: Path) -> list[BarePicture]:
    """Read the pictures without words, in the order they were written.

    Raises:
        ConfigError: There is no corpus in the folder or a line is not a record.
    """
    pictures = []
    for place, row in _rows(corpus / "unlabelled.jsonl"):
        try:
            left, top, right, bottom = row.pop("box")
            pictures.append(BarePicture(**row, box=(left, top, right, bottom)))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{place}: not an unlabelled picture: {error}") from error
    return pictures


def _pair(row: dict[str, Any], place: str) -> Pair:
    try:
        lists = {name: tuple(row[name]) for name in ("captions", "keywords", "concepts")}
        return Pair(**(row | lists))
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{place}: not a labelled picture: {error}") from error


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place for messages, parsed object) for each line."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                place = f"{path}, line {number}"
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise ConfigError(f"{place}: not JSON: {error}") from error
                if not isinstance(row, dict):
                    raise ConfigError(f"{place}: expected an object, found {line[:40]!r}")
                yield place, row
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} does not exist; make a corpus with `unisearch gather FOLDER`"
        ) from error
