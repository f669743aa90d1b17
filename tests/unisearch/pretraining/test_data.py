"""Batches against a naive loop; bad corpora are named."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import (  # noqa: E402
    RECIPE,
    pair,
    tiny_data,
    tiny_features,
    tiny_model,
    tokenizer,
)
from unisearch.errors import ConfigError  # noqa: E402
from unisearch.pretraining import data as module  # noqa: E402
from unisearch.pretraining.corpora.records import write_jsonl  # noqa: E402
from unisearch.pretraining.data import load_pairs, load_training_data, pair_batch  # noqa: E402
from unisearch.pretraining.start import Start  # noqa: E402


def test_an_epoch_shows_no_picture_twice() -> None:
    pairs = tiny_data(tiny_model()).train
    recipe = replace(RECIPE, batch_size=5)
    orders = []
    for epoch in range(4):
        rows = [pair_batch(pairs, recipe, 2 * epoch + i).pictures.tolist() for i in range(2)]
        assert Counter(rows[0] + rows[1]) == Counter(range(10))
        orders.append(rows[0] + rows[1])
    assert len({tuple(order) for order in orders}) == 4


def test_views_and_captions_are_drawn_from_a_pictures_own() -> None:
    pairs = tiny_data(tiny_model()).train
    seen = set()
    for step in range(200):
        batch = pair_batch(pairs, RECIPE, step)
        for picture, view, caption in zip(batch.pictures, batch.views, batch.captions, strict=True):
            string = pairs.captions.strings[caption]
            assert string in pairs.records[picture].captions
            seen.add((pairs.records[picture].id, int(view), string))
    every = {
        (record.id, view, caption)
        for record in pairs.records
        for view in range(RECIPE.views)
        for caption in record.captions
    }
    assert seen == every


def test_a_batch_depends_on_seed_and_step_only() -> None:
    pairs = tiny_data(tiny_model()).train
    one = pair_batch(pairs, RECIPE, 5)
    pair_batch(pairs, RECIPE, 6)
    again = pair_batch(pairs, RECIPE, 5)
    for name in ("pictures", "views", "captions"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    other = pair_batch(pairs, replace(RECIPE, seed=1), 5)
    assert not np.array_equal(one.pictures, other.pictures)


def test_a_batch_larger_than_the_corpus_is_the_corpus() -> None:
    pairs = tiny_data(tiny_model()).train
    batch = pair_batch(pairs, replace(RECIPE, batch_size=64), 3)
    assert sorted(batch.pictures.tolist()) == list(range(10))


@torch.no_grad()
def test_pairs_of_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [pair(0), pair(1, split="dev"), pair(5), pair(2, concept="ball")]
    write_jsonl(tmp_path / "pairs.jsonl", records)
    asked = {}

    def features(model: object, pictures: list[tuple[str, Path]], *_: object, **settings: int):  # type: ignore[no-untyped-def]
        asked["pictures"], asked["views"] = pictures, settings["views"]
        return tiny_features(len(pictures), settings["views"])

    monkeypatch.setattr(module, "picture_features", features)
    start = Start(tiny_model(), tokenizer(), "")
    found = load_pairs(tmp_path, "train", start, RECIPE, tmp_path, views=2)
    assert asked == {
        "pictures": [(f"tiny/{i}", tmp_path / f"images/{i}.png") for i in (0, 5, 2)],
        "views": 2,
    }
    assert found.records == (records[0], records[2], records[3])
    assert found.captions.strings == (
        *records[0].captions,
        *records[2].captions,
        *records[3].captions,
    )
    assert found.first_caption.tolist() == [0, 2, 4, 7]
    first, second, third = found.concepts.tolist()
    assert first == third != second  # ball, fish, ball
    for row, string in enumerate(found.captions.strings):
        ids = torch.tensor([tokenizer().encode(string).ids])
        expected = start.model.embed_texts(ids)[0]
        torch.testing.assert_close(found.caption_vectors[row], expected, atol=1e-6, rtol=0)
    with pytest.raises(ConfigError, match="no pairs in its split 'test'"):
        load_pairs(tmp_path, "test", start, RECIPE, tmp_path, views=1)


def test_a_corpus_without_texts_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(tmp_path / "pairs.jsonl", [pair(0)])
    (tmp_path / "unlabelled.jsonl").touch()
    monkeypatch.setattr(module, "picture_features", lambda *_, **__: tiny_features(1, 1))
    model = tiny_model(visual_trunk="efficientnet-lite0", region_classes=1_000)
    start = Start(model, tokenizer(), "")
    with pytest.raises(ConfigError, match=r"texts\.txt does not exist; make a corpus"):
        load_training_data(tmp_path, start, RECIPE, tmp_path)
    (tmp_path / "texts.txt").touch()
    found = load_training_data(tmp_path, start, RECIPE, tmp_path)
    assert len(found.texts) == 0
    assert len(found.first_class_word) == 1_001
    assert found.first_class_word[-1] == len(found.class_words)
    own = found.class_words.strings[found.first_class_word[1] : found.first_class_word[2]]
    assert own[0] == "goldfish"
    assert "a photo of a goldfish" in own
    weights = start.model.front_end.trunk.classifier.weight  # type: ignore[union-attr]
    a, b = weights[3].double(), weights[8].double()
    cosine = float(a @ b / a.norm() / b.norm())
    assert found.class_likeness[3, 8].item() == pytest.approx(cosine, abs=1e-5)
