from __future__ import annotations

from pathlib import Path

import pytest

from tests.unisearch.pretraining.corpora.miniature import small_wordnet
from unisearch.pretraining.corpora.wording import (
    captions,
    plain_title,
    segments,
    with_article,
    words,
)
from unisearch.pretraining.corpora.wordnet import WordNet


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    return small_wordnet(tmp_path)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Capsized_Sailing Illustration 3 (B and W)", "capsized sailing"),
        ("BypassLopper", "bypass lopper"),
        ("hat - clothing", "hat"),
        ("arrow-right-yellow", "yellow arrow"),
        ("paperback book black", "black paperback book"),
        ("green and yellow fireworks", "green and yellow fireworks"),
        ("Baby Tux", "baby penguin"),
        ("Rana02", "rana"),
        ("Tom &amp;amp; Jerry", "tom jerry"),
        ("clipart", ""),
        ("", ""),
    ],
)
def test_plain_titles(raw: str, plain: str) -> None:
    assert plain_title(raw) == plain


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("a slice of lemon on a plate", [["lemon"], ["plate"]]),
        ("red car", [["red", "car"]]),
        ("green and yellow fireworks", [["green", "yellow", "fireworks"]]),
        ("a cat and a dog", [["cat"], ["dog"]]),
        ("the", []),
    ],
)
def test_noun_phrases(title: str, expected: list[list[str]]) -> None:
    assert segments(title) == expected


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("red apple", "a red apple"),
        ("apple", "an apple"),
        ("apple on a boat", "an apple on a boat"),
        ("apples", "apples"),
        ("glasses", "glasses"),
        ("two dogs", "two dogs"),
        ("ice cream", "an ice cream"),
        ("jupiter", "jupiter"),
        ("happy", "happy"),
        ("cheese", "cheese"),
    ],
)
def test_articles(wordnet: WordNet, title: str, said: str) -> None:
    assert with_article(title, wordnet) == said


def test_words_lose_a_possessive_but_keep_a_hyphen() -> None:
    assert words("A wizard's T-shirt, 2 of them") == ["a", "wizard", "t-shirt", "of", "them"]


def test_captions_say_the_same_in_several_ways(wordnet: WordNet) -> None:
    said = captions(
        ["red apple", "apple"],
        keywords=["fruit", "red", "fruit", "healthy"],
        category="food, fruit",
        medium="drawing",
        wordnet=wordnet,
        description="A shiny apple.",
    )
    assert said == (
        "A red apple",
        "red apple",
        "red apple: fruit, healthy",
        "a drawing of a red apple (food, fruit)",
        "An apple",
        "A shiny apple.",
    )


def test_captions_without_anything_to_add(wordnet: WordNet) -> None:
    said = captions(["dog"], keywords=["dog"], category="", medium="emoji", wordnet=wordnet)
    assert said == ("A dog", "dog", "an emoji of a dog")
