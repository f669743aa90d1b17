"""What weights are before training, and after they come from somewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
transformers = pytest.importorskip("transformers", reason="the network needs the extra 'train'")

from safetensors.torch import load_file, save_file  # noqa: E402

from tests.unisearch.pretraining.tiny import tiny_config, tiny_model  # noqa: E402
from unisearch.errors import CheckpointError  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402
from unisearch.model.warm_start import (  # noqa: E402
    bert_state,
    load_text_weights,
    load_trunk_weights,
)

SIZES = {
    "vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32,
}  # fmt: skip


@pytest.mark.parametrize("D", [16, 12, 20])
def test_projections_start_as_the_identity(D: int) -> None:
    model = UnimoModel(tiny_config(projection_dim=D))
    for projection in (model.projections.text, model.projections.image):
        assert torch.equal(projection.weight, torch.eye(D, 16))
    # transformers initialises again what it is asked to, here everything.
    model.apply(model._init_weights)
    assert torch.equal(model.projections.text.weight, torch.eye(D, 16))


@torch.no_grad()
def test_weights_that_a_file_lacks_start_as_usual(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    kept = {k: v for k, v in load_file(file).items() if not k.startswith("projections.")}
    save_file(kept, file, metadata={"format": "pt"})
    model = UnimoModel.from_pretrained(tmp_path)
    for projection in (model.projections.text, model.projections.image):
        assert torch.equal(projection.weight, torch.eye(16))


def test_other_weights_start_as_the_paper_says() -> None:
    torch.manual_seed(0)
    model = UnimoModel(tiny_config(vocab_size=4_000, initializer_range=0.02))
    words = model.text_embeddings.word.weight.detach().numpy()
    assert not words[0].any()  # [PAD]
    assert words[1:].std() == pytest.approx(0.02, rel=0.03)
    assert abs(words.mean()) < 1e-3
    for name, parameter in model.named_parameters():
        if "norm." in name:
            assert bool((parameter == (1 if name.endswith("weight") else 0)).all()), name
        elif name.endswith("bias"):
            assert not parameter.any(), name
    assert model.temperature.item() == pytest.approx(0.07)


@pytest.mark.parametrize("trunk", [None, "efficientnet-lite0"])
def test_saved_and_loaded_by_transformers(trunk: str | None, tmp_path: Path) -> None:
    model = tiny_model(visual_trunk=trunk, region_classes=1_000, trained_objectives=("x",))
    with torch.no_grad():  # nothing may be what an initialisation would make of it
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)
    model.save_pretrained(tmp_path)
    loaded = UnimoModel.from_pretrained(tmp_path)
    assert not loaded.training
    state = model.state_dict()
    assert set(loaded.state_dict()) == set(state)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    assert loaded.config.trained_objectives == ["x"]
    different = {
        key: (value, getattr(loaded.config, key))
        for key, value in vars(model.config).items()
        if not key.startswith("_") and value != getattr(loaded.config, key)
    }
    assert set(different) <= {"architectures", "dtype", "transformers_version"}


@pytest.mark.parametrize("prefix", ["", "roberta."])
@torch.no_grad()
def test_text_weights_of_roberta(prefix: str, tmp_path: Path) -> None:
    """Positions from 2, [PAD] = 1: hidden states equal those of transformers' own RoBERTa."""
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        **SIZES, max_position_embeddings=40, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1
    )
    roberta = transformers.RobertaModel(config, add_pooling_layer=False).eval()
    for parameter in roberta.parameters():
        parameter.add_(torch.randn_like(parameter) / 5)
    state = {f"{prefix}{name}": tensor for name, tensor in roberta.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    model = UnimoModel(
        tiny_config(
            **SIZES,
            max_position_embeddings=14,  # the rows in use: twelve tokens from row 2
            position_offset=2,
            layer_norm_eps=1e-5,
            pad_token_id=1,
            cls_token_id=0,
            sep_token_id=2,
        )
    ).eval()
    load_text_weights(model, tmp_path)
    assert model.config.max_text_tokens == 12
    positions = roberta.embeddings.position_embeddings.weight
    assert torch.equal(model.text_embeddings.position.weight, positions[:14])
    ids = torch.randint(3, 30, (3, 12), generator=torch.Generator().manual_seed(1))
    ids[1, 7:] = 1
    mask = (ids != 1).long()
    ours = model.encode(input_ids=ids, attention_mask=mask).text
    theirs = roberta(input_ids=ids, attention_mask=mask).last_hidden_state
    assert ours is not None
    torch.testing.assert_close(ours[mask.bool()], theirs[mask.bool()], atol=1e-5, rtol=0)
    assert torch.equal(model.projections.text.weight, torch.eye(16)), "stays as it was"


def bert(**changes: int) -> dict[str, torch.Tensor]:
    config = transformers.BertConfig(**(SIZES | {"max_position_embeddings": 24} | changes))
    return dict(transformers.BertModel(config, add_pooling_layer=False).state_dict())


@pytest.mark.parametrize(
    ("changes", "shapes"),
    [
        ({"vocab_size": 31}, r"word\.weight has shape \(31, 16\), the model has \(30, 16\)"),
        ({"num_hidden_layers": 3}, r"layers\.2\.\S+ has shape .*, the model has nothing"),
        (
            {"max_position_embeddings": 20},
            r"position\.weight has shape \(20, 16\), the model has \(24, 16\)",
        ),
    ],
)
def test_weights_of_another_size_are_refused(
    changes: dict[str, int], shapes: str, tmp_path: Path
) -> None:
    save_file(bert(**changes), tmp_path / "model.safetensors")
    model = tiny_model(**SIZES)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=shapes):
        load_text_weights(model, tmp_path / "model.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_too_few_layers_are_refused(tmp_path: Path) -> None:
    save_file(bert(num_hidden_layers=1), tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lacks transformer\.layers\.1"):
        load_text_weights(tiny_model(**SIZES), tmp_path)


def test_weights_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no text weights at"):
        load_text_weights(tiny_model(), tmp_path)
    with pytest.raises(CheckpointError, match="not a BERT or RoBERTa encoder"):
        bert_state({"x": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="no visual trunk to start"):
        load_trunk_weights(tiny_model(), tmp_path)
    model = tiny_model(visual_trunk="efficientnet-lite0", region_classes=1_000)
    with pytest.raises(CheckpointError, match="no trunk weights at"):
        load_trunk_weights(model, tmp_path / "none.pth")
    torch.save({"_conv_stem.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="does not hold the weights of efficientnet-lite0"):
        load_trunk_weights(model, tmp_path / "other.pth")


def test_the_segment_vector_is_added_to_every_word() -> None:
    state = bert()
    segment = state["embeddings.token_type_embeddings.weight"][0].numpy()
    words = state["embeddings.word_embeddings.weight"].numpy()
    found = bert_state(state)["text_embeddings.word.weight"].numpy()
    for row in range(30):
        np.testing.assert_allclose(found[row], words[row] + segment, rtol=1e-6)
