from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.unisearch.pretraining.corpora.miniature import small_wordnet
from unisearch.errors import ConfigError
from unisearch.pretraining.corpora import wordnet as module
from unisearch.pretraining.corpora.wordnet import WordNet, split_gloss


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    return small_wordnet(tmp_path)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_synsets_have_their_words_definition_and_examples(wordnet: WordNet) -> None:
    dog = next(synset for synset in wordnet.synsets() if "dog" in synset.lemmas)
    assert dog.lemmas == ("dog", "domestic dog")
    assert dog.definition == "a tame canine"
    assert dog.examples == ("the dog barked all night",)
    assert {synset.pos for synset in wordnet.synsets()} == {"noun", "verb", "adj"}


@pytest.mark.parametrize(
    ("word", "lemma"),
    [
        ("dog", "dog"),
        ("Dogs", "dog"),
        ("foxes", "fox"),
        ("women", "woman"),  # listed as an exception
        ("glasses", "glasses"),  # a word of its own
        ("balls", "ball"),  # the odd sense of the plural is not what is meant
        ("swim", None),
        ("xyzzy", None),
    ],
)
def test_noun_lemmas(wordnet: WordNet, word: str, lemma: str | None) -> None:
    assert wordnet.noun_lemma(word) == lemma


def test_names_are_passed_over_for_common_nouns(wordnet: WordNet) -> None:
    assert wordnet.is_name("doe")
    sense = wordnet.plain_sense("doe")
    assert sense is not None
    assert wordnet.name_of_sense(sense) == "doe"
    assert sense != wordnet.noun_senses("doe")[0]
    assert wordnet.plain_sense("jupiter") == wordnet.noun_senses("jupiter")[0]
    assert not wordnet.is_name("dog")


def test_kinds_of_things(wordnet: WordNet) -> None:
    [puppy], animals = wordnet.noun_senses("puppy"), set(wordnet.noun_senses("animal"))
    assert wordnet.is_a(puppy, animals)
    assert wordnet.is_a(puppy, {puppy})
    assert not wordnet.is_a(wordnet.noun_senses("car")[0], animals)


def test_common_words_are_those_of_tagged_texts(wordnet: WordNet) -> None:
    assert wordnet.is_common("cars")
    assert wordnet.is_common("red")
    assert wordnet.is_word("rana")
    assert not wordnet.is_common("rana")
    assert not wordnet.is_word("xyzzy")


def test_a_gloss_without_examples() -> None:
    assert split_gloss("a dark, a cold place;") == ("a dark, a cold place", ())


def test_a_folder_without_wordnet(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.noun is missing"):
        WordNet(tmp_path)
