"""Questions from text to text whose answers are known, for measuring what training costs.

Three tasks, all in words that training does not read:

``definition``
    A dictionary definition; its answers are the words it defines.
``example``
    A sentence that uses a word; its answer is the dictionary's entry for the meaning it has there.
``keywords``
    Words given to an emoji; its answer is the emoji's name. Only emoji of held-out concepts ask;
    the names of all others are wrong answers to choose from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from unisearch.evaluation.text_pairs import TextQuestion
from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.corpora.records import Pair
from unisearch.pretraining.corpora.wording import words
from unisearch.pretraining.corpora.wordnet import Synset, WordNet

_FEWEST_DEFINITION_WORDS = 6
_FEWEST_EXAMPLE_WORDS = 5
_FEWEST_KEYWORDS = 3
_MOST_KEYWORDS = 8


def choose_synsets(wordnet: WordNet, *, count: int, seed: int) -> tuple[list[Synset], list[Synset]]:
    """Choose the meanings to ask about, by hash: for ``definition`` and for ``example``.

    A meaning is fit when its words are in common use, when its definition has a few words and
    does not give the answer away.
    """
    fit = [synset for synset in wordnet.synsets() if _is_fit(synset, wordnet)]
    fit.sort(key=lambda s: hashlib.blake2b(f"{seed}:{s.pos}:{s.offset}".encode()).digest())
    nouns = [synset for synset in fit if synset.pos == "noun"][:count]
    taken = {(synset.pos, synset.offset) for synset in nouns}
    used = [s for s in fit if _example(s) and (s.pos, s.offset) not in taken][:count]
    return nouns, used


def questions(
    nouns: Sequence[Synset], used: Sequence[Synset], pairs: Iterable[Pair]
) -> list[TextQuestion]:
    """Make the questions of all tasks, in a fixed order.

    Args:
        nouns: Meanings for ``definition``.
        used: Meanings for ``example``.
        pairs: Labelled pictures: the emoji among them.
    """
    asked = [
        TextQuestion(task="definition", query=synset.definition, positives=synset.lemmas)
        for synset in nouns
    ]
    asked += [
        TextQuestion(task="example", query=_example(synset), positives=(_entry(synset),))
        for synset in used
    ]
    return asked + _emoji_questions(pairs)


def write_questions(path: Path, asked: Iterable[TextQuestion]) -> int:
    """Write questions to `path` atomically, one JSON object a line; return how many ask."""
    rows = [
        {"task": one.task, "query": one.query, "positives": list(one.positives)} for one in asked
    ]
    with written_atomically(path) as temporary:
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return sum(row["query"] is not None for row in rows)


def _is_fit(synset: Synset, wordnet: WordNet) -> bool:
    said = set(words(synset.definition))
    return (
        len(words(synset.definition)) >= _FEWEST_DEFINITION_WORDS
        and all(wordnet.is_common(lemma) for lemma in synset.lemmas)
        and all(lemma.islower() for lemma in synset.lemmas)
        and not any(said & set(words(lemma)) for lemma in synset.lemmas)
    )


def _example(synset: Synset) -> str | None:
    long = (e for e in synset.examples if len(words(e)) >= _FEWEST_EXAMPLE_WORDS)
    return next(long, None)


def _entry(synset: Synset) -> str:
    return f"{synset.lemmas[0]}: {synset.definition}"


def _emoji_questions(pairs: Iterable[Pair]) -> list[TextQuestion]:
    asked: dict[str, TextQuestion] = {}
    for pair in pairs:
        if pair.kind != "emoji":
            continue
        name = pair.captions[0]
        said = set(words(name))
        hints = [word for word in pair.keywords if not said & set(words(word))]
        asks = pair.split in {"test", "dev"} and len(hints) >= _FEWEST_KEYWORDS
        query = ", ".join(hints[:_MOST_KEYWORDS]) if asks else None
        if name not in asked or (query and not asked[name].query):
            asked[name] = TextQuestion(task="keywords", query=query, positives=(name,))
    return [asked[name] for name in sorted(asked)]
