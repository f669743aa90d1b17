"""Tar shards give pictures with their texts."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest
from PIL import Image

from indexer import shards
from indexer.options import IndexOptions
from indexer.shards import read_shard
from indexer.units import Facts, SkipFile, Tools, Unit, hash_of
from tests.conftest import COLOURS, FakeEncoder
from unisearch.datatypes import Modality
from unisearch.pictures import PictureLimits


def picture(colour: str, side: int = 8) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), COLOURS[colour]).save(stream, "PNG")
    return stream.getvalue()


def shard(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def read(data: bytes, **options: Any) -> tuple[list[Unit], Facts]:
    facts = Facts()
    return list(
        read_shard(io.BytesIO(data), Tools(FakeEncoder(), IndexOptions(**options)), facts)
    ), facts


def test_samples_of_img2dataset() -> None:
    fields = {"caption": "a green square", "width": 8, "url": "http://x", "key": "0002"}
    units, facts = read(
        shard(
            {
                "0001.jpg": picture("red"), "0001.txt": b"a  red square\n",
                "0002.json": json.dumps(fields).encode(), "0002.png": picture("green"),
                "d/0003.jpg": picture("blue"),
            }
        )
    )  # fmt: skip
    assert [(u.modality, u.member, u.passage) for u in units] == [
        (Modality.IMAGE, "0001.jpg", "a red square"),
        (Modality.TEXT, "0001.txt", "a red square"),
        (Modality.IMAGE, "0002.png", "a green square"),
        (Modality.TEXT, "0002.json", "a green square"),
        (Modality.IMAGE, "d/0003.jpg", None),
    ]
    assert units[0].content_hash == hash_of(picture("red"))
    assert units[2].metadata == {"width": 8, "height": 8, "url": "http://x", "key": "0002"}
    assert facts.detail is None


def test_text_beats_json_and_both_are_not_counted_twice() -> None:
    members = {"1.png": picture("red"), "1.txt": b"own", "1.json": b'{"caption": "told", "y": 3}'}
    units, _ = read(shard(members))
    assert [(u.member, u.passage) for u in units] == [("1.png", "own"), ("1.txt", "own")]
    assert units[0].metadata["y"] == 3


def test_a_picture_that_cannot_be_read_takes_its_caption_along() -> None:
    members = {"1.png": b"nope", "1.txt": b"lost", "2.png": picture("red"), "2.txt": b"kept"}
    units, facts = read(shard(members))
    assert [u.member for u in units] == ["2.png", "2.txt"]
    assert facts.members_skipped == {"not-a-picture": 1}
    assert facts.detail == "1 members left out: 1 not-a-picture"


def test_texts_without_pictures_are_texts() -> None:
    units, _ = read(shard({"a/notes.txt": b"one\n\n" + b"word " * 200, "b.md": b"# hello\nthere"}))
    assert units[0].member == "a/notes.txt"
    assert len([u for u in units if u.member == "a/notes.txt"]) == 2
    assert units[-1].passage == "# hello there"


def test_what_is_no_sample_is_passed_by() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo("x.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name in (".hidden", "noext", "a.bin", "__key__"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert read(stream.getvalue())[0] == []


def test_a_shard_that_ends_too_early_gives_what_it_has() -> None:
    data = shard({f"{i}.png": picture("red", 8 + i) for i in range(20)})
    units, facts = read(data[: len(data) // 2 + 700])
    assert 0 < len(units) < 20
    assert facts.members_skipped == {"truncated": 1}
    assert facts.detail is not None


def test_no_tar_at_all() -> None:
    with pytest.raises(SkipFile, match="not a whole tar file") as caught:
        read(b"this is no tar" * 100)
    assert caught.value.reason == "damaged"


def test_members_over_the_limit() -> None:
    data = shard({"1.png": picture("red", 200), "2.png": picture("blue")})
    units, facts = read(data, pictures=PictureLimits(max_bytes=200))
    assert [u.member for u in units] == ["2.png"]
    assert facts.members_skipped == {"too-large": 1}


def test_no_member_takes_another_s_place() -> None:
    data = shard({"1.png": picture("red"), "1.PNG": picture("blue")})
    assert [u.member for u in read(data)[0]] == ["1.png", "1.PNG"]


def test_a_sample_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = {f"film.{n:04}.png": picture("red", 8 + n) for n in range(60)}
    largest = max(map(len, frames.values()))
    monkeypatch.setattr("indexer.shards._MAX_SAMPLE_BYTES", 3 * largest)
    sizes: list[int] = []
    units_of = shards._sample_units

    def noting(sample: shards._Sample, *rest: Any) -> Any:
        sizes.append(sum(len(data) for _, data in sample.members.values()))
        return units_of(sample, *rest)

    monkeypatch.setattr(shards, "_sample_units", noting)
    units, _ = read(shard({**frames, "film.txt": b"a film"}))
    assert [u.member for u in units[:60]] == list(frames)
    assert units[-1].passage == "a film"
    assert max(sizes) <= 3 * largest


def test_names_of_any_bytes() -> None:
    data = shard({"k\udcff\n.png": picture("red")})
    assert read(data)[0][0].member == "k\udcff\n.png"
