from __future__ import annotations

from pathlib import Path

import pytest

from tests.unisearch.pretraining.corpora.miniature import small_wordnet
from unisearch.pretraining.corpora.concepts import ConceptFinder, broad_heads, split_of
from unisearch.pretraining.corpora.wordnet import WordNet

SHARES = {"test": 0.1, "dev": 0.03}


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    return small_wordnet(tmp_path)


@pytest.mark.parametrize(
    ("title", "concepts"),
    [
        ("a red automobile", ("car",)),  # synonyms share a key
        ("foxes", ("fox",)),
        ("polar bear", ("bear",)),  # a kind of bear
        ("hot dog", ("hot dog",)),  # no kind of dog
        ("ice cream", ("ice cream",)),
        ("a dog with a ball", ("dog", "ball")),
        ("a dog with an idea", ("dog",)),  # ideas cannot be seen
        ("a slice of lemon", ("lemon",)),
        ("woman reading house", ("woman",)),  # what she does is not what she is
        ("frog happy", ("frog",)),  # the head is no noun
        ("swim happy", ("happy swim",)),  # nothing is
        ("doe", ("doe",)),
        ("", ()),
    ],
)
def test_concepts_of_titles(wordnet: WordNet, title: str, concepts: tuple[str, ...]) -> None:
    assert ConceptFinder(wordnet).concepts(title) == concepts


def test_a_broad_head_makes_the_phrase_the_concept(wordnet: WordNet) -> None:
    finder = ConceptFinder(wordnet, broad={"face"})
    assert finder.concepts("happy face") == ("face happy",)
    assert finder.concepts("faces of a happy dog") == finder.concepts("happy dog face")
    assert finder.concepts("a dog with a face") == ("dog",)


def test_broad_heads_stand_in_many_different_titles(wordnet: WordNet) -> None:
    titles = ["red face", "happy face", "green face", "red car", "auto", "red car", "red car"]
    assert broad_heads(titles, ConceptFinder(wordnet), most_titles=2) == {"face"}


def test_keywords_have_concepts_too(wordnet: WordNet) -> None:
    finder = ConceptFinder(wordnet)
    assert finder.of_keyword("automobiles") == "car"
    assert finder.of_keyword("polar bear") == "bear"
    assert finder.of_keyword("happy") is None


def test_shares_of_the_splits() -> None:
    splits = [split_of(f"concept {n}", seed=0, shares=SHARES) for n in range(5000)]
    assert splits.count("test") == pytest.approx(500, abs=60)
    assert splits.count("dev") == pytest.approx(150, abs=40)


def test_the_split_depends_on_the_concept_and_the_seed_alone() -> None:
    names = [f"concept {n}" for n in range(300)]
    first = [split_of(name, seed=0, shares=SHARES) for name in names]
    assert first == [split_of(name, seed=0, shares=SHARES) for name in names]
    assert first != [split_of(name, seed=1, shares=SHARES) for name in names]
    pinned = ["concept 7", "concept 33", "concept 71"]
    # Another hash would move concepts between splits of published figures.
    assert [n for n, split in zip(names, first, strict=True) if split == "test"][:3] == pinned
