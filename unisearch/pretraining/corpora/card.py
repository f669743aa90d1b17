"""The corpus card: what is in it, under which licences, what was left out and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from unisearch.pretraining.corpora.candidates import Dropped
from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.corpora.records import SPLITS, BarePicture, Pair


def write(
    out: Path,
    pairs: Sequence[Pair],
    bare: Sequence[BarePicture],
    dropped: Sequence[Dropped],
    text_count: int,
    *,
    broad: Collection[str],
    settings: Mapping[str, Any],
) -> None:
    """Write ``card.json`` and ``card.md`` into `out`."""
    found = _summary(pairs, bare, dropped, text_count, broad, settings)
    for name, text in (("card.json", json.dumps(found, indent=2)), ("card.md", _page(found))):
        with written_atomically(out / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


def _summary(
    pairs: Sequence[Pair],
    bare: Sequence[BarePicture],
    dropped: Sequence[Dropped],
    text_count: int,
    broad: Collection[str],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    sources: dict[str, Any] = {}
    for source in sorted({p.source for p in pairs} | {d.source for d in dropped}):
        own = [pair for pair in pairs if pair.source == source]
        sources[source] = {
            "licence": own[0].licence if own else "",
            "splits": {split: sum(p.split == split for p in own) for split in SPLITS},
            "captions": sum(len(pair.captions) for pair in own),
            "dropped": dict(Counter(d.reason for d in dropped if d.source == source).most_common()),
        }
    splits = {split: [pair for pair in pairs if pair.split == split] for split in SPLITS}
    stamps = splits["stamps"]
    return {
        "pairs": len(pairs),
        "splits": {split: len(own) for split, own in splits.items()},
        "concepts": {split: len({p.concept for p in own}) for split, own in splits.items()},
        "sources": sources,
        "stamps": {
            "kinds": dict(Counter(pair.kind for pair in stamps).most_common()),
            "captions": len({pair.captions[0] for pair in stamps}),
            "concept_seen_in_training": sum(pair.concept_seen_in_training for pair in stamps),
        },
        "unlabelled": dict(Counter(picture.source for picture in bare)),
        "unlabelled_licences": {picture.source: picture.licence for picture in bare},
        "texts": text_count,
        "broad_heads": sorted(broad),
        "settings": dict(settings),
    }


def _page(found: Mapping[str, Any]) -> str:
    lines = ["# Corpus", "", f"{found['pairs']} labelled pictures.", ""]
    lines += ["| Source | Licence | " + " | ".join(SPLITS) + " | Captions |"]
    lines += ["|---|---|" + "--:|" * (len(SPLITS) + 1)]
    for name, own in found["sources"].items():
        counts = " | ".join(str(own["splits"][split]) for split in SPLITS)
        lines.append(f"| {name} | {own['licence']} | {counts} | {own['captions']} |")
    totals = " | ".join(str(found["splits"][split]) for split in SPLITS)
    concepts = " | ".join(str(found["concepts"][split]) for split in SPLITS)
    lines += [f"| all | | {totals} | |", f"| concepts | | {concepts} | |", ""]
    kinds = ", ".join(f"{count} {kind}s" for kind, count in found["stamps"]["kinds"].items())
    lines += [
        f"Stamps, for measuring only: {kinds}; {found['stamps']['captions']} different captions; "
        f"the concept of {found['stamps']['concept_seen_in_training']} is also in training.",
        "",
        f"Texts: {found['texts']} lines of WordNet (WordNet licence).",
        "",
        "Pictures without words: "
        + "; ".join(
            f"{count} from {source} ({found['unlabelled_licences'][source]})"
            for source, count in found["unlabelled"].items()
        )
        + ".",
        "",
        "Heads too broad to be concepts: " + ", ".join(found["broad_heads"]) + ".",
        "",
        "## Left out",
        "",
    ]
    for name, own in found["sources"].items():
        reasons = "; ".join(f"{reason} {count}" for reason, count in own["dropped"].items())
        lines.append(f"- {name}: {reasons or 'nothing'}.")
    return "\n".join(lines)
