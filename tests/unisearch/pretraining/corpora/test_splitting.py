from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unisearch.pretraining.corpora.miniature import SENSES, small_wordnet
from unisearch.pretraining.corpora.candidates import Candidate
from unisearch.pretraining.corpora.concepts import ConceptFinder, split_of
from unisearch.pretraining.corpora.splitting import SplitOptions, mark_seen, split_candidates
from unisearch.pretraining.corpora.wordnet import WordNet

HALVES = SplitOptions(test_share=0.3, dev_share=0.2)


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    return small_wordnet(tmp_path)


def candidate(title: str, *, source: str = "clips", **more: object) -> Candidate:
    made = Candidate(
        id=f"{source}/{title}".replace(" ", "-"),
        titles=(title,),
        source=source,
        licence="CC0-1.0",
        kind="drawing",
        drawing="<svg/>",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def split(title: str, wordnet: WordNet, options: SplitOptions = HALVES) -> str:
    [concept] = ConceptFinder(wordnet).concepts(title)
    return split_of(concept, seed=options.seed, shares=options.shares)


def test_no_concept_lies_in_two_splits_and_none_held_out_is_trained(wordnet: WordNet) -> None:
    things = [s.lemmas[0] for s in SENSES if s.above in {"object", "animal", "person"}]
    synonyms = ["auto", "automobile", "dogs", "domestic dog"]
    titles = [f"{a} with {b}" for a, b in itertools.permutations(things, 2)]
    candidates = [candidate(t, source=s) for s in ("a", "b") for t in things + synonyms + titles]
    pairs, dropped = split_candidates(
        candidates, finder=ConceptFinder(wordnet), wordnet=wordnet, options=HALVES
    )
    concepts = {
        name: {pair.concept for pair in pairs if pair.split == name}
        for name in ("train", "dev", "test")
    }
    assert all(concepts.values())
    for one, other in itertools.combinations(concepts.values(), 2):
        assert not one & other
    trained = {c for pair in pairs if pair.split == "train" for c in pair.concepts}
    assert not trained & (concepts["dev"] | concepts["test"])
    assert len(pairs) + len(dropped) == len(candidates)
    assert {one.reason for one in dropped} == {"shows concepts of two splits"}


def test_stamps_are_never_trained_whatever_they_show(wordnet: WordNet) -> None:
    candidates = [
        candidate(title, source="stamps", captions=(f"A {title}.",))
        for title in ("dog", "frog", "car", "ball", "boat", "house", "fox", "bear")
    ]
    pairs, dropped = split_candidates(
        candidates, finder=ConceptFinder(wordnet), wordnet=wordnet, options=HALVES
    )
    assert not dropped
    assert {pair.split for pair in pairs} == {"stamps"}
    assert pairs[0].captions == ("A dog.",)


def test_training_words_do_not_name_held_out_concepts(wordnet: WordNet) -> None:
    things = ["dog", "frog", "car", "ball", "boat", "house", "fox", "bear", "cat", "apple"]
    held_out = [thing for thing in things if split(thing, wordnet) != "train"]
    trained = [thing for thing in things if split(thing, wordnet) == "train"]
    assert held_out
    assert trained
    [pair], _ = split_candidates(
        [
            candidate(
                trained[0],
                keywords=(*held_out, "happy", trained[-1], f"{held_out[0]} happy"),
                category=f"objects, {held_out[0]}s",
                description=f"Beside a {held_out[0]}.",
            )
        ],
        finder=ConceptFinder(wordnet),
        wordnet=wordnet,
        options=HALVES,
    )
    assert pair.keywords == ("happy", trained[-1])
    spoken = " ".join(pair.captions)
    assert not any(thing in spoken for thing in held_out)


def test_whether_a_measured_concept_is_also_trained(wordnet: WordNet) -> None:
    everything_trained = SplitOptions(test_share=0, dev_share=0)
    pairs, _ = split_candidates(
        [candidate("dog"), candidate("puppy", source="stamps"), candidate("dogs", source="stamps")],
        finder=ConceptFinder(wordnet),
        wordnet=wordnet,
        options=everything_trained,
    )
    assert [pair.concept_seen_in_training for pair in pairs] == [True, False, True]
    # Once the training picture is gone, nobody has seen a dog.
    assert [pair.concept_seen_in_training for pair in mark_seen(pairs[1:])] == [False, False]


def test_a_title_without_words_is_left_out(wordnet: WordNet) -> None:
    pairs, dropped = split_candidates(
        [candidate("the")], finder=ConceptFinder(wordnet), wordnet=wordnet, options=HALVES
    )
    assert not pairs
    assert dropped[0].reason == "a title without a noun"
