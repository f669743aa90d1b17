from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import FakeEncoder
from unisearch.errors import QueryError
from unisearch.search.encoding import LONG_QUERY_WORDS, encode_queries
from unisearch.search.query import Query, Term


def test_a_query_is_the_weighted_sum_of_unit_terms(
    fake_encoder: FakeEncoder, make_picture: Callable[..., Path]
) -> None:
    query = Query(
        (
            Term(text="red dog", weight=2),
            Term(image=make_picture("a.png", "blue")),
            Term(text="fruit", weight=-0.5),
        )
    )
    # Independently, one term at a time.
    red, blue, fruit = fake_encoder.encode_texts(["red dog", "blue", "fruit"]).astype(float)
    expected = 2 * red + blue - 0.5 * fruit
    expected /= np.linalg.norm(expected)

    vectors = encode_queries([query], fake_encoder)
    assert vectors.shape == (1, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[0], expected, atol=1e-6)


def test_a_thousand_queries_take_one_call(fake_encoder: FakeEncoder) -> None:
    queries = [Query.of(f"word{n % 10}") for n in range(1000)]
    vectors = encode_queries(queries, fake_encoder)
    assert (fake_encoder.text_calls, fake_encoder.texts_encoded) == (1, 10)
    assert fake_encoder.image_calls == 0
    np.testing.assert_array_equal(vectors[3], vectors[993])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_order_is_kept_among_kinds(
    fake_encoder: FakeEncoder, make_picture: Callable[..., Path]
) -> None:
    red = make_picture("red.png", "red")
    queries = [Query.of("blue"), Query.of(red), Query.of(Image.new("RGB", (4, 4), "lime"))]
    vectors = encode_queries(queries, fake_encoder)
    np.testing.assert_allclose(vectors, fake_encoder.encode_texts(["blue", "red", "green"]))


def test_many_pictures_go_in_bounded_batches(fake_encoder: FakeEncoder) -> None:
    pictures = [Image.new("RGB", (2, 2), "red") for _ in range(70)]
    encode_queries([Query.of(picture) for picture in pictures], fake_encoder)
    assert fake_encoder.images_encoded == 70
    assert fake_encoder.image_calls == 3


def test_no_queries(fake_encoder: FakeEncoder) -> None:
    assert encode_queries([], fake_encoder).shape == (0, 16)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_text(fake_encoder: FakeEncoder, text: str) -> None:
    with pytest.raises(QueryError, match="empty"):
        encode_queries([Query.of(text)], fake_encoder)


@pytest.mark.parametrize("weight", [1.0, 0.1, 1000.0])
def test_terms_that_cancel_out(fake_encoder: FakeEncoder, weight: float) -> None:
    query = Query((Term(text="red dog", weight=weight), Term(text="red dog", weight=-weight)))
    with pytest.raises(QueryError, match=r"cancel each other out: .*red dog"):
        encode_queries([query], fake_encoder)


def test_a_long_query_is_announced(
    fake_encoder: FakeEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        encode_queries([Query.of("red " * LONG_QUERY_WORDS)], fake_encoder)
        assert not caplog.records
        encode_queries([Query.of("red " * 5000)], fake_encoder)
    assert [record.getMessage()[:24] for record in caplog.records] == ["the query has 5000 words"]


def test_bytes_that_are_not_utf8_reach_no_tokenizer(
    make_encoder: Callable[..., FakeEncoder],
) -> None:
    encoder = make_encoder()
    seen: list[str] = []
    encode = encoder.encode_texts
    encoder.encode_texts = lambda texts: (seen.extend(texts), encode(texts))[1]  # type: ignore
    encode_queries([Query.of("caf\udce9 \ud800")], encoder)
    assert seen == ["caf\ufffd \ufffd"]


def test_a_picture_that_is_not_one(fake_encoder: FakeEncoder, tmp_path: Path) -> None:
    path = tmp_path / "note.jpg"
    path.write_text("not a picture")
    with pytest.raises(QueryError, match=r"cannot search with '.*note\.jpg'"):
        encode_queries([Query.of(path)], fake_encoder)


@pytest.mark.parametrize("weight", [1e-300, 1e-50, 1e39, 1.7e308])
def test_weights_of_any_size_keep_their_proportions(
    fake_encoder: FakeEncoder, weight: float
) -> None:
    query = Query((Term(text="red", weight=weight), Term(text="blue", weight=-weight / 2)))
    red, blue = fake_encoder.encode_texts(["red", "blue"])
    expected = (red - blue / 2) / np.sqrt(1.25)
    np.testing.assert_allclose(encode_queries([query], fake_encoder)[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["transparent", "16 bits", "on its side"])
def test_a_picture_in_memory_is_seen_as_its_file_is(
    make_encoder: Callable[..., FakeEncoder], tmp_path: Path, kind: str
) -> None:
    if kind == "transparent":
        picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
        picture.putpixel((0, 0), (255, 0, 0, 255))
    elif kind == "16 bits":
        picture = Image.fromarray(np.full((8, 8), 60_000, np.uint16))
    else:
        picture = Image.new("RGB", (8, 4), "red")
        picture.putpixel((0, 0), (0, 0, 255))
        picture.getexif()[0x0112] = 6
    path = tmp_path / "picture.png"
    picture.save(path, exif=picture.getexif())
    encoder = make_encoder()
    seen: list[tuple[tuple[int, int], bytes]] = []
    prepare = encoder.prepare_image
    encoder.prepare_image = lambda image: (  # type: ignore[method-assign]
        seen.append((image.size, image.tobytes())),
        prepare(image),
    )[1]
    encode_queries([Query.of(picture), Query.of(path)], encoder)
    assert seen[0] == seen[1]


def test_a_picture_in_memory_that_is_damaged(fake_encoder: FakeEncoder, tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:500])
    with Image.open(path) as picture, pytest.raises(QueryError, match="cannot search with the pic"):
        encode_queries([Query.of(picture)], fake_encoder)
