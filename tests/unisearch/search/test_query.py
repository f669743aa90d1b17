from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from unisearch.search.query import Query, Term


def test_one_thing_becomes_one_term() -> None:
    picture = Image.new("RGB", (2, 2))
    assert Query.of("./pool.jpg + x").terms == (Term(text="./pool.jpg + x"),)
    assert Query.of(Path("a.jpg")).terms == (Term(image=Path("a.jpg")),)
    assert Query.of(picture).terms == (Term(image=picture),)
    assert Query.of(Term(text="a", weight=-2)).terms == (Term(text="a", weight=-2),)
    query = Query((Term(text="a"), Term(text="b")))
    assert Query.of(query) is query


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        Query.of(3)  # type: ignore[arg-type]


def test_parse_takes_tokens() -> None:
    assert Query.parse("2:dog", "-", "cat").terms == (
        Term(text="dog", weight=2),
        Term(text="cat", weight=-1),
    )


@pytest.mark.parametrize("kinds", [{}, {"text": "a", "image": Path("a")}])
def test_a_term_is_one_thing(kinds: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either a text or an image"):
        Term(**kinds)  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [0.0, float("nan"), float("inf")])
def test_a_weight_is_a_number(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        Term(text="a", weight=weight)


def test_a_query_has_terms() -> None:
    with pytest.raises(ValueError, match="at least one term"):
        Query(())


def test_a_query_reads_as_typed() -> None:
    query = Query((Term(text="a dog", weight=2), Term(image=Path("x.jpg"), weight=-0.5)))
    assert str(query) == "2:text:a dog - 0.5:image:x.jpg"
