from __future__ import annotations

from pathlib import Path

import pytest

from tests.unisearch.pretraining.corpora.miniature import BAR, SQUARE, svg
from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.sources.openclipart import candidates


def library(root: Path, drawings: dict[str, str]) -> Path:
    for name, text in drawings.items():
        path = root / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def only(root: Path) -> Candidate:
    [found] = candidates(root, None)
    assert isinstance(found, Candidate)
    return found


def test_a_drawing_with_a_title(tmp_path: Path) -> None:
    text = svg(
        SQUARE,
        title="Green Frog",
        keywords=["Frog", "", "HASH(0x85)", "hash", "jane doe", "animal", "frog"],
        author="Jane Doe",
    )
    root = library(tmp_path / "svg", {"animals/amphibian/green_frog_jane_doe_01": text})
    (tmp_path / "png/animals/amphibian").mkdir(parents=True)
    png = tmp_path / "png/animals/amphibian/green_frog_jane_doe_01.png"
    png.touch()
    [found] = candidates(root, tmp_path / "png")
    assert isinstance(found, Candidate)
    assert found.id == "openclipart/animals-amphibian-green_frog_jane_doe_01"
    assert found.titles == ("green frog",)
    assert found.keywords == ("frog", "animal")
    assert found.category == "animals, amphibian"
    assert found.licence == "CC0-1.0"
    assert found.fallback == png


def test_the_name_of_a_collection_is_no_title(tmp_path: Path) -> None:
    text = svg(BAR, title="Clipart by Nicu Buculei - contour_chipmunk")
    assert only(library(tmp_path, {"animals/contour_cheetah": text})).titles == ("cheetah",)


def test_a_title_that_many_files_share_is_no_title(tmp_path: Path) -> None:
    text = svg(BAR, title="My best of")
    root = library(tmp_path, {f"food/pear_{n:02}": text for n in range(7)})
    assert {one.titles for one in candidates(root, None) if isinstance(one, Candidate)} == {
        ("pear",)
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("shapes/stars/star_5", "generated stars"),
        ("computer/icons/flat-theme/action/edit", "icon theme"),
        ("recreation/games/cards/white/king", "playing cards"),
        ("signs_and_symbols/flags/europe/france", "flags"),
    ],
)
def test_noise_is_left_out(tmp_path: Path, name: str, reason: str) -> None:
    [found] = candidates(library(tmp_path, {name: svg(SQUARE, title="Something")}), None)
    assert isinstance(found, Dropped)
    assert found.reason == reason


def test_links_to_other_drawings_are_skipped(tmp_path: Path) -> None:
    root = library(tmp_path, {"food/pear": svg(SQUARE, title="Pear")})
    (root / "food/again.svg").symlink_to("pear.svg")
    assert len(list(candidates(root, None))) == 1


def test_a_drawing_without_metadata_has_the_title_of_its_file(tmp_path: Path) -> None:
    root = library(tmp_path, {"unsorted/red_boat_01": "<svg>\xff</svg>"})
    found = only(root)
    assert found.titles == ("red boat",)
    assert found.keywords == ()
    assert found.category == ""
