"""Make a corpus: fetch → clean → split → render → write.

::

    python -m unisearch.pretraining.corpora.gather OUT --raw CACHE

The result depends on the packages' versions and the seed only. A run that was stopped goes on
where it was: what is fetched and what is rendered stays.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from unisearch.pretraining.corpora import card, raw
from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.cleaning import EnglishFilter
from unisearch.pretraining.corpora.concepts import ConceptFinder, broad_heads
from unisearch.pretraining.corpora.pictures import distinct_pairs, make_crops, render_all
from unisearch.pretraining.corpora.records import write_jsonl
from unisearch.pretraining.corpora.sources import emoji, openclipart, stamps, wallpapers
from unisearch.pretraining.corpora.splitting import SplitOptions, mark_seen, split_candidates
from unisearch.pretraining.corpora.text_questions import (
    choose_synsets,
    questions,
    write_questions,
)
from unisearch.pretraining.corpora.texts import write_texts
from unisearch.pretraining.corpora.wordnet import WordNet

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherOptions:
    """How a corpus is made.

    Attributes:
        split: How concepts are divided.
        broad_titles: A head noun in more different titles than this is too broad for a concept.
        crops_per_photo: How many random crops are added to each photograph without words.
        text_questions: Questions of each dictionary task.
        workers: Processes that render.
    """

    split: SplitOptions = field(default_factory=SplitOptions)
    broad_titles: int = 25
    crops_per_photo: int = 8
    text_questions: int = 1000
    workers: int = 2


def gather(out: Path, raw_folder: Path, options: GatherOptions | None = None) -> None:
    """Write a corpus into `out`.

    Args:
        out: Folder of the corpus; created if absent.
        raw_folder: Cache of fetched packages; what is missing is fetched.
        options: How.

    Raises:
        ConfigError: A package cannot be fetched or is not what it should be.
    """
    options = options or GatherOptions()
    folders = raw.fetch(raw_folder)
    wordnet = WordNet(folders["wordnet-base"] / "usr/share/wordnet")
    offered = list(_offered(folders))
    dropped = [one for one in offered if isinstance(one, Dropped)]
    candidates, unclear = _cleaned([one for one in offered if isinstance(one, Candidate)], wordnet)
    _log.info("%d candidates, %d left out", len(candidates), len(dropped) + len(unclear))

    titles = [title for one in candidates for title in one.titles]
    broad = broad_heads(titles, ConceptFinder(wordnet), most_titles=options.broad_titles)
    pairs, mixed = split_candidates(
        candidates, finder=ConceptFinder(wordnet, broad), wordnet=wordnet, options=options.split
    )
    hashes, unrendered = render_all(candidates, out / "images", workers=options.workers)
    pairs, doubled = distinct_pairs([pair for pair in pairs if pair.id in hashes], hashes)
    pairs = mark_seen(pairs)
    dropped += [*unclear, *mixed, *unrendered, *doubled]

    write_jsonl(out / "pairs.jsonl", pairs)
    _log.info("%d labelled pictures", len(pairs))
    bare = make_crops(
        list(wallpapers.photos(folders)),
        out,
        crops_per_photo=options.crops_per_photo,
        seed=options.split.seed,
    )
    write_jsonl(out / "unlabelled.jsonl", bare)
    nouns, used = choose_synsets(wordnet, count=options.text_questions, seed=options.split.seed)
    asked = questions(nouns, used, pairs)
    write_questions(out / "text_eval.jsonl", asked)
    text_count = write_texts(out / "texts.txt", wordnet, without=[*nouns, *used])
    card.write(out, pairs, bare, dropped, text_count, broad=broad, settings=asdict(options))


def _offered(folders: dict[str, Path]) -> list[Candidate | Dropped]:
    svg = folders["openclipart-svg"] / "usr/share/openclipart/svg"
    png = folders["openclipart-png"] / "usr/share/openclipart/png"
    stamp_root = folders["tuxpaint-stamps-default"] / "usr/share/tuxpaint/stamps"
    return [
        *openclipart.candidates(svg, png),
        *emoji.candidates(folders, folders["emojilib"]),
        *stamps.candidates(stamp_root),
    ]


def _cleaned(
    candidates: Sequence[Candidate], wordnet: WordNet
) -> tuple[list[Candidate], list[Dropped]]:
    """Keep the candidates that say something in English, with what they say."""
    vocabulary = {
        word
        for one in candidates
        if one.kind == "emoji"
        for text in (*one.titles, *one.keywords)
        for word in text.split()
    }
    english = EnglishFilter(wordnet, vocabulary, ConceptFinder(wordnet))
    kept: list[Candidate] = []
    dropped: list[Dropped] = []
    for one in candidates:
        titles = one.titles if one.captions else english.good_titles(one)
        if not titles:
            reasons = [english.why_not(title, one.keywords) for title in one.titles]
            reason = next((why for why in reasons if why), "a title that says nothing")
            dropped.append(Dropped(id=one.id, source=one.source, reason=reason))
            continue
        kept.append(
            replace(
                one,
                titles=titles,
                keywords=english.good_keywords(one),
                description=english.good_description(one),
            )
        )
    return kept, dropped


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and make a corpus."""
    parser = argparse.ArgumentParser(description="Make a corpus of pictures with words.")
    parser.add_argument("out", type=Path, help="folder of the corpus")
    parser.add_argument("--raw", type=Path, required=True, help="cache of fetched packages")
    parser.add_argument("--seed", type=int, default=0, help="seed of the concept split")
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = GatherOptions(split=SplitOptions(seed=given.seed), workers=given.workers)
    gather(given.out, given.raw, options)


if __name__ == "__main__":
    main()
