from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unisearch.pretraining.corpora.miniature import small_wordnet
from unisearch.pretraining.corpora.candidates import Candidate
from unisearch.pretraining.corpora.cleaning import EnglishFilter
from unisearch.pretraining.corpora.concepts import ConceptFinder

CANDIDATE = Candidate(
    id="clips/one", titles=(), source="clips", licence="CC0-1.0", kind="drawing", drawing="<svg/>"
)


@pytest.fixture
def english(tmp_path: Path) -> EnglishFilter:
    wordnet = small_wordnet(tmp_path)
    return EnglishFilter(wordnet, {"selfie", "and"}, ConceptFinder(wordnet))


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("red car", None),
        ("selfie", None),  # in the vocabulary
        ("red-green dog", None),
        ("rana", "not English"),  # a genus that happens to be Italian for frog
        ("cane rosso", "not English"),
        ("sm", "says nothing"),
        ("", "says nothing"),
        ("car " * 13, "a story"),
        ("nude woman", "eyes"),
    ],
)
def test_titles(english: EnglishFilter, title: str, reason: str | None) -> None:
    found = english.why_not(title)
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_a_rare_word_counts_when_somebody_gave_it_as_a_keyword_or_when_it_is_long(
    english: EnglishFilter,
) -> None:
    assert english.why_not("rana", ["rana", "pond"]) is None
    assert english.why_not("echidna") is None


def test_good_parts_of_a_candidate_stay(english: EnglishFilter) -> None:
    candidate = replace(
        CANDIDATE,
        titles=("rana", "green frog"),
        keywords=("animal", "verde"),
        description="a happy frog and a car",
    )
    assert english.good_titles(candidate) == ("green frog",)
    assert english.good_keywords(candidate) == ("animal",)
    assert english.good_description(candidate) == ""  # "a" is not in this lexicon
    described = replace(candidate, description="happy frog with car")
    assert english.good_description(described) == "happy frog with car"
    foreign = replace(candidate, description="happy frog con car")
    assert english.good_description(foreign) == ""
