from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from unisearch.pretraining.card import model_card
from unisearch.pretraining.recipe import Recipe

RECIPE = Recipe(name="mine", steps=321, batch_size=17, learning_rate=1.5e-4, seed=5, conse=0.25)
HELD_OUT = [
    {
        "subset": "unseen concepts", "queries": 12, "t2i_r1": 8.3, "t2i_r5": 16.67, "t2i_r10": 25.0,
        "i2t_r1": 1.0, "i2t_r5": 2.0, "i2t_r10": 3.0,
    }
]  # fmt: skip
BEFORE = [{"subset": "text: definition", "queries": 9, "t2t_r1": 40.0, "t2t_r5": 50, "t2t_r10": 60}]
AFTER = [{"subset": "text: definition", "queries": 9, "t2t_r1": 39.0, "t2t_r5": 49, "t2t_r10": 59}]


def test_the_card_says_what_was_done_and_measured(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text(
        "# A corpus\n\n| Source | Licence |\n|---|---|\n| clips | CC0-1.0 |\n\n## Dropped\n\nmuch\n"
    )
    card = model_card(RECIPE, tmp_path, HELD_OUT, BEFORE, AFTER)
    lines = card.splitlines()
    assert "# mine" in lines
    assert "| clips | CC0-1.0 |" in lines
    assert "# A corpus" not in lines
    assert "much" not in lines
    assert "`unisearch train mine`: 321 steps of 17 pairs, Adam at 0.00015, seed 5." in card
    assert "vectors (0.25)" in card
    assert "| unseen concepts | 12 | 8.3 / 16.7 / 25.0 | 1.0 / 2.0 / 3.0 |" in lines
    assert "| definition | 9 | 40.0 / 50.0 / 60.0 | 39.0 / 49.0 / 59.0 |" in lines
    assert "{" not in card


def test_a_corpus_of_ones_own_needs_no_card(tmp_path: Path) -> None:
    assert "A corpus without a card." in model_card(RECIPE, tmp_path, [], [], [])
