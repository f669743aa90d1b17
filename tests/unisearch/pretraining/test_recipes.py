from __future__ import annotations

import json
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
pytest.importorskip("transformers", reason="the network needs the extra 'train'")

from unisearch.errors import ConfigError  # noqa: E402
from unisearch.model.config import preset  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402
from unisearch.pretraining.features import KEPT_CLASSES  # noqa: E402
from unisearch.pretraining.optimizer import trainable_parameters  # noqa: E402
from unisearch.pretraining.recipe import Recipe, Trainable  # noqa: E402
from unisearch.pretraining.recipes.named import RECIPES, recipe_named  # noqa: E402
from unisearch.pretraining.run import USED_TOKENS_FACTOR  # noqa: E402


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds(name: str) -> None:
    recipe = recipe_named(name)
    assert recipe.name == name
    config = preset(recipe.preset, **recipe.config)
    with torch.device("meta"):
        model = UnimoModel(config)
    learning = trainable_parameters(model, recipe.trainable)
    assert bool(learning) == (recipe.trainable != Trainable.NOTHING)
    assert config.max_text_tokens >= USED_TOKENS_FACTOR * recipe.max_text_tokens
    assert config.tag_classes <= KEPT_CLASSES, "the cache keeps no more"
    json.dumps(recipe.to_dict())


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no recipe 'b9'; there are unimo-mini, a0, a1, a2"):
        recipe_named("b9")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "recipe bad: steps is 0, not > 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"average_decay": 1.0}, r"average_decay is 1.0, not in \[0, 1\)"),
        ({"region_dropout": 0.6, "tag_dropout": 0.7}, "sum to more than 1"),
    ],
)
def test_settings_that_cannot_work(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Recipe(name="bad", **changes)
