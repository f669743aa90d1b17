"""Checkpoint folders: what is written is what is read, by torch and by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
pytest.importorskip("transformers", reason="the network needs the extra 'train'")

from safetensors.torch import load_file, save_file  # noqa: E402

from tests.unisearch.pretraining.tiny import tiny_model, tokenizer  # noqa: E402
from unisearch.encoders import export  # noqa: E402
from unisearch.encoders.manifest import Manifest, checksum, read_manifest  # noqa: E402
from unisearch.encoders.unimo import UnimoEncoder  # noqa: E402
from unisearch.errors import CheckpointError  # noqa: E402
from unisearch.model.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402

TRUNK = {
    "visual_trunk": "efficientnet-lite0",
    "visual_image_size_px": 64,
    "region_feature_size": 1_280,
    "region_classes": 1_000,
}


def save(model: UnimoModel, folder: Path, **settings: Any) -> None:
    settings = {"name": "tiny", "max_text_tokens": 12} | settings
    save_checkpoint(model, tokenizer().to_str(), folder, **settings)


@pytest.fixture
def without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporting takes seconds; most of these tests are about the folder."""

    def write(model: UnimoModel, folder: Path) -> None:
        for name in ("text.onnx", "image.onnx"):
            (folder / name).write_bytes(b"graph")

    monkeypatch.setattr(export, "export_graphs", write)


@pytest.mark.usefixtures("without_graphs")
def test_saved_and_loaded(tmp_path: Path) -> None:
    model = tiny_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save(model.train(), tmp_path / "c", card="# Tiny", recipe={"steps": 3}, metrics={"x": 1.5})
    assert not model.training
    loaded = load_checkpoint(tmp_path / "c")
    assert not loaded.training
    stored = load_file(tmp_path / "c/model.safetensors")
    for name, tensor in loaded.state_dict().items():
        half = before[name].half() if before[name].is_floating_point() else before[name]
        assert torch.equal(stored[name], half), name
        assert torch.equal(tensor, half.to(before[name].dtype)), name
        assert torch.equal(model.state_dict()[name], tensor), "the network holds what was stored"
    manifest = read_manifest(tmp_path / "c")
    assert (manifest.name, manifest.dim, manifest.max_text_tokens) == ("tiny", 16, 12)
    assert (manifest.recipe, manifest.metrics) == ({"steps": 3}, {"x": 1.5})
    assert set(manifest.checksums) == {
        "config.json", "model.safetensors", "tokenizer.json", "text.onnx", "image.onnx",
    }  # fmt: skip
    assert (tmp_path / "c/README.md").read_text() == "# Tiny"
    assert (tmp_path / "c/tokenizer.json").read_text() == tokenizer().to_str()
    assert [path.name for path in tmp_path.iterdir()] == ["c"], "no scratch folder is left"
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o755


@pytest.mark.usefixtures("without_graphs")
def test_a_text_is_never_longer_than_the_positions(tmp_path: Path) -> None:
    save(tiny_model(), tmp_path / "c", max_text_tokens=500)
    assert read_manifest(tmp_path / "c").max_text_tokens == 24


@pytest.mark.usefixtures("without_graphs")
@pytest.mark.parametrize("failing", ["export", "manifest", "rename"])
def test_a_save_that_fails_leaves_the_old_checkpoint(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "c"
    save(tiny_model(), folder)
    before = {path.name: checksum(path) for path in folder.iterdir()}

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if failing == "export":
        monkeypatch.setattr(export, "export_graphs", fail)
    elif failing == "manifest":
        monkeypatch.setattr(Manifest, "write", fail)
    else:
        rename: Callable[..., Path] = Path.rename

        def rename_old_only(self: Path, target: Path) -> Path:
            if target == folder and "-old-" not in self.name:
                fail()
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", rename_old_only)
    with pytest.raises(OSError, match="No space left"):
        save(tiny_model(seed=1), folder, name="other")
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert {path.name: checksum(path) for path in folder.iterdir()} == before
    assert read_manifest(folder).name == "tiny"
    load_checkpoint(folder)


@pytest.mark.usefixtures("without_graphs")
def test_a_new_checkpoint_replaces_all_of_the_old(tmp_path: Path) -> None:
    save(tiny_model(), tmp_path / "c")
    (tmp_path / "c/notes.txt").write_text("of the old one")
    save(tiny_model(seed=1), tmp_path / "c", name="other")
    assert read_manifest(tmp_path / "c").name == "other"
    assert not (tmp_path / "c/notes.txt").exists()


@pytest.mark.usefixtures("without_graphs")
def test_damaged_and_foreign_weights(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        load_checkpoint(folder)
    save(tiny_model(), folder)
    weights = folder / "model.safetensors"
    state = load_file(weights)
    state["temperature"] = state["temperature"] + 1
    save_file(state, weights)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        load_checkpoint(folder)
    state["projections.text.weight"] = torch.zeros(3, 3)
    save_file(state, weights)
    manifest = read_manifest(folder)
    manifest.checksums["model.safetensors"] = checksum(weights)
    manifest.write(folder)
    with pytest.raises(CheckpointError, match=r"does not fit its config\.json"):
        load_checkpoint(folder)


@pytest.mark.slow  # exports two graphs
@torch.no_grad()
def test_graphs_equal_the_network(tmp_path: Path) -> None:
    """What the paper's sizes have: [CLS] and [IMG] pooled, positions from 2, a fine grid."""
    changes = {"visual_grid": 6, "pooling": "first", "position_offset": 2, "projection_dim": 12}
    model = tiny_model(**(TRUNK | {"num_hidden_layers": 1} | changes))
    assert model.front_end is not None
    model.front_end.trunk.head.weight.mul_(20)  # so that regions differ
    model.front_end.trunk.classifier.weight.mul_(15)  # and classes too
    save(model, tmp_path / "c")
    encoder = UnimoEncoder(tmp_path / "c", threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    pixels[1, :, :20] = 0
    np.testing.assert_allclose(
        encoder.encode_images(list(pixels)), model.embed_images(torch.from_numpy(pixels)), atol=1e-4
    )
    texts = ["a red ball", "the old house by the sea", "", "nonsense"]
    expected = [model.embed_texts(torch.tensor([tokenizer().encode(t).ids]))[0] for t in texts]
    np.testing.assert_allclose(encoder.encode_texts(texts), torch.stack(expected), atol=1e-4)


@pytest.mark.slow
def test_graphs_of_other_weights_than_the_file_holds_are_refused(tmp_path: Path) -> None:
    model = tiny_model(**TRUNK)  # in single precision, never rounded to what a file would hold
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"constant \S+ \(.*\) is not in model\.safetensors"):
        export.export_graphs(model, tmp_path)
