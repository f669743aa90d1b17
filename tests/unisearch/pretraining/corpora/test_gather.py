from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.unisearch.pretraining.corpora.miniature import write_raw_folder
from unisearch.evaluation.text_pairs import read_questions
from unisearch.pretraining.corpora.gather import GatherOptions, gather, main
from unisearch.pretraining.corpora.records import read_bare_pictures, read_pairs
from unisearch.pretraining.corpora.splitting import SplitOptions

OPTIONS = GatherOptions(
    split=SplitOptions(test_share=0, dev_share=0), crops_per_photo=2, workers=1, text_questions=2
)
FILES = ("pairs.jsonl", "unlabelled.jsonl", "texts.txt", "text_eval.jsonl", "card.json", "card.md")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_raw_folder(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def corpus(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus")
    gather(out, raw, OPTIONS)
    return out


def test_what_is_in_it(corpus: Path) -> None:
    found = {pair.id: pair for pair in read_pairs(corpus)}
    assert set(found) == {
        "openclipart/animals-green_frog_jane_doe_01",
        "openclipart/transportation-red_car",
        "noto/boat",
        "noto/dog-face",
        "stamps/animals-cat-png",
        "stamps/animals-cartoon-fox-png",
        "stamps/town-houses-cartoon-house-png",
    }
    frog = found["openclipart/animals-green_frog_jane_doe_01"]
    assert frog.captions[0] == "A green frog"
    assert frog.concept == "frog"
    assert frog.split == "train"
    assert found["openclipart/transportation-red_car"].keywords == ("auto",)
    cat = found["stamps/animals-cat-png"]
    assert (cat.captions, cat.split, cat.kind) == (("A cat.",), "stamps", "photo")
    assert not cat.concept_seen_in_training
    assert found["noto/dog-face"].keywords == ("animal", "puppy", "pet face")


def test_every_picture_lies_where_its_record_says(corpus: Path) -> None:
    for record in [*read_pairs(corpus), *read_bare_pictures(corpus)]:
        with Image.open(corpus / record.image) as picture:
            assert picture.format == "JPEG"
            assert picture.mode == "RGB"


def test_crops_of_photographs(corpus: Path) -> None:
    whole, *crops = read_bare_pictures(corpus)
    assert (whole.id, whole.parent) == ("ukui-wallpapers/noise", "ukui-wallpapers/noise")
    assert whole.box == (0, 0, 1, 1)
    assert [crop.id for crop in crops] == [f"ukui-wallpapers/noise-crop{n}" for n in (1, 2)]
    for crop in crops:
        left, top, right, bottom = crop.box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        with Image.open(corpus / crop.image) as picture:
            shape = ((right - left) * 400, (bottom - top) * 300)
            assert picture.width / picture.height == pytest.approx(shape[0] / shape[1], rel=0.05)


def test_texts_hold_back_what_questions_ask(corpus: Path) -> None:
    texts = (corpus / "texts.txt").read_text()
    asked = [q for q in read_questions(corpus / "text_eval.jsonl") if q.task == "definition"]
    assert asked
    for question in asked:
        assert question.query is not None
        assert question.query not in texts
    assert "read: take in writing\nshe will read the news\n" in texts


def test_the_card_tells_what_was_left_out(corpus: Path) -> None:
    card = json.loads((corpus / "card.json").read_text())
    assert card["pairs"] == 7
    dropped = card["sources"]["openclipart"]["dropped"]
    assert dropped["generated stars"] == 1
    assert dropped["a title that is not English"] == 2  # "rana", "half a lemon"
    assert dropped["the same picture twice"] == 1
    assert card["sources"]["noto"]["dropped"] == {"skin-tone variant": 1}
    assert card["unlabelled"] == {"ukui-wallpapers": 3}
    page = (corpus / "card.md").read_text()
    assert "| openclipart | CC0-1.0 | 2 | 0 | 0 | 0 |" in page
    # All drawings of this set equal another set's.
    assert card["sources"]["fluent-emoji"]["splits"]["train"] == 0
    assert "- fluent-emoji: the same picture twice 2; skin-tone variant 1." in page


def test_the_same_again_from_nothing(corpus: Path, raw: Path, tmp_path: Path) -> None:
    gather(tmp_path, raw, OPTIONS)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (corpus / name).read_bytes(), name
    for record in read_pairs(corpus):
        assert (tmp_path / record.image).read_bytes() == (corpus / record.image).read_bytes()


def test_a_stopped_run_goes_on_where_it_was(raw: Path, tmp_path: Path) -> None:
    gather(tmp_path, raw, OPTIONS)
    kept = tmp_path / "images/noto/boat.jpg"
    missing = tmp_path / "images/noto/dog-face.jpg"
    before, content = kept.stat().st_mtime_ns, (tmp_path / "pairs.jsonl").read_bytes()
    missing.unlink()
    (tmp_path / "pairs.jsonl").unlink()
    gather(tmp_path, raw, OPTIONS)
    assert kept.stat().st_mtime_ns == before
    assert missing.is_file()
    assert (tmp_path / "pairs.jsonl").read_bytes() == content


def test_from_the_command_line(raw: Path, tmp_path: Path) -> None:
    main([str(tmp_path / "out"), "--raw", str(raw), "--seed", "3", "--workers", "1"])
    card = json.loads((tmp_path / "out/card.json").read_text())
    assert card["settings"]["split"]["seed"] == 3
