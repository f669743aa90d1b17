"""The words of the ImageNet classes.

``imagenet_classes.tsv`` lists the 1,000 synsets of the ILSVRC 2012 challenge in the order of every
published classifier: WordNet id, the synset's lemmas, its hypernym's lemmas (WordNet 3.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class VisualClass:
    """One class of a classifier.

    Attributes:
        wordnet_id: ``n`` and the offset in WordNet 3.0's noun file.
        lemmas: Its names, the commonest first.
        hypernyms: Names of the class above.
    """

    wordnet_id: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]

    @property
    def tag(self) -> str:
        """The words that stand for the class beside the regions: its name and what it is.

        The hypernym settles which crane or drumstick is meant, and brings words people use:
        nobody types "Cardigan" for a dog. It is left out where the name says it already.
        """
        name, kind = self.lemmas[0], self.hypernyms[0] if self.hypernyms else ""
        return name if kind.split(" ")[-1] in name else f"{name} {kind}"


def imagenet_classes() -> tuple[VisualClass, ...]:
    """The 1,000 classes in classifier order."""
    table = resources.files("unisearch.model.visual").joinpath("imagenet_classes.tsv")
    classes = []
    for line in table.read_text(encoding="utf-8").splitlines():
        wordnet_id, lemmas, hypernyms = line.split("\t")
        classes.append(
            VisualClass(wordnet_id, tuple(lemmas.split("; ")), tuple(hypernyms.split("; ")))
        )
    return tuple(classes)
