from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unisearch.errors import QueryError
from unisearch.search.parsing import parse_query
from unisearch.search.query import Term


def terms(*tokens: str) -> tuple[Term, ...]:
    return parse_query(tokens).terms


@pytest.fixture
def pool(
    make_picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.chdir(tmp_path)
    make_picture("pool.jpg", "blue")
    return Path("pool.jpg")


@pytest.mark.parametrize("tokens", [("a", "red", "bicycle"), ("a red bicycle",)])
def test_words_make_one_text(tokens: tuple[str, ...]) -> None:
    assert terms(*tokens) == (Term(text="a red bicycle"),)


def test_the_example_of_the_help(pool: Path) -> None:
    assert terms("2:golden retriever", "+", "./pool.jpg", "-", "fruit") == (
        Term(text="golden retriever", weight=2),
        Term(image=pool),
        Term(text="fruit", weight=-1),
    )


@pytest.mark.parametrize(
    ("token", "weight", "text"),
    [
        ("2:dog", 2, "dog"),
        ("0.5:dog", 0.5, "dog"),
        (".5:dog", 0.5, "dog"),
        ("3.:dog", 3, "dog"),
        ("2: dog", 2, "dog"),
        ("2:text:dog", 2, "dog"),
        ("text:2:dog", 1, "2:dog"),
        ("text: dog", 1, "dog"),
        ("16:9 wallpaper", 1, "16:9 wallpaper"),
        ("3:10 to Yuma", 1, "3:10 to Yuma"),
        ("-1:dog", 1, "-1:dog"),
    ],
)
def test_prefixes(token: str, weight: float, text: str) -> None:
    assert terms(token) == (Term(text=text, weight=weight),)


def test_an_unquoted_weight_covers_the_words_after_it() -> None:
    expected = (Term(text="golden retriever", weight=2),)
    assert terms("2:golden", "retriever") == expected
    assert terms("2:", "golden", "retriever") == expected


def test_a_minus_weighs_what_follows() -> None:
    assert terms("dog", "-", "0.5:wet", "fur", "+", "sun") == (
        Term(text="dog"),
        Term(text="wet fur", weight=-0.5),
        Term(text="sun"),
    )


def test_a_query_may_start_with_a_minus() -> None:
    assert terms("-", "fruit") == (Term(text="fruit", weight=-1),)


def test_hyphenated_and_signed_words_are_words() -> None:
    assert terms("black-and-white", "c++", "+1", "-fruit") == (
        Term(text="black-and-white c++ +1 -fruit"),
    )


def test_a_picture_amid_words_is_a_term_of_its_own(pool: Path) -> None:
    assert terms("dog", "pool.jpg", "at", "night") == (
        Term(text="dog"),
        Term(image=pool),
        Term(text="at night"),
    )


def test_a_prefix_amid_words_starts_a_term() -> None:
    assert terms("dog", "2:cat") == (Term(text="dog"), Term(text="cat", weight=2))


def test_a_path_may_hold_spaces(make_picture: Callable[..., Path]) -> None:
    path = make_picture("my pool.png", "blue")
    assert terms(str(path)) == (Term(image=path),)
    assert terms("image:" + str(path)) == (Term(image=path),)


def test_a_path_without_a_pictures_ending_needs_a_slash(
    pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.rename("pool")
    assert terms("pool") == (Term(text="pool"),)
    assert terms("./pool") == (Term(image=Path("pool")),)
    assert terms("image:pool") == (Term(image=Path("pool")),)
    assert terms("and/or") == (Term(text="and/or"),)


def test_text_forces_words(pool: Path) -> None:
    assert terms("text:pool.jpg") == (Term(text="pool.jpg"),)


def test_home_is_expanded(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert terms("2:~/pool.jpg") == (Term(image=tmp_path / "pool.jpg", weight=2),)


@pytest.mark.parametrize("tokens", [("./gone.jpg",), ("dog", "+", "2:gone.PNG"), ("image:gone",)])
def test_a_missing_picture_is_named(tokens: tuple[str, ...]) -> None:
    with pytest.raises(QueryError, match=r"the picture '.*gone.*' does not exist; .*text:"):
        parse_query(tokens)


def test_a_folder_named_like_a_picture(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").mkdir()
    with pytest.raises(QueryError, match="is a folder"):
        parse_query([str(tmp_path / "x.jpg")])


def test_an_address_is_not_fetched() -> None:
    with pytest.raises(QueryError, match="save the picture"):
        parse_query(["https://example.org/a.jpg"])


@pytest.mark.parametrize("tokens", [(), ("",), ("  ", "\t")])
def test_empty(tokens: tuple[str, ...]) -> None:
    with pytest.raises(QueryError, match="query is empty"):
        parse_query(tokens)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (("dog", "-"), "nothing follows the last '-'"),
        (("+",), r"nothing follows the last '\+'"),
        (("dog", "+", "-", "cat"), r"nothing stands between '\+' and '-'"),
        (("2:", "+", "cat"), "'2:' needs words or a picture"),
        (("text:",), "'text:' needs words or a picture"),
        (("0:dog",), "weight in '0:dog' must be a number above 0"),
        (("0.0:dog",), "must be a number above 0"),
        (("9" * 400 + ":dog",), "must be a number above 0"),
    ],
)
def test_what_does_not_parse(tokens: tuple[str, ...], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse_query(tokens)


def test_an_over_long_name_is_no_crash() -> None:
    assert terms("a/" + "x" * 5000) == (Term(text="a/" + "x" * 5000),)
    with pytest.raises(QueryError, match="does not exist"):
        parse_query(["x" * 5000 + ".jpg"])
