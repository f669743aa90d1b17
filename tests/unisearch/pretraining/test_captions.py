from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import WORDS, tiny_model, tiny_texts  # noqa: E402

STRINGS = ["a red ball", "", "the old house by the blue sea with a tree", "a red ball", "two"]


def pieces(string: str) -> list[int]:
    return [WORDS.index(word) for word in string.split()]


def test_batches_are_padded_and_long_texts_keep_their_end_mark() -> None:
    ids, mask = tiny_texts(STRINGS, max_tokens=6).batch([2, 0, 1])
    cls, sep, pad = WORDS.index("[CLS]"), WORDS.index("[SEP]"), WORDS.index("[PAD]")
    assert ids.tolist() == [
        [cls, *pieces("the old house by"), sep],
        [cls, *pieces("a red ball"), sep, pad],
        [cls, sep, pad, pad, pad, pad],
    ]
    assert mask.tolist() == [[1] * 6, [1] * 5 + [0], [1] * 2 + [0] * 4]


def test_a_text_of_just_the_limit_is_not_cut() -> None:
    (ids,), _ = tiny_texts(["a red ball"], max_tokens=5).batch([0])
    assert ids.tolist() == [2, *pieces("a red ball"), 3]


def test_a_batch_is_as_long_as_its_longest() -> None:
    texts = tiny_texts(STRINGS)
    assert texts.batch([4, 1])[0].shape == (2, 3)
    assert len(texts) == 5


@pytest.mark.parametrize("batch_size", [1, 2, 64])
@torch.no_grad()
def test_all_at_once_equals_one_by_one(batch_size: int) -> None:
    model, texts = tiny_model(), tiny_texts(STRINGS)
    alone = [model.embed_texts(*texts.batch([row]))[0] for row in range(len(texts))]
    found = texts.embed(model, batch_size)
    torch.testing.assert_close(found, torch.stack(alone), atol=1e-6, rtol=0)
    np.testing.assert_array_equal(found[0], found[3])


def test_no_texts() -> None:
    assert tiny_texts([]).embed(tiny_model()).shape == (0, 16)
