from __future__ import annotations

from pathlib import Path

import pytest

from unisearch.errors import ConfigError
from unisearch.pretraining.corpora.records import (
    BarePicture,
    Pair,
    read_bare_pictures,
    read_pairs,
    write_jsonl,
)

PAIR = Pair(
    id="clips/frog",
    image="images/clips/frog.jpg",
    captions=("A frog", "Ein Frosch, größer"),
    keywords=("animal",),
    concept="frog",
    concepts=("frog",),
    source="clips",
    licence="CC0-1.0",
    split="train",
    kind="drawing",
    concept_seen_in_training=True,
)
BARE = BarePicture(
    id="walls/sea-crop1",
    image="images/walls/sea-crop1.jpg",
    parent="walls/sea",
    box=(0.1, 0.2, 0.6, 0.7),
    source="walls",
    licence="CC-BY-4.0",
)


def test_pairs_come_back_as_they_were(tmp_path: Path) -> None:
    test = Pair(**{**{n: getattr(PAIR, n) for n in Pair.__slots__}, "split": "test"})
    assert write_jsonl(tmp_path / "pairs.jsonl", [PAIR, test]) == 2
    assert read_pairs(tmp_path) == [PAIR, test]
    assert read_pairs(tmp_path, splits=["test"]) == [test]


def test_bare_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "unlabelled.jsonl", [BARE])
    assert read_bare_pictures(tmp_path) == [BARE]


def test_a_folder_without_a_corpus_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unisearch gather"):
        read_pairs(tmp_path)


def test_an_unknown_split_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\['val'\]; there are train, dev, test, stamps"):
        read_pairs(tmp_path, splits=["val"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: not JSON"),
        ("[1]", "line 1: expected an object"),
        ('{"id": "x"}', "line 1: not a labelled picture"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "pairs.jsonl").write_text(line + "\n")
    with pytest.raises(ConfigError, match=message):
        read_pairs(tmp_path)


def test_a_damaged_line_of_bare_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "unlabelled.jsonl").write_text('{"id": "x", "box": [0, 1]}\n')
    with pytest.raises(ConfigError, match="line 1: not an unlabelled picture"):
        read_bare_pictures(tmp_path)
