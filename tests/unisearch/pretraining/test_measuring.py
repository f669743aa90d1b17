"""What a run measures, against naive loops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import (  # noqa: E402
    CAPTIONS,
    RECIPE,
    pair,
    tiny_features,
    tiny_model,
    tokenizer,
)
from unisearch.errors import ConfigError  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402
from unisearch.pretraining import measuring as module  # noqa: E402
from unisearch.pretraining.corpora.records import Pair, write_jsonl  # noqa: E402
from unisearch.pretraining.measuring import Measuring  # noqa: E402
from unisearch.pretraining.pictures import regions_and_tags  # noqa: E402
from unisearch.pretraining.recipe import Trainable  # noqa: E402
from unisearch.pretraining.start import Start  # noqa: E402

PAIRS = [
    *(pair(i, split="dev") for i in range(5)),
    *(pair(i, split="test") for i in (5, 6)),
    # Two pictures with one caption: either answers it.
    pair(7, split="test"),
    pair(8, split="test", captions=CAPTIONS[7]),
    pair(9, split="stamps", kind="photo"),
]
QUESTIONS: list[dict[str, Any]] = [
    {"task": "word", "query": "a small dog", "positives": ["dog", "a dog"]},
    {"task": "word", "query": "the round one", "positives": ["ball"]},
    {"task": "word", "query": None, "positives": ["sea", "moon", "star"]},
    {"task": "other", "query": "a fish", "positives": ["fish"]},
]
FEATURES = tiny_features(10, 1, seed=2)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_jsonl(tmp_path / "pairs.jsonl", PAIRS)
    lines = [json.dumps(question) for question in QUESTIONS]
    (tmp_path / "text_eval.jsonl").write_text("\n".join(lines))
    place = {record.image: i for i, record in enumerate(PAIRS)}

    def features(
        model: UnimoModel,
        pictures: Sequence[tuple[str, Path]],
        cache: Path,
        *,
        views: int,
        seed: int,
    ) -> Any:
        assert views == 1
        rows = [place[str(path.relative_to(tmp_path))] for _, path in pictures]
        return replace(
            FEATURES,
            ids=tuple(key for key, _ in pictures),
            grid=FEATURES.grid[rows],
            classes=FEATURES.classes[rows],
            probabilities=FEATURES.probabilities[rows],
        )

    monkeypatch.setattr(module, "picture_features", features)
    return tmp_path


def text_vector(model: UnimoModel, string: str) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        return model.embed_texts(torch.tensor([tokenizer().encode(string).ids]))[0].numpy()


def picture_vector(model: UnimoModel, record: Pair) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        regions, tags = regions_and_tags(model, FEATURES, [PAIRS.index(record)], [0])
        return model.embed_regions(regions, tags)[0].numpy()


def recalls(ranks: list[int], way: str) -> dict[str, float]:
    return {
        f"{way}_r{k}": round(100 * sum(rank <= k for rank in ranks) / len(ranks), 1)
        for k in (1, 5, 10)
    }


def naive(model: UnimoModel, texts: UnimoModel, records: list[Pair]) -> dict[str, float]:
    captions = list(dict.fromkeys(record.captions[0] for record in records))
    scores = [
        [text_vector(texts, c) @ picture_vector(model, record) for record in records]
        for c in captions
    ]
    to_images = []
    for row, caption in zip(scores, captions, strict=True):
        places = [i for i, record in enumerate(records) if record.captions[0] == caption]
        best = max(row[i] for i in places)
        to_images.append(1 + sum(score > best for score in row))
    to_texts = []
    for column, record in enumerate(records):
        own = scores[captions.index(record.captions[0])][column]
        to_texts.append(1 + sum(row[column] > own for row in scores))
    return {"queries": len(captions), **recalls(to_images, "t2i"), **recalls(to_texts, "i2t")}


def measuring(model: UnimoModel, corpus: Path, **changes: Any) -> Measuring:
    recipe = replace(RECIPE, **changes)
    return Measuring(Start(model, tokenizer(), ""), recipe, corpus, corpus)


def test_retrieval_equals_a_naive_loop(corpus: Path) -> None:
    model = tiny_model()
    measured = measuring(model, corpus)
    assert measured.development(model) == naive(model, model, PAIRS[:5])
    rows = measured.retrieval(model, ["test", "stamps"])
    by_name = {row.pop("subset"): row for row in rows}
    assert by_name["unseen concepts"] == naive(model, model, PAIRS[5:9])
    assert by_name["photos"] == by_name["all stamps"] == naive(model, model, PAIRS[9:])
    assert set(by_name) == {"unseen concepts", "photos", "all stamps"}


def test_language_equals_a_naive_loop(corpus: Path) -> None:
    model = tiny_model()
    found = {row.pop("subset"): row for row in measuring(model, corpus).language(model)}
    answers = ["dog", "a dog", "ball", "sea", "moon", "star"]
    ranks = []
    for question in QUESTIONS[:2]:
        asked = text_vector(model, question["query"])
        scores = {answer: asked @ text_vector(model, answer) for answer in answers}
        best = max(scores[answer] for answer in question["positives"])
        ranks.append(1 + sum(score > best for score in scores.values()))
    assert found == {
        "text: word": {"queries": 2, **recalls(ranks, "t2t")},
        "text: other": {"queries": 1, "t2t_r1": 100.0, "t2t_r5": 100.0, "t2t_r10": 100.0},
    }


def test_locked_texts_are_read_by_the_start(corpus: Path) -> None:
    model, begun = tiny_model(), tiny_model()
    locked = measuring(model, corpus, trainable=Trainable.IMAGE)
    shared = measuring(model, corpus)
    with torch.no_grad():  # as training would, in place
        for layer in model.transformer.layers:
            layer.up.weight.add_(torch.randn_like(layer.up.weight))
    assert locked.development(model) == naive(model, begun, PAIRS[:5])
    assert shared.development(model) == naive(model, model, PAIRS[:5])


def test_a_corpus_without_development_pairs_is_refused_at_once(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "pairs.jsonl", [pair(0)])
    with pytest.raises(ConfigError, match="no pairs in its split 'dev'"):
        measuring(tiny_model(), tmp_path)


def test_nothing_held_out_gives_no_rows(corpus: Path) -> None:
    write_jsonl(corpus / "pairs.jsonl", PAIRS[:5])
    assert measuring(tiny_model(), corpus).retrieval(tiny_model(), ["test", "stamps"]) == []
