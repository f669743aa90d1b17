from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.sources.emoji import SETS, candidates

NAMES = [emoji_set.name for emoji_set in SETS]


def packages(
    root: Path, icons: Mapping[str, str], words: Mapping[str, list[str]], *, flags: str = ""
) -> tuple[dict[str, Path], Path]:
    """Write the same emoji, name → code, into every set; only some sets know code points."""
    for name in NAMES:
        (root / name).mkdir()
        drawn = {icon: {"body": f"<g id='{icon}'/>", "width": 20} for icon in icons}
        drawn["old-name"] = {"body": "", "hidden": True}
        (root / name / "icons.json").write_text(json.dumps({"icons": drawn, "height": 30}))
        if name != "fluent-emoji":
            codes = {code: icon for icon, code in icons.items()}
            (root / name / "chars.json").write_text(json.dumps(codes))
            meta = {"categories": {"Flags": [flags], "Food & Drink": ["red-apple"]}}
            (root / name / "metadata.json").write_text(json.dumps(meta))
    (root / "emojilib/dist").mkdir(parents=True)
    (root / "emojilib/dist/emoji-en-US.json").write_text(json.dumps(words))
    return {name: root / name for name in NAMES}, root / "emojilib"


def test_every_set_draws_the_same_emoji_under_the_same_name(tmp_path: Path) -> None:
    raw, emojilib = packages(
        tmp_path, {"red-apple": "1f34e"}, {"🍎": ["red_apple", "fruit", "mac", "5", "b"]}
    )
    found = [one for one in candidates(raw, emojilib) if isinstance(one, Candidate)]
    assert [one.id for one in found] == [f"{name}/red-apple" for name in NAMES]
    assert {one.titles for one in found} == {("red apple",)}
    assert {one.keywords for one in found} == {("fruit", "mac")}
    assert {one.category for one in found} == {"food and drink"}
    assert {one.licence for one in found} == {"Apache-2.0", "MIT", "CC-BY-4.0"}
    assert 'viewBox="0 0 20 30"' in str(found[0].drawing)


def test_an_older_name_is_a_second_title(tmp_path: Path) -> None:
    raw, emojilib = packages(tmp_path, {"pear": "1f350"}, {"🍐": ["green_pear", "fruit"]})
    found = next(one for one in candidates(raw, emojilib) if isinstance(one, Candidate))
    assert found.titles == ("green pear", "pear")


def test_a_variation_selector_does_not_hide_the_keywords(tmp_path: Path) -> None:
    raw, emojilib = packages(tmp_path, {"dove": "1f54a-fe0f"}, {"🕊️": ["dove", "peace"]})
    found = next(one for one in candidates(raw, emojilib) if isinstance(one, Candidate))
    assert found.keywords == ("peace",)


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("waving-hand-light-skin-tone", "1f44b-1f3fb", "skin-tone variant"),
        ("waving-hand-medium-dark", "1f44b-1f3fe", "skin-tone variant"),
        ("one-thirty", "1f55c", "clock faces"),
        ("keycap-3", "33-20e3", "letters and digits"),
        ("family-man-woman-boy", "1f468", "families"),
        ("man-running-facing-right", "1f3c3", "mirrored"),
    ],
)
def test_variants_are_left_out(tmp_path: Path, name: str, code: str, reason: str) -> None:
    raw, emojilib = packages(tmp_path, {name: code}, {})
    assert {one.reason for one in candidates(raw, emojilib) if isinstance(one, Dropped)} == {reason}


def test_flags_are_taken_from_one_set(tmp_path: Path) -> None:
    raw, emojilib = packages(
        tmp_path, {"flag-nepal": "1f1f3"}, {"🇳": ["flag_nepal", "banner"]}, flags="flag-nepal"
    )
    found = list(candidates(raw, emojilib))
    taken = [one for one in found if isinstance(one, Candidate)]
    assert [(one.source, one.titles) for one in taken] == [("twemoji", ("flag of nepal",))]


def test_the_same_emoji_under_two_names_is_taken_once(tmp_path: Path) -> None:
    raw, emojilib = packages(tmp_path, {"pear": "1f350"}, {"🍐": ["pear"]})
    for name in NAMES:
        icons = json.loads((raw[name] / "icons.json").read_text())
        icons["icons"]["the-pear"] = icons["icons"]["pear"]
        (raw[name] / "icons.json").write_text(json.dumps(icons))
    chars = json.loads((raw["noto"] / "chars.json").read_text())
    (raw["noto"] / "chars.json").write_text(json.dumps(chars | {"1f350-fe0f": "the-pear"}))
    noto = [one for one in candidates(raw, emojilib) if one.source == "noto"]
    assert [type(one) for one in noto] == [Candidate, Dropped]
