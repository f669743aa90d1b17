"""WordNet's database files, as far as the corpora need them.

Only the plain files ``data.POS``, ``index.POS`` and ``noun.exc`` are read (wndb(5WN) describes
them); no corpus toolkit is involved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from unisearch.errors import ConfigError

_POS_FILES = ("noun", "verb", "adj", "adv")
_NOUN_ENDINGS = (
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
    ("s", ""),
)
_HYPERNYMS = frozenset({"@", "@i"})


@dataclass(frozen=True, slots=True)
class Synset:
    """One meaning.

    Attributes:
        offset: Where it stands in its file; identifies it within its part of speech.
        pos: ``noun``, ``verb``, ``adj`` or ``adv``.
        lemmas: Words for it, the usual one first, with spaces instead of underscores.
        hypernyms: Offsets of the next wider meanings of the same part of speech.
        definition: The gloss without its examples.
        examples: Sentences that use one of the lemmas.
    """

    offset: int
    pos: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[int, ...]
    definition: str
    examples: tuple[str, ...]


class WordNet:
    """Read-only look-ups in a folder of WordNet database files.

    Args:
        folder: Holds ``data.noun``, ``index.noun``, ``noun.exc`` and their kin.

    Raises:
        ConfigError: The folder holds no WordNet.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "data.noun").is_file():
            raise ConfigError(f"{folder} holds no WordNet database (data.noun is missing)")
        self._folder = folder

    def synsets(self) -> Iterator[Synset]:
        """All meanings of all parts of speech, in file order."""
        for pos in _POS_FILES:
            yield from _read_synsets(self._folder / f"data.{pos}", pos)

    def noun_senses(self, word: str) -> list[int]:
        """Offsets of the meanings of a noun lemma, most frequent first; empty if it is none."""
        return self._nouns.get(word.lower(), ([], 0))[0]

    def is_word(self, word: str) -> bool:
        """Whether `word` is a lemma of any part of speech, or a plural of one."""
        word = word.lower()
        return any(form in self._lemmas for form in (word, *self._base_forms(word)))

    def is_common(self, word: str) -> bool:
        """Whether `word` occurs in texts whose senses were tagged by hand.

        Latin names and foreign words that WordNet also lists do not.
        """
        word = word.lower()
        return any(form in self._tagged for form in (word, *self._base_forms(word)))

    def noun_lemma(self, word: str) -> str | None:
        """The dictionary form of a noun ("foxes" → "fox"), or None if it is no noun."""
        word = word.lower()
        if word in self._nouns and not self._is_rare_plural(word):
            return word
        for form in self._base_forms(word):
            if form in self._nouns:
                return form
        return word if word in self._nouns else None

    def name_of_sense(self, offset: int) -> str:
        """The usual lemma of a noun meaning."""
        return self._noun_synsets[offset].lemmas[0].lower()

    def is_name(self, word: str) -> bool:
        """Whether a noun is written with a capital in its most frequent meaning ("Jupiter")."""
        senses = self.noun_senses(word)
        return bool(senses) and not self._has_plain_spelling(senses[0], word)

    def plain_sense(self, word: str) -> int | None:
        """The most frequent meaning of a noun that is not a name ("doe" is no ministry).

        A noun with no such meaning gets its first one; no noun, None.
        """
        senses = self.noun_senses(word)
        plain = [sense for sense in senses if self._has_plain_spelling(sense, word)]
        return next(iter(plain or senses), None)

    def _has_plain_spelling(self, sense: int, word: str) -> bool:
        return word.lower() in self._noun_synsets[sense].lemmas

    def is_a(self, narrow: int, wide: set[int]) -> bool:
        """Whether the noun meaning `narrow` is one of `wide` or lies under one of them."""
        seen: set[int] = set()
        front = [narrow]
        while front:
            offset = front.pop()
            if offset in wide:
                return True
            if offset not in seen:
                seen.add(offset)
                front.extend(self._noun_synsets[offset].hypernyms)
        return False

    def _is_rare_plural(self, word: str) -> bool:
        """ "glasses" is a lemma of its own, "balls" only in one odd sense: prefer "ball"."""
        if not word.endswith("s") or self._nouns[word][1] > 0:
            return False
        return any(self._nouns.get(form, ([], 0))[1] > 0 for form in self._base_forms(word))

    def _base_forms(self, word: str) -> list[str]:
        forms = [self._exceptions[word]] if word in self._exceptions else []
        for ending, replacement in _NOUN_ENDINGS:
            if word.endswith(ending) and not word.endswith("ss") and len(word) > len(ending) + 1:
                forms.append(word[: len(word) - len(ending)] + replacement)
        return forms

    @cached_property
    def _noun_synsets(self) -> dict[int, Synset]:
        return {s.offset: s for s in _read_synsets(self._folder / "data.noun", "noun")}

    @cached_property
    def _nouns(self) -> dict[str, tuple[list[int], int]]:
        """Lemma → (offsets, number of senses seen in tagged texts)."""
        return dict(_read_index(self._folder / "index.noun"))

    @cached_property
    def _lemmas(self) -> frozenset[str]:
        files = (self._folder / f"index.{pos}" for pos in _POS_FILES)
        return frozenset(lemma for file in files for lemma, _ in _read_index(file))

    @cached_property
    def _tagged(self) -> frozenset[str]:
        files = (self._folder / f"index.{pos}" for pos in _POS_FILES)
        return frozenset(lemma for file in files for lemma, (_, n) in _read_index(file) if n)

    @cached_property
    def _exceptions(self) -> dict[str, str]:
        lines = (self._folder / "noun.exc").read_text(encoding="utf-8").splitlines()
        pairs = (line.split() for line in lines if line.strip())
        return {plural: singular.replace("_", " ") for plural, singular, *_ in pairs}


def _read_index(path: Path) -> Iterator[tuple[str, tuple[list[int], int]]]:
    """Yield (lemma, (offsets, tagged sense count)) of an ``index.POS`` file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(" "):  # the licence at the top
                continue
            fields = line.split()
            sense_count = int(fields[2])
            offsets = [int(field) for field in fields[-sense_count:]]
            yield fields[0].replace("_", " "), (offsets, int(fields[-sense_count - 1]))


def _read_synsets(path: Path, pos: str) -> Iterator[Synset]:
    """Yield the meanings of a ``data.POS`` file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(" "):
                continue
            fields, _, gloss = line.partition(" | ")
            parts = fields.split()
            word_count = int(parts[3], 16)
            lemmas = tuple(_plain(parts[4 + 2 * i]) for i in range(word_count))
            pointers = parts[4 + 2 * word_count :]
            hypernyms = tuple(
                int(pointers[2 + 4 * i])
                for i in range(int(pointers[0]))
                if pointers[1 + 4 * i] in _HYPERNYMS
            )
            definition, examples = split_gloss(gloss)
            yield Synset(int(parts[0]), pos, lemmas, hypernyms, definition, examples)


def split_gloss(gloss: str) -> tuple[str, tuple[str, ...]]:
    """Separate a definition from the quoted examples that follow it.

    >>> split_gloss('a small boat; "they row the boat"; "a leaky boat"')
    ('a small boat', ('they row the boat', 'a leaky boat'))
    """
    definition, quote, rest = gloss.strip().partition('; "')
    examples = re.findall(r'"([^"]+)"', quote[2:] + rest) if quote else []
    return definition.strip().rstrip(";"), tuple(example.strip() for example in examples)


def _plain(lemma: str) -> str:
    """Drop adjective markers such as ``(p)`` and turn underscores into spaces."""
    return re.sub(r"\((a|p|ip)\)$", "", lemma).replace("_", " ")
