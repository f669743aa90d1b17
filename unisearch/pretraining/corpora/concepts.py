"""What a picture shows, as a key that synonyms share, and the split by that key.

Measuring on concepts that training never showed is what tells whether a model understands
pictures or remembers them, so a concept lies wholly in one split, across all sources.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from unisearch.pretraining.corpora.wording import segments
from unisearch.pretraining.corpora.wordnet import WordNet

_PERSON = "person"
_ANIMAL = "animal"
_OBJECT = "physical object"


class ConceptFinder:
    """Names the concepts of titles.

    The concept of a title is the head of its first noun phrase ("a red sports car near a lake" →
    car), replaced by the usual lemma of its most frequent WordNet meaning ("automobile" → car).
    A head that is no noun ("hourglass done") gives way to the last noun before it; without any,
    the whole phrase is the key. A compound that WordNet knows and that is no kind of its last word
    stays whole ("hot dog" is not under dog). A head in `broad` would put hundreds of unlike
    pictures under one key (face, woman, sign), so there the whole phrase is the key, whatever the
    order of its words.

    Args:
        wordnet: Where lemmas and meanings come from.
        broad: Keys of heads that say too little.
    """

    def __init__(self, wordnet: WordNet, broad: Collection[str] = ()) -> None:
        self._wordnet = wordnet
        self._broad = frozenset(broad)
        self._person = set(wordnet.noun_senses(_PERSON)[:1])
        self._animal = set(wordnet.noun_senses(_ANIMAL)[:1])
        self._object = set(wordnet.noun_senses(_OBJECT)[:1])

    def concepts(self, title: str) -> tuple[str, ...]:
        """Concepts of a title, the main one first; empty only if it has no words.

        Later ones ("a dog with a ball") are kept only when they are things that can be seen.
        """
        found: list[str] = []
        for place, segment in enumerate(segments(title)):
            segment = self._without_action(segment)
            key = self._key(segment)
            if place == 0:
                found.append(self._whole(title) if key is None or key in self._broad else key)
                if found[0] != key:
                    break
            elif key and key not in self._broad and self._is_visible(key):
                found.append(key)
        return tuple(dict.fromkeys(found))

    def head(self, title: str) -> str | None:
        """Key of the head of a title, broad or not."""
        parts = segments(title)
        return self._key(self._without_action(parts[0])) if parts else None

    def of_keyword(self, keyword: str) -> str | None:
        """Key of a keyword, or None if it is no noun."""
        return self._key(keyword.split())

    def _key(self, segment: list[str]) -> str | None:
        lemmas = [self._wordnet.noun_lemma(word) for word in segment]
        while lemmas and lemmas[-1] is None:
            lemmas.pop()
        head = lemmas[-1] if lemmas else None
        if head is None:
            return None
        segment = segment[: len(lemmas)]
        heads = set(self._wordnet.noun_senses(head))
        for size in (3, 2):
            compound = " ".join([*segment[-size:-1], head])
            sense = self._wordnet.plain_sense(compound) if len(segment) >= size else None
            if sense is not None and not self._wordnet.is_a(sense, heads):
                return self._wordnet.name_of_sense(sense)
        sense = self._wordnet.plain_sense(head)
        return self._wordnet.name_of_sense(sense) if sense is not None else None

    def _without_action(self, segment: list[str]) -> list[str]:
        """Cut "woman reading book" to "woman": what somebody does is not what is shown."""
        for place in range(1, len(segment)):
            if segment[place].endswith("ing") and self._is_living(segment[place - 1]):
                return segment[:place]
        return segment

    def _is_living(self, word: str) -> bool:
        lemma = self._wordnet.noun_lemma(word)
        senses = self._wordnet.noun_senses(lemma)[:1] if lemma else []
        return any(self._wordnet.is_a(sense, self._person | self._animal) for sense in senses)

    def _is_visible(self, key: str) -> bool:
        senses = self._wordnet.noun_senses(key)[:1]
        return any(self._wordnet.is_a(sense, self._object) for sense in senses)

    def _whole(self, title: str) -> str:
        lemmas = {
            self._wordnet.noun_lemma(word) or word for part in segments(title) for word in part
        }
        return " ".join(sorted(lemmas))


def broad_heads(
    titles: Iterable[str], finder: ConceptFinder, *, most_titles: int
) -> frozenset[str]:
    """Heads that stand in more than `most_titles` different titles."""
    heads = Counter(head for title in sorted(set(titles)) if (head := finder.head(title)))
    return frozenset(head for head, count in heads.items() if count > most_titles)


def split_of(concept: str, *, seed: int, shares: Mapping[str, float]) -> str:
    """Choose the split of a concept by its hash alone, so that more data changes nothing.

    Args:
        concept: The key.
        seed: Another seed gives another, equally good split.
        shares: Share of concepts for each held-out split; the rest is ``train``.

    >>> split_of("frog", seed=0, shares={"test": 0.0, "dev": 0.0})
    'train'
    """
    digest = hashlib.blake2b(f"{seed}:{concept}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    for split, share in shares.items():
        if place < share:
            return split
        place -= share
    return "train"
