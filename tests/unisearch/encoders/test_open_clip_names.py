"""What needs no open_clip: names, and the answer when it is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from unisearch.encoders.load import lasting_name, load_encoder
from unisearch.encoders.open_clip_names import OpenClipName
from unisearch.encoders.open_clip_weights import fingerprint
from unisearch.errors import CheckpointError, MissingExtra


def test_the_three_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/open_clip_config.json").write_text("{}")
    parse = OpenClipName.parse
    assert parse("open_clip:ViT-B-32/laion2b_s34b_b79k") == OpenClipName(
        model="ViT-B-32", tag="laion2b_s34b_b79k"
    )
    assert parse("open_clip:ViT-B-32@w/a@b.pt") == OpenClipName(
        model="ViT-B-32", file=tmp_path / "w/a@b.pt"
    )
    for folder in ("mine", "./mine", "../" + tmp_path.name + "/mine", str(tmp_path / "mine")):
        assert parse(f"open_clip:{folder}") == OpenClipName(folder=tmp_path / "mine")
    # A path, although there is no such folder and although it has an @.
    assert parse("open_clip:./a@b") == OpenClipName(folder=tmp_path / "a@b")
    assert parse("open_clip:~/x") == OpenClipName(folder=Path("/home/ada/x"))
    assert parse("open_clip:m@~/x.pt").file == Path("/home/ada/x.pt")


def test_a_name_holds_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unimo").mkdir()
    lasting = {
        "unimo-mini": "unimo-mini",
        "./unimo": f"{tmp_path}/unimo",
        "open_clip:ViT-B-32/LAION2B-s34b-b79k": "open_clip:ViT-B-32/laion2b_s34b_b79k",
        "open_clip:ViT-B-32@w.safetensors": f"open_clip:ViT-B-32@{tmp_path}/w.safetensors",
        "open_clip:./mine": f"open_clip:{tmp_path}/mine",
    }
    assert {name: lasting_name(name) for name in lasting} == lasting
    assert [lasting_name(name) for name in lasting.values()] == list(lasting.values())


@pytest.mark.parametrize("name", ["open_clip:", "open_clip:@x", "open_clip:x@"])
def test_no_name_at_all(name: str) -> None:
    with pytest.raises(CheckpointError, match="write open_clip:MODEL/TAG, open_clip:MODEL@FILE"):
        load_encoder(name)


def test_the_fingerprint_is_the_same_everywhere() -> None:
    config = {"embed_dim": 4, "text_cfg": {"width": 2}, "vision_cfg": {}}
    preprocessing = {"size": (2, 2), "mean": (0.1,)}
    found = fingerprint("ab", config, preprocessing)
    assert found == "2c948b6b3ee47b3a"
    # Neither the order of keys nor tuple or list counts.
    again = {"mean": [0.1], "size": [2, 2]}
    assert fingerprint("ab", dict(reversed(config.items())), again) == found
    others = {
        fingerprint("ac", config, preprocessing),
        fingerprint("ab", config | {"quick_gelu": True}, preprocessing),
        fingerprint("ab", config, preprocessing | {"resize_mode": "squash"}),
        fingerprint("ab", config, preprocessing, ["t1"]),
        fingerprint("ab", config, preprocessing, ["t2"]),
    }
    assert len(others - {found}) == 5


@pytest.mark.parametrize("module", ["open_clip", "torch"])
def test_without_the_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"pip install 'unisearch\[openclip\]'"):
        load_encoder("open_clip:ViT-B-32/openai")


def test_names_are_read_without_torch() -> None:
    program = (
        "import sys; from unisearch.encoders.load import lasting_name; "
        "lasting_name('open_clip:ViT-B-32/openai'); "
        "assert not {'torch', 'open_clip', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
