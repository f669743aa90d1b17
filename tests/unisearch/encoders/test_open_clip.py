"""OpenCLIP encoders against open_clip used directly, with a small random model on disk."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.small_open_clip import (
    MODEL_CONFIG,
    PREPROCESSING,
    WEIGHTS,
    open_clip,
    torch,
    write_folder,
)
from unisearch.datatypes import FloatArray
from unisearch.encoders.base import Encoder
from unisearch.encoders.load import load_encoder
from unisearch.errors import CheckpointError, EncodeError

TEXTS = [
    "a red bicycle against a wall",
    "",
    "Ünïcode & <b>HTML</b>, 猫 and 🐕",
    "a lone surrogate \udcff",
    "far more words than the twelve tokens that this model can take at one time, " * 9,
]
SIZES = [(40, 32), (32, 32), (7, 50), (1, 1), (200, 90), (33, 500)]
WITH_TAG = "small-for-tests"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("open_clip") / "small")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return load_encoder(f"open_clip:{folder}")


@pytest.fixture
def known_model(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Makes ``small-for-tests`` a model of open_clip, with tags as given."""
    from open_clip import factory, pretrained

    config = tmp_path / f"{WITH_TAG}.json"
    config.write_text(json.dumps(MODEL_CONFIG))
    monkeypatch.setattr(factory, "_MODEL_CONFIGS", dict(factory._MODEL_CONFIGS))
    monkeypatch.setattr(factory, "_MODEL_CONFIG_PATHS", list(factory._MODEL_CONFIG_PATHS))
    open_clip.add_model_config(config)

    def publish(**tags: dict[str, Any]) -> None:
        monkeypatch.setitem(pretrained._PRETRAINED, WITH_TAG, tags)

    return publish


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [
        Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for width, height in SIZES
    ]


def direct(
    pictures: list[Image.Image], *model: str, **options: Any
) -> tuple[FloatArray, FloatArray]:
    """The vectors of TEXTS and of pictures, one by one, without unisearch."""
    network, transform = open_clip.create_model_from_pretrained(*model, **options)
    tokenizer = open_clip.get_tokenizer(model[0])
    network.eval()
    with torch.no_grad():
        texts = torch.cat([network.encode_text(tokenizer([text])) for text in TEXTS])
        images = torch.cat([network.encode_image(transform(one)[None]) for one in pictures])
    return tuple((rows / rows.norm(dim=1, keepdim=True)).numpy() for rows in (texts, images))


# --- values ---


@pytest.mark.parametrize(
    "preprocessing",
    [
        {},
        PREPROCESSING,
        PREPROCESSING | {"resize_mode": "longest", "fill_color": 90},
        {"resize_mode": "shortest", "interpolation": "bicubic", "std": [0.1, 0.2, 0.3]},
    ],
)
def test_vectors_are_those_of_open_clip(
    preprocessing: dict[str, Any], pictures: list[Image.Image], tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "small", preprocessing=preprocessing)
    encoder = load_encoder(f"open_clip:{folder}")
    texts, images = direct(pictures, f"local-dir:{folder}")
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=2e-6)
    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=2e-6)
    # Random weights are no constant: what is equal could have been different.
    assert np.abs(images - images[0]).max() > 0.01
    assert np.abs(texts - texts[0]).max() > 0.1


def test_a_picture_that_is_no_square(tmp_path: Path, pictures: list[Image.Image]) -> None:
    vision = MODEL_CONFIG["vision_cfg"] | {"image_size": [16, 48]}
    folder = write_folder(tmp_path / "wide", vision_cfg=vision)
    encoder = load_encoder(f"open_clip:{folder}")
    assert encoder.image_size_px == 48
    assert encoder.prepare_image(pictures[0]).shape == (16, 48, 3)
    _, images = direct(pictures, f"local-dir:{folder}")
    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=2e-6)


def test_it_fits_the_protocol(encoder: Encoder, folder: Path) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.name == f"open_clip:{folder}"
    assert (encoder.dim, encoder.image_size_px) == (24, 32)
    assert encoder.max_text_tokens == 12  # type: ignore[attr-defined]
    assert int(encoder.fingerprint, 16) >= 0
    assert len(encoder.fingerprint) == 16
    for rows in (encoder.encode_texts([]), encoder.encode_images([])):
        assert (rows.shape, rows.dtype) == ((0, 24), np.float32)
    rows = encoder.encode_texts(TEXTS)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_batches_and_threads_change_nothing(encoder: Encoder) -> None:
    texts = [f"text number {number}" for number in range(70)]
    one_by_one = np.concatenate([encoder.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode_texts(texts), one_by_one, atol=2e-6)
    random = np.random.default_rng(1)
    pictures = [
        Image.fromarray(random.integers(0, 256, (60, 40 + i, 3), dtype=np.uint8)) for i in range(20)
    ]
    one_by_one = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    with ThreadPoolExecutor(4) as pool:
        prepared = list(pool.map(encoder.prepare_image, pictures))
    assert all((one.shape, one.dtype) == ((32, 32, 3), np.uint8) for one in prepared)
    np.testing.assert_allclose(encoder.encode_images(prepared), one_by_one, atol=2e-6)
    mixed = [*prepared[:10], *pictures[10:]]
    np.testing.assert_allclose(encoder.encode_images(mixed), one_by_one, atol=2e-6)


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
def test_a_line_does_not_fill_the_memory(resize_mode: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small", preprocessing={"resize_mode": resize_mode})
    encoder = load_encoder(f"open_clip:{folder}")
    for size in ((1, 60_000), (60_000, 1), (3, 100)):
        assert encoder.prepare_image(Image.new("RGB", size, "red")).shape == (32, 32, 3)
    # The middle is what open_clip takes too, where it keeps proportions and cuts.
    if resize_mode == "shortest":
        stripes = np.zeros((20, 4000, 3), dtype=np.uint8)
        stripes[:, 1995:2005] = 255
        picture = Image.fromarray(stripes)
        _, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
        theirs = np.asarray(transform.transforms[1](transform.transforms[0](picture)))
        difference = encoder.prepare_image(picture).astype(int) - theirs
        assert np.abs(difference).max() <= 1


def test_threads(folder: Path) -> None:
    before = torch.get_num_threads()
    try:
        load_encoder(f"open_clip:{folder}", threads=before + 1)
        assert torch.get_num_threads() == before + 1
        load_encoder(f"open_clip:{folder}")
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_wrong_shape_is_refused(encoder: Encoder) -> None:
    with pytest.raises(EncodeError, match=r"\(10, 10, 3\).*use prepare_image"):
        encoder.encode_images([np.zeros((10, 10, 3), dtype=np.uint8)])
    with pytest.raises(EncodeError, match="float32"):
        encoder.encode_images([np.zeros((32, 32, 3), dtype=np.float32)])


# --- names ---


def test_file_folder_and_tag_are_one_space(
    folder: Path, encoder: Encoder, known_model: Callable[..., None]
) -> None:
    known_model(a_tag={"file": str(folder / WEIGHTS)})
    by_file = load_encoder(f"open_clip:{WITH_TAG}@{folder / WEIGHTS}")
    by_tag = load_encoder(f"open_clip:{WITH_TAG}/A-Tag")
    assert by_file.name == f"open_clip:{WITH_TAG}@{folder / WEIGHTS}"
    assert by_tag.name == f"open_clip:{WITH_TAG}/a_tag"
    assert by_file.fingerprint == by_tag.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(by_file.encode_texts(TEXTS), encoder.encode_texts(TEXTS))
    np.testing.assert_array_equal(by_tag.encode_texts(TEXTS), encoder.encode_texts(TEXTS))


def test_a_tag_brings_its_preprocessing_and_activation(
    folder: Path, encoder: Encoder, pictures: list[Image.Image], known_model: Callable[..., None]
) -> None:
    tag = PREPROCESSING | {"file": str(folder / WEIGHTS), "size": 64}
    known_model(plain=tag, openai=tag | {"quick_gelu": True})
    plain = load_encoder(f"open_clip:{WITH_TAG}/plain")
    _, images = direct(pictures, WITH_TAG, "plain")
    np.testing.assert_allclose(plain.encode_images(pictures), images, atol=2e-6)
    quick = load_encoder(f"open_clip:{WITH_TAG}/openai")
    texts, images = direct(pictures, WITH_TAG, "openai", force_quick_gelu=True)
    np.testing.assert_allclose(quick.encode_images(pictures), images, atol=2e-6)
    np.testing.assert_allclose(quick.encode_texts(TEXTS), texts, atol=2e-6)
    assert np.abs(quick.encode_texts(TEXTS) - plain.encode_texts(TEXTS)).max() > 1e-4
    assert len({plain.fingerprint, quick.fingerprint, encoder.fingerprint}) == 3


def test_other_weights_are_another_space(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other")
    assert load_encoder(f"open_clip:{other}").fingerprint == encoder.fingerprint
    damaged = bytearray((other / WEIGHTS).read_bytes())
    damaged[-1] ^= 1
    (other / WEIGHTS).write_bytes(damaged)
    assert load_encoder(f"open_clip:{other}").fingerprint != encoder.fingerprint


def test_a_tokenizer_beside_the_weights_counts(tmp_path: Path) -> None:
    from unisearch.encoders.open_clip_sources import _find_in_folder

    folder = write_folder(tmp_path / "small")
    (folder / "tokenizer.json").write_text("{}")
    assert _find_in_folder(folder).tokenizer_files == ()
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "someone/something"
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert _find_in_folder(folder).tokenizer_files == (folder / "tokenizer.json",)
    with pytest.raises(CheckpointError, match=r"the tokenizer of open_clip:\S+ (needs|cannot)"):
        load_encoder(f"open_clip:{folder}")


# --- files of torch ---


@pytest.mark.parametrize("suffix", [".pt", ".bin"])
@pytest.mark.parametrize("is_training_checkpoint", [False, True])
def test_torch_files_hold_the_same(
    suffix: str,
    is_training_checkpoint: bool,
    folder: Path,
    encoder: Encoder,
    known_model: Callable[..., None],
    tmp_path: Path,
) -> None:
    from safetensors.torch import load_file

    state = load_file(folder / WEIGHTS)
    if is_training_checkpoint:
        state = {"epoch": 3, "state_dict": {f"module.{key}": one for key, one in state.items()}}
    file = tmp_path / f"weights{suffix}"
    torch.save(state, file, _use_new_zipfile_serialization=suffix == ".pt")
    found = load_encoder(f"open_clip:{WITH_TAG}@{file}")
    np.testing.assert_array_equal(found.encode_texts(TEXTS), encoder.encode_texts(TEXTS))


class Trap:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


def test_nothing_in_a_file_is_run(known_model: Callable[..., None], tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    file = tmp_path / "weights.pt"
    torch.save({"state_dict": {"a": Trap(sprung)}}, file)
    torch.load(file, weights_only=False)
    assert sprung.exists()  # so the trap works
    sprung.unlink()
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        load_encoder(f"open_clip:{WITH_TAG}@{file}")
    assert not sprung.exists()


# --- errors ---


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-23/openai", r"no model 'ViT-B-23'; did you mean .*ViT-B-32"),
        ("vit-b-32/openai", r"no model 'vit-b-32'; did you mean ViT-B-32"),
        ("zzzzzzzz/openai", r"no model 'zzzzzzzz' \(an encoder is open_clip:MODEL/TAG"),
        ("ViT-B-32/opnai", r"no published weights 'opnai' for ViT-B-32: there are openai, laion"),
        ("ViT-B-32", r"no published weights '' for ViT-B-32: there are openai"),
        (f"{WITH_TAG}/x", r"there are none; .* is open_clip:small-for-tests@FILE"),
        (f"{WITH_TAG}@gone.pt", r"there is no weights file '\S+/gone.pt'"),
        ("./gone", r"no OpenCLIP checkpoint in \S+gone: there is no open_clip_config.json"),
    ],
)
def test_names_of_nothing(
    name: str, message: str, known_model: Callable[..., None], tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_encoder(f"open_clip:{name}")


def test_a_tag_without_a_network(
    known_model: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    known_model(away={"hf_hub": "someone/something/"})
    with pytest.raises(CheckpointError, match=r"small-for-tests/away cannot be downloaded \(.*"):
        load_encoder(f"open_clip:{WITH_TAG}/away")


@pytest.mark.parametrize("file", ["", "some.bin"])
def test_what_was_downloaded_needs_no_network(
    file: str,
    folder: Path,
    encoder: Encoder,
    known_model: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from huggingface_hub import constants

    cached = tmp_path / "models--someone--something"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs/main").write_text("0" * 40)
    place = cached / "snapshots" / ("0" * 40)
    place.mkdir(parents=True)
    shutil.copy(folder / WEIGHTS, place / ("some.safetensors" if file else WEIGHTS))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(open_clip, "download_pretrained", None)
    known_model(here={"hf_hub": f"someone/something/{file}"})
    assert load_encoder(f"open_clip:{WITH_TAG}/here").fingerprint == encoder.fingerprint
    known_model(away={"hf_hub": "someone/else/"})
    with pytest.raises(CheckpointError, match="cannot be downloaded"):
        load_encoder(f"open_clip:{WITH_TAG}/away")


def test_a_cached_tokenizer_needs_no_network(
    folder: Path, known_model: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = MODEL_CONFIG["text_cfg"] | {"hf_tokenizer_name": "someone/something"}
    known_model()
    open_clip.factory._MODEL_CONFIGS[WITH_TAG] = MODEL_CONFIG | {"text_cfg": text}
    asked: list[dict[str, Any]] = []
    cached = False

    def get_tokenizer(model: str, **options: Any) -> Any:
        asked.append(options)
        if options and not cached:
            raise OSError("not in the cache")
        return open_clip.SimpleTokenizer(context_length=12)

    monkeypatch.setattr(open_clip, "get_tokenizer", get_tokenizer)
    load_encoder(f"open_clip:{WITH_TAG}@{folder / WEIGHTS}")
    assert asked == [{"local_files_only": True}, {}]
    cached = True
    load_encoder(f"open_clip:{WITH_TAG}@{folder / WEIGHTS}")
    assert asked[2:] == [{"local_files_only": True}]


def test_damaged_and_unknown_files(
    folder: Path, known_model: Callable[..., None], tmp_path: Path
) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    for name, data in {
        "cut.safetensors": whole[: len(whole) // 2],
        "empty.safetensors": b"",
        "noise.safetensors": b"\xff" * 1000,
        "noise.pt": b"\xff" * 1000,
        "empty.pt": b"",
    }.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(CheckpointError, match=rf"{name} cannot be loaded: it is damaged"):
            load_encoder(f"open_clip:{WITH_TAG}@{file}")
    (tmp_path / "weights.npz").touch()
    with pytest.raises(CheckpointError, match=r"weights.npz is of no known kind: .*\.safetensors"):
        load_encoder(f"open_clip:{WITH_TAG}@{tmp_path}/weights.npz")


@pytest.mark.parametrize("change", [{"embed_dim": 25}, {"quick_gelu": False, "layers": 9}])
def test_a_configuration_that_does_not_fit(change: dict[str, Any], tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"] |= change
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    message = "do not fit the model .*size mismatch" if "embed_dim" in change else "cannot build"
    with pytest.raises(CheckpointError, match=message):
        load_encoder(f"open_clip:{folder}")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_cfg": {"embed_dim": 3}}', "\xff"])
def test_a_configuration_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"config\.json does not describe a model"):
        load_encoder(f"open_clip:{tmp_path}")


def test_which_weights_of_a_folder(folder: Path, encoder: Encoder, tmp_path: Path) -> None:
    several = write_folder(tmp_path / "several")
    (several / WEIGHTS).rename(several / "a.safetensors")
    assert load_encoder(f"open_clip:{several}").fingerprint == encoder.fingerprint
    (several / "b.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"it has a.safetensors, b.safetensors; call them"):
        load_encoder(f"open_clip:{several}")
    (several / "a.safetensors").rename(several / WEIGHTS)
    assert load_encoder(f"open_clip:{several}").fingerprint == encoder.fingerprint


def test_a_torchvision_of_another_build(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    import builtins

    genuine = builtins.__import__

    def broken(name: str, *rest: Any, **more: Any) -> Any:
        if name == "open_clip":
            raise RuntimeError("operator torchvision::nms does not exist")
        return genuine(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(CheckpointError, match=r"nms does not exist\): install torch and torchv"):
        load_encoder(f"open_clip:{folder}")


def test_logging_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    load_encoder(f"open_clip:{folder}")
    assert caplog.records == []  # such as: model initialised randomly
    monkeypatch.setattr(root, "handlers", [])
    load_encoder(f"open_clip:{folder}")
    assert (root.handlers, root.filters) == ([], [])
