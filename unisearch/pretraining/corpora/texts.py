"""The corpus of bare sentences: dictionary glosses."""

from __future__ import annotations

from pathlib import Path

from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.corpora.wordnet import WordNet


def write_texts(path: Path, wordnet: WordNet) -> int:
    """Write one ``lemma: definition`` a line, then the examples, and return the count of lines."""
    lines: list[str] = []
    for synset in wordnet.synsets():
        lines.append(f"{synset.lemmas[0]}: {synset.definition}")
        lines += synset.examples
    lines = [" ".join(line.split()) for line in lines]
    with written_atomically(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)
