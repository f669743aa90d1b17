"""The corpus of bare sentences: dictionary glosses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.corpora.wordnet import Synset, WordNet


def write_texts(path: Path, wordnet: WordNet, *, without: Iterable[Synset] = ()) -> int:
    """Write one ``lemma: definition`` a line, each followed by its examples.

    Args:
        path: The file, written atomically.
        wordnet: Where they come from.
        without: Meanings kept for measuring; none of their lines is written, not even where
            another meaning has the same line.

    Returns:
        The number of lines.
    """
    held_out = list(without)
    kept_back = {text for synset in held_out for text in (synset.definition, *synset.examples)}
    lines: list[str] = []
    for synset in wordnet.synsets():
        if synset.definition not in kept_back:
            lines.append(f"{synset.lemmas[0]}: {synset.definition}")
            lines += [example for example in synset.examples if example not in kept_back]
    lines = [" ".join(line.split()) for line in lines]
    with written_atomically(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)
