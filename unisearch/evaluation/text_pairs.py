"""From text to text: how much of its language an encoder kept.

Teaching a text encoder about pictures can cost it what it knew. The questions here have known
answers in words (a definition and its word, a sentence and the meaning used in it, tags and the
name they belong to), so a score before and one after training tell what was lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unisearch.datatypes import FloatArray
from unisearch.errors import ConfigError
from unisearch.evaluation.metrics import (
    KS,
    RankArray,
    RetrievalMetrics,
    embedding_ranks,
    retrieval_metrics,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuestion:
    """One question.

    Attributes:
        task: What kind of question it is; only the answers of its own task compete.
        query: What is asked, or ``None``: this row only adds answers to choose from.
        positives: The right answers. Every other positive of the task is a wrong one.
    """

    task: str
    query: str | None
    positives: tuple[str, ...]


def read_questions(path: Path) -> list[TextQuestion]:
    """Read questions, one JSON object a line.

    Raises:
        ConfigError: The file is absent or a line is not a question.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: a corpus holds it beside its pairs") from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            found.append(
                TextQuestion(
                    task=row["task"], query=row["query"], positives=tuple(row["positives"])
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}, line {number}: not a question: {error}") from error
    return found


def question_ranks(
    encode_texts: Callable[[Sequence[str]], FloatArray], questions: Iterable[TextQuestion]
) -> dict[str, RankArray]:
    """Ask every question and give the place of its first right answer, by task.

    Args:
        encode_texts: Texts → unit rows ``[N, D]``; called once for the queries and once for the
            answers of each task.
        questions: What `read_questions` gives.

    Returns:
        Task → ranks from 1, in the order of its questions.
    """
    tasks: dict[str, list[TextQuestion]] = {}
    for question in questions:
        tasks.setdefault(question.task, []).append(question)
    ranks: dict[str, RankArray] = {}
    for task, rows in tasks.items():
        answers = list(dict.fromkeys(answer for row in rows for answer in row.positives))
        place = {answer: column for column, answer in enumerate(answers)}
        asked = [row for row in rows if row.query is not None]
        positives = np.zeros((len(asked), len(answers)), dtype=bool)
        for line, row in enumerate(asked):
            positives[line, [place[answer] for answer in row.positives]] = True
        if asked:
            queries = encode_texts([row.query for row in asked if row.query is not None])
            ranks[task] = embedding_ranks(queries, encode_texts(answers), positives)
    return ranks


def text_quality(
    encode_texts: Callable[[Sequence[str]], FloatArray],
    questions: Iterable[TextQuestion],
    ks: Sequence[int] = KS,
) -> dict[str, RetrievalMetrics]:
    """Measure an encoder's language by task.

    Args:
        encode_texts: Texts → unit rows ``[N, D]``.
        questions: What `read_questions` gives.
        ks: Depths of recall.
    """
    ranks = question_ranks(encode_texts, questions)
    return {task: retrieval_metrics(places, ks) for task, places in ranks.items()}


def as_rows(measured: Mapping[str, RetrievalMetrics]) -> Iterator[dict[str, Any]]:
    """One row of plain values for each task: recalls in percent."""
    for task, found in measured.items():
        recalls = {f"t2t_r{k}": round(100 * value, 1) for k, value in found.recall.items()}
        yield {"subset": f"text: {task}", "queries": found.queries, **recalls}
