"""Recipes by name."""

from __future__ import annotations

from collections.abc import Callable

from unisearch.errors import ConfigError
from unisearch.pretraining.recipe import Recipe
from unisearch.pretraining.recipes import unimo_mini

RECIPES: dict[str, Callable[[], Recipe]] = {
    "unimo-mini": unimo_mini.unimo_mini,
    "a0": unimo_mini.a0,
    "a1": unimo_mini.a1,
    "a2": unimo_mini.a2,
    "a3": unimo_mini.a3,
    "smoke": unimo_mini.smoke,
}


def recipe_named(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        ConfigError: If there is none.
    """
    if name not in RECIPES:
        raise ConfigError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]()
