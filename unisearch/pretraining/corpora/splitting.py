"""Candidates to pairs: every concept in one split, in every source."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.concepts import ConceptFinder, split_of
from unisearch.pretraining.corpora.records import Pair
from unisearch.pretraining.corpora.wording import captions
from unisearch.pretraining.corpora.wordnet import WordNet

STAMPS = "stamps"
TRAIN = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """How concepts are divided.

    Attributes:
        seed: Another seed, another split.
        test_share: Share of concepts held out for the final measurement.
        dev_share: Share of concepts held out for choosing between runs.
    """

    seed: int = 0
    test_share: float = 0.10
    dev_share: float = 0.03

    @property
    def shares(self) -> Mapping[str, float]:
        """Held-out splits and their shares."""
        return {"test": self.test_share, "dev": self.dev_share}


def split_candidates(
    candidates: Sequence[Candidate],
    *,
    finder: ConceptFinder,
    wordnet: WordNet,
    options: SplitOptions,
) -> tuple[list[Pair], list[Dropped]]:
    """Give every candidate its concepts, split and captions.

    A picture goes where its main concept goes. A picture whose main concept is trained but which
    also shows a held-out one ("a dog with a ball", ball held out) fits nowhere and is left out.
    Training captions lose the keywords that name held-out concepts.

    Args:
        candidates: Cleaned ones, with at least one good title each.
        finder: Names concepts.
        wordnet: For articles.
        options: Seed and shares.

    Returns:
        Pairs, in the order of `candidates`, and what was left out.
    """
    pairs: list[Pair] = []
    dropped: list[Dropped] = []
    for candidate in candidates:
        concepts = _concepts(candidate, finder)
        if not concepts:
            dropped.append(_drop(candidate, "a title without a noun"))
            continue
        splits = [split_of(c, seed=options.seed, shares=options.shares) for c in concepts]
        split = STAMPS if candidate.source == STAMPS else splits[0]
        if split != STAMPS and any(other not in (split, TRAIN) for other in splits):
            dropped.append(_drop(candidate, "shows concepts of two splits"))
            continue
        kept = candidate
        if split == TRAIN:
            kept = _without_held_out_words(candidate, finder, options)
        pairs.append(_pair(kept, concepts, split, wordnet))
    return _mark_seen(pairs), dropped


def _concepts(candidate: Candidate, finder: ConceptFinder) -> tuple[str, ...]:
    """Concepts of all titles, those of the best one first."""
    found = [concept for title in candidate.titles for concept in finder.concepts(title)]
    return tuple(dict.fromkeys(found))


def _without_held_out_words(
    candidate: Candidate, finder: ConceptFinder, options: SplitOptions
) -> Candidate:
    def is_trained(keyword: str) -> bool:
        concept = finder.of_keyword(keyword)
        found = {concept, *(finder.of_keyword(word) for word in keyword.split())} - {None}
        return all(
            split_of(str(c), seed=options.seed, shares=options.shares) == TRAIN for c in found
        )

    keywords = tuple(keyword for keyword in candidate.keywords if is_trained(keyword))
    groups = [group for group in candidate.category.split(", ") if is_trained(group)]
    description = candidate.description
    if not all(is_trained(word.strip(".,!?\"'()").lower()) for word in description.split()):
        description = ""
    return replace(
        candidate, keywords=keywords, category=", ".join(groups), description=description
    )


def _pair(candidate: Candidate, concepts: tuple[str, ...], split: str, wordnet: WordNet) -> Pair:
    said = candidate.captions or captions(
        candidate.titles,
        keywords=candidate.keywords,
        category=candidate.category,
        medium="emoji" if candidate.kind == "emoji" else "drawing",
        wordnet=wordnet,
        description=candidate.description,
    )
    return Pair(
        id=candidate.id,
        image=f"images/{candidate.id}.jpg",
        captions=said,
        keywords=candidate.keywords,
        concept=concepts[0],
        concepts=concepts,
        source=candidate.source,
        licence=candidate.licence,
        split=split,
        kind=candidate.kind,
        concept_seen_in_training=False,
    )


def mark_seen(pairs: Iterable[Pair]) -> list[Pair]:
    """Fill in `Pair.concept_seen_in_training` from the pairs that are in training now."""
    return _mark_seen(list(pairs))


def _mark_seen(pairs: Collection[Pair]) -> list[Pair]:
    trained = {c for pair in pairs if pair.split == TRAIN for c in pair.concepts}
    return [
        replace(pair, concept_seen_in_training=any(c in trained for c in pair.concepts))
        for pair in pairs
    ]


def _drop(candidate: Candidate, reason: str) -> Dropped:
    return Dropped(id=candidate.id, source=candidate.source, reason=reason)
