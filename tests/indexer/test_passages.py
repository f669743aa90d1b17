"""Passages have the right size, begin at the right line, and lose nothing."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from collections.abc import Iterator

import pytest

from indexer.passages import MAX_WORDS, MIN_WORDS, Block, Passage, count_words, split_passages


def split(text: str) -> list[Passage]:
    lines = enumerate(text.split("\n"), start=1)
    return list(split_passages(Block(line, number) for number, line in lines))


def words(count: int, start: int = 0) -> str:
    return " ".join(f"w{i}" for i in range(start, start + count))


def test_a_short_text_is_one_passage() -> None:
    assert split("Hello there.\nSecond line.") == [Passage("Hello there. Second line.", 1)]


def test_nothing_gives_nothing() -> None:
    assert split("") == split(" \n\t\n\n") == []


def test_small_paragraphs_are_joined_up_to_the_usual_length() -> None:
    text = "\n\n".join(words(30, 30 * i) for i in range(6))
    passages = split(text)
    assert [count_words(passage.text) for passage in passages] == [90, 90]
    assert [passage.line for passage in passages] == [1, 7]
    assert passages[0].text == f"{words(30)}\n{words(30, 30)}\n{words(30, 60)}"


def test_a_passage_ends_with_its_paragraph_rather_than_within_the_next() -> None:
    passages = split(f"{words(70)}\n\n{words(100, 70)}")
    assert [passage.text for passage in passages] == [words(70), words(100, 70)]


def test_a_long_paragraph_is_cut_at_sentences() -> None:
    sentences = [f"Sentence {i} has these seven words." for i in range(60)]
    passages = split(" ".join(sentences))
    assert all(passage.text.endswith(".") for passage in passages)
    assert all(MIN_WORDS // 2 <= count_words(p.text) <= MAX_WORDS for p in passages)
    assert " ".join(passage.text for passage in passages) == " ".join(sentences)


def test_abbreviations_and_numbers_do_not_end_a_sentence_before_a_small_letter() -> None:
    text = " ".join(["It costs approx. 3.5 euros, e.g. in shops."] * 40)
    assert all(passage.text.startswith("It costs") for passage in split(text))


def test_lines_are_cut_where_there_are_no_sentences() -> None:
    passages = split("\n".join(words(50, 50 * i) for i in range(7)))
    assert [passage.line for passage in passages] == [1, 3, 5, 7]


def test_a_short_rest_joins_the_passage_before() -> None:
    text = f"{words(100)}\n\nThe end."
    assert split(text) == [Passage(f"{words(100)}\nThe end.", 1)]


def test_a_heading_begins_each_passage_below_it() -> None:
    blocks = [
        Block("Intro", 1), Block("Cooking", 3, heading=True),
        *[Block(words(60), n) for n in (4, 5, 6)],
        Block("Empty", 8, heading=True), Block("Baking", 9, heading=True), Block("Bread.", 10),
    ]  # fmt: skip
    passages = list(split_passages(blocks))
    assert passages == [
        Passage("Intro", 1), Passage(f"Cooking\n{words(60)} {words(60)}", 4),
        Passage(f"Cooking\n{words(60)}", 6), Passage("Baking\nBread.", 10),
    ]  # fmt: skip


def test_a_text_of_nothing_but_headings() -> None:
    outline = [Block("Buy milk", 1, heading=True), Block("Call Ann", 2, heading=True)]
    assert list(split_passages(outline)) == [Passage("Buy milk Call Ann", 1)]
    assert list(split_passages([Block("", 1, heading=True), Block(" ", 2)])) == []
    many = [Block(words(30, 30 * n), n + 1, heading=True) for n in range(9)]
    assert [passage.line for passage in split_passages(many)] == [1, 5, 9]


def test_a_sentence_without_end_and_words_without_end() -> None:
    passages = split(words(1000))
    assert " ".join(passage.text for passage in passages) == words(1000)
    assert max(count_words(passage.text) for passage in passages) <= MAX_WORDS
    blob = "QUJD" * 5000
    passages = split(blob)
    assert "".join(passage.text for passage in passages).replace(" ", "") == blob
    assert max(len(passage.text) for passage in passages) < 15_000


def test_scripts_without_spaces() -> None:
    sentence = "これは写真を探すためのとても長い文章です。"
    passages = split(sentence * 60)
    assert len(passages) > 3
    assert "".join(passage.text for passage in passages) == sentence * 60
    assert all(passage.text.endswith("。") for passage in passages)


@pytest.mark.parametrize("seed", range(20))
def test_no_word_is_lost_added_or_moved(seed: int) -> None:
    rng = random.Random(seed)
    lines = [
        " ".join(rng.choice(["a", "Bc", "d.", "Ef!", "写真。", "x" * 250, "g?"]) for _ in range(k))
        for k in (rng.choice([0, 0, 1, 5, 30, 300]) for _ in range(60))
    ]
    joined = "".join("\n".join(lines).split())
    passages = split("\n".join(lines))
    assert "".join("".join(passage.text.split()) for passage in passages) == joined
    for passage in passages:
        first = "".join(passage.text.split()[0])
        assert first[:1] in "".join(lines[passage.line - 1].split())
        assert count_words(passage.text) <= MAX_WORDS + 25
    assert [p.line for p in passages] == sorted(p.line for p in passages)


def test_memory_does_not_grow_with_the_text() -> None:
    def endless(lines: int) -> Iterator[Block]:
        for number in range(lines):
            yield Block("A line of a log without any paragraph, number one of many", number + 1)

    def peak(lines: int) -> int:
        tracemalloc.start()
        count = sum(1 for _ in split_passages(endless(lines)))
        assert count > lines // 20
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(20_000) < peak(500) + 50_000


def test_it_reads_no_further_than_it_must() -> None:
    numbers = itertools.count(1)
    blocks = (Block(words(60), next(numbers)) for _ in iter(int, 1))
    first = next(iter(split_passages(blocks)))
    assert first.line == 1
    assert next(numbers) < 10
