from __future__ import annotations

from pathlib import Path

import pytest

from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.sources.stamps import candidates


def stamp(root: Path, name: str, caption: str | None) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def test_the_first_line_is_the_caption(tmp_path: Path) -> None:
    path = stamp(tmp_path, "animals/birds/owl.png", "A snowy owl—at night.\nfr.utf8=Une chouette.")
    [found] = candidates(tmp_path)
    assert isinstance(found, Candidate)
    assert found.captions == ("A snowy owl—at night.",)
    assert found.titles == ("a snowy owl",)
    assert found.id == "stamps/animals-birds-owl-png"
    assert found.category == "animals, birds"
    assert found.drawing == path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("animals/birds/owl.png", "photo"),
        ("animals/birds/cartoon/owl.png", "cartoon"),
        ("animals/birds/owl.svg", "cartoon"),
        ("clothes/t_shirt.png", "cartoon"),  # drawn, by eye
        ("town/monuments/tower.png", "monument"),
        ("town/houses/cartoon/igloo.svg", "monument"),
    ],
)
def test_kinds(tmp_path: Path, name: str, kind: str) -> None:
    stamp(tmp_path, name, "Something.")
    [found] = candidates(tmp_path)
    assert isinstance(found, Candidate)
    assert found.kind == kind


@pytest.mark.parametrize(
    ("name", "caption", "reason"),
    [
        ("symbols/alphabets/a.png", "A.", "letters, coins, shapes and symbols"),
        ("town/roadsigns/stop.png", "Stop!", "road signs"),
        ("animals/owl_mirror.png", "An owl.", "mirrored"),
        ("animals/owl.png", None, "no English caption"),
        ("animals/owl.png", "It is said that " + "owls " * 30, "explains instead of naming"),
    ],
)
def test_what_is_left_out(tmp_path: Path, name: str, caption: str | None, reason: str) -> None:
    stamp(tmp_path, name, caption)
    [found] = candidates(tmp_path)
    assert isinstance(found, Dropped)
    assert reason in found.reason


def test_a_stamp_in_two_formats_is_offered_once(tmp_path: Path) -> None:
    stamp(tmp_path, "animals/owl.png", "An owl.")
    stamp(tmp_path, "animals/owl.svg", "An owl.")
    found = [one for one in candidates(tmp_path) if isinstance(one, Candidate)]
    assert [one.id for one in found] == ["stamps/animals-owl-svg"]
