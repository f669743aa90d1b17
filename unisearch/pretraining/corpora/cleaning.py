"""Which candidates say something about their picture, in English."""

from __future__ import annotations

from collections.abc import Collection

from unisearch.pretraining.corpora.candidates import Candidate
from unisearch.pretraining.corpora.concepts import ConceptFinder
from unisearch.pretraining.corpora.wording import PREPOSITIONS, word_set, words
from unisearch.pretraining.corpora.wordnet import WordNet

_EMPTY_HEADS = word_set(
    "clipart art image picture icon button thing object collection set theme element test logo "
    "design pattern variation version example sample copy file work stuff misc drawing "
    "submission gradient series card background symbol letter number"
)


_LONG_WORD = 6
_UNWANTED = word_set("stripper nude naked sexy pantyhose stockings lingerie sex porn nazi")


class EnglishFilter:
    """Chooses the titles that are English and name something.

    Args:
        wordnet: The lexicon.
        vocabulary: More words to take as English, such as the emoji keywords.
        finder: Says whether a title has a head.
    """

    def __init__(
        self, wordnet: WordNet, vocabulary: Collection[str], finder: ConceptFinder
    ) -> None:
        self._wordnet = wordnet
        self._vocabulary = frozenset(vocabulary)
        self._finder = finder

    def good_titles(self, candidate: Candidate) -> tuple[str, ...]:
        """Titles of `candidate` that can be captions, in their order."""
        return tuple(t for t in candidate.titles if self.why_not(t, candidate.keywords) is None)

    def why_not(self, title: str, keywords: Collection[str] = ()) -> str | None:
        """Say what is wrong with a title, or None: it can be a caption."""
        parts = words(title)
        if not parts or max(map(len, parts)) < 3:
            return "a title that says nothing"
        if len(parts) > 12:
            return "a title that is a story"
        near = {word for keyword in keywords for word in words(keyword)}
        if _UNWANTED & set(parts):
            return "not for everybody's eyes"
        unknown = [w for w in parts if not self._is_english(w, near)]
        if unknown:
            return "a title that is not English"
        head = self._finder.head(title)
        if head in _EMPTY_HEADS and len(parts) < 2:
            return "a title that says nothing"
        return None

    def good_keywords(self, candidate: Candidate) -> tuple[str, ...]:
        """Keywords that are English words."""
        return tuple(
            keyword
            for keyword in candidate.keywords
            if all(self._is_english(word, set()) for word in words(keyword))
        )

    def good_description(self, candidate: Candidate) -> str:
        """The description when it is a short English phrase, else an empty string."""
        parts = words(candidate.description)
        if not 3 <= len(parts) <= 20:
            return ""
        known = sum(self._is_english(word, set()) for word in parts)
        return candidate.description if known == len(parts) else ""

    def _is_english(self, word: str, near: Collection[str]) -> bool:
        if word in PREPOSITIONS or word in self._vocabulary or self._wordnet.is_common(word):
            return True
        if "-" in word:
            return all(self._is_english(part, near) for part in word.split("-") if part)
        # Latin, Italian and French words are lemmas too ("rana" is a genus of frogs): trust a rare
        # word only when somebody also gave it as a keyword, or when it is a long one.
        rare = self._wordnet.is_word(word)
        return rare and (word in near or len(word) >= _LONG_WORD)
