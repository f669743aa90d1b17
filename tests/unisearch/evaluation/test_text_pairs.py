from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conftest import FakeEncoder
from unisearch.errors import ConfigError
from unisearch.evaluation.text_pairs import (
    TextQuestion,
    question_ranks,
    read_questions,
    text_quality,
)

QUESTIONS = [
    TextQuestion(task="colour", query="red car", positives=("red",)),
    TextQuestion(task="colour", query="blue", positives=("green", "blue sky")),
    TextQuestion(task="colour", query=None, positives=("black",)),
    TextQuestion(task="other", query="yellow", positives=("yellow",)),
]


def test_ranks_by_task_with_answers_that_only_compete(
    make_encoder: Callable[..., FakeEncoder],
) -> None:
    ranks = question_ranks(make_encoder().encode_texts, QUESTIONS)
    assert {task: found.tolist() for task, found in ranks.items()} == {
        "colour": [1, 1],
        "other": [1],
    }


def test_a_worse_encoder_scores_lower() -> None:
    def by_length(texts: Sequence[str]) -> object:
        import numpy as np

        return np.array([[1.0, len(text) / 10] for text in texts], dtype=np.float32)

    found = text_quality(by_length, QUESTIONS, ks=(1,))  # type: ignore[arg-type]
    # "blue sky" is the longest answer, so it wins every question of its task.
    assert found["colour"].recall == {1: 0.5}
    assert found["colour"].queries == 2


def test_each_task_is_encoded_in_two_calls(make_encoder: Callable[..., FakeEncoder]) -> None:
    encoder = make_encoder()
    question_ranks(encoder.encode_texts, QUESTIONS)
    assert encoder.text_calls == 4
    assert encoder.texts_encoded == (2 + 4) + (1 + 1)


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "text_eval.jsonl"
    path.write_text(
        '{"task": "a", "query": "q", "positives": ["x", "y"]}\n'
        '{"task": "a", "query": null, "positives": ["z"]}\n'
    )
    assert read_questions(path) == [
        TextQuestion(task="a", query="q", positives=("x", "y")),
        TextQuestion(task="a", query=None, positives=("z",)),
    ]


@pytest.mark.parametrize("line", ["{", '{"task": "a"}', "3"])
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "text_eval.jsonl"
    path.write_text('{"task": "a", "query": "q", "positives": ["x"]}\n' + line + "\n")
    with pytest.raises(ConfigError, match="line 2: not a question"):
        read_questions(path)


def test_a_missing_file_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_questions(tmp_path / "text_eval.jsonl")
