"""Names of classes as words, and as vectors, against naive loops."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
pytest.importorskip("transformers", reason="the network needs the extra 'train'")

from tests.unisearch.pretraining.tiny import tiny_config, unit_rows  # noqa: E402
from unisearch.model.visual.class_words import CONSE_CLASSES, ClassWords  # noqa: E402
from unisearch.model.visual.classes import VisualClass, imagenet_classes  # noqa: E402
from unisearch.model.visual.tags import TagTable  # noqa: E402

NAMES = [[7], [8, 9], [10, 11, 12, 13], [14, 15], []]
TAGS = {"region_classes": 5, "tag_classes": 3, "tag_tokens": 3}


def table() -> TagTable:
    made = TagTable(tiny_config(**TAGS))
    made.fill(NAMES)
    return made


def test_names_are_cut_and_padded() -> None:
    assert table().table.tolist() == [[7, 0, 0], [8, 9, 0], [10, 11, 12], [14, 15, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match="4 class names for 5 classes"):
        table().fill(NAMES[:4])


def test_the_likeliest_classes_as_words() -> None:
    seen = torch.tensor([[0.1, 0.4, 0.2, 0.25, 0.05], [0.5, 1e-7, 0.0, 0.1, 0.3999999]])
    tags = table()(seen)
    for i, likeliest in enumerate(([1, 3, 2], [0, 4, 3])):
        ids, weights, positions = [2], [1.0], [0]
        for c in likeliest:
            for slot in range(3):
                word = NAMES[c][slot] if slot < len(NAMES[c]) else None
                ids.append(word or 0)
                share = float(seen[i, c] / seen[i, likeliest[0]])
                weights.append(share if word else 0.0)
                positions.append(positions[-1] + (word is not None))
        ids, weights, positions = [*ids, 3], [*weights, 1.0], [*positions, positions[-1] + 1]
        assert tags.input_ids[i].tolist() == ids
        assert tags.weights[i].tolist() == pytest.approx(weights)
        shown = [w > 0 for w in weights]
        places = [p for p, s in zip(tags.positions[i].tolist(), shown, strict=True) if s]
        assert places == list(range(sum(shown))), "without gaps"
        assert places == [p for p, s in zip(positions, shown, strict=True) if s]


def test_a_class_that_is_hardly_there_keeps_a_finite_logarithm() -> None:
    tags = table().of_classes(torch.tensor([[0, 1, 3]]), torch.tensor([[0.9, 1e-9, 0.0]]))
    assert tags.weights[0].tolist() == pytest.approx([1, 1, 0, 0, 1e-4, 1e-4, 0, 1e-4, 1e-4, 0, 1])
    nothing = table().of_classes(torch.tensor([[0, 1, 3]]), torch.zeros(1, 3))
    assert bool(nothing.weights.isfinite().all())


@pytest.mark.parametrize(("classes", "weight"), [(20, 1.0), (20, 0.3), (4, 2.0)])
def test_class_words_equal_naive_conse(classes: int, weight: float) -> None:
    module = ClassWords(tiny_config(region_classes=classes, class_words_weight=weight))
    words = unit_rows((classes, 16), 1)
    module.fill(words)
    seen = np.random.default_rng(0).dirichlet(np.full(classes, 0.5), 3)
    own = unit_rows((3, 16), 2)
    found = module(own, torch.from_numpy(seen).float())
    for i in range(3):
        mixed = np.zeros(16)
        for c in sorted(range(classes), key=lambda c: -seen[i, c])[:CONSE_CLASSES]:
            mixed += seen[i, c] * words[c].numpy()
        expected = own[i].numpy() + weight * mixed
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(found[i].detach().numpy(), expected, atol=1e-6)


def test_no_classes_leave_the_vector_alone() -> None:
    module = ClassWords(tiny_config())
    module.fill(unit_rows((20, 16)))
    own = unit_rows((2, 16), 2)
    torch.testing.assert_close(module(own, torch.zeros(2, 20)), own)


def test_class_words_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(20, 3\), the model takes \(20, 16\)"):
        ClassWords(tiny_config()).fill(torch.zeros(20, 3))


def test_a_thousand_classes_and_what_they_are() -> None:
    classes = imagenet_classes()
    assert len(classes) == 1_000
    assert len({c.wordnet_id for c in classes}) == 1_000
    assert classes[1].lemmas[0] == "goldfish"
    assert classes[0].tag == "tench cyprinid"
    assert VisualClass("n1", ("police dog",), ("dog",)).tag == "police dog"
    assert VisualClass("n1", ("drumstick",), ("stick of wood",)).tag == "drumstick stick of wood"
