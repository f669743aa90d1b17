"""The shipped checkpoint, as a user gets it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unisearch.encoders.load import load_encoder, shipped_checkpoint
from unisearch.encoders.unimo import UnimoEncoder
from unisearch.errors import CheckpointError, EncodeError

FOLDER = shipped_checkpoint("unimo-mini")


@pytest.fixture(scope="module")
def encoder() -> UnimoEncoder:
    return UnimoEncoder(FOLDER)


def test_graphs_equal_the_network(encoder: UnimoEncoder) -> None:
    torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
    pytest.importorskip("transformers", reason="the network needs the extra 'train'")
    from tokenizers import Tokenizer

    from unisearch.model.checkpoint import load_checkpoint

    model = load_checkpoint(FOLDER)
    texts = ["a dog", "a red bicycle against a wall in the evening sun", ""]
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 260, 260, 3), dtype=np.uint8)
    with torch.no_grad():
        words = [model.embed_texts(torch.tensor([tokenizer.encode(t).ids]))[0] for t in texts]
        pictures = model.embed_images(torch.from_numpy(pixels))
    np.testing.assert_allclose(encoder.encode_texts(texts), torch.stack(words), atol=1e-4)
    np.testing.assert_allclose(encoder.encode_images(list(pixels)), pictures, atol=1e-4)


def test_it_tells_colours_of_meaning_apart(encoder: UnimoEncoder) -> None:
    dog, puppy, invoice = encoder.encode_texts(["a dog", "a puppy", "an unpaid invoice"])
    assert dog @ puppy > dog @ invoice + 0.2


def test_nothing_gives_nothing(encoder: UnimoEncoder) -> None:
    assert encoder.encode_texts([]).shape == (0, 384)
    assert encoder.encode_images([]).shape == (0, 384)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 33])
def test_a_vector_does_not_depend_on_its_neighbours(encoder: UnimoEncoder, size: int) -> None:
    random = np.random.default_rng(size)
    words = [
        "a",
        "red",
        "bicycle",
        "leans",
        "against",
        "the",
        "wall",
        "of",
        "an",
        "old",
        "mill",
        "in",
        "the",
        "evening",
        "sun",
    ]
    texts = [" ".join(random.choice(words, n)) for n in (1, 2, 6, 7, 8, 9, 14, 15, 30, 60, 200)]
    pictures = list(random.integers(0, 256, (5, 260, 260, 3), dtype=np.uint8))
    for encode, things in ((encoder.encode_texts, texts), (encoder.encode_images, pictures)):
        alone = np.concatenate([encode([thing]) for thing in things])  # type: ignore[list-item]
        picked = random.integers(len(things), size=size)
        together = encode([things[i] for i in picked])  # type: ignore[misc]
        np.testing.assert_array_equal(together, alone[picked])


def test_an_over_long_text_is_cut(encoder: UnimoEncoder) -> None:
    long = encoder.encode_texts(["word " * 5_000, "word " * 6_000])
    np.testing.assert_allclose(long[0], long[1], atol=1e-6)


def test_a_wrong_shape_is_refused(encoder: UnimoEncoder) -> None:
    with pytest.raises(EncodeError, match=r"\(10, 10, 3\)"):
        encoder.encode_images([np.zeros((10, 10, 3), dtype=np.uint8)])


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(FOLDER, folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\x00\x01\x02")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        UnimoEncoder(folder)
    (folder / "text.onnx").unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="is incomplete"):
        UnimoEncoder(folder)
    with pytest.raises(CheckpointError, match="no encoder 'nowhere'"):
        load_encoder("nowhere")


def test_a_manifest_without_checksums_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "unsummed"
    shutil.copytree(FOLDER, folder)
    values = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
    del values["checksums"]["model.safetensors"]
    (folder / "checkpoint.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"no checksum of model\.safetensors"):
        UnimoEncoder(folder)


def test_neither_torch_nor_transformers_is_imported() -> None:
    program = (
        "import sys; from unisearch.encoders.load import load_encoder; "
        "load_encoder().encode_texts(['a dog']); "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
