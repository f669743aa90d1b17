"""``unisearch why``: the reason for an answer, or for its absence."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.failures import ExitCode
from cli.filtering import NO_FILTERS, filterable
from unisearch.files import expand_home
from unisearch.store.filters import Filters

if TYPE_CHECKING:
    from indexer.reasons import Reason
    from unisearch.collection import Collection
    from unisearch.search.explanation import Explanation

EPILOG = """\
Examples:

\b
  unisearch why ~/Pictures/bike.jpg a red bicycle
  unisearch why bike.jpg a red bicycle -k 50 --after 2020
"""


@filterable
def why(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file in question.", show_default=False)
    ],
    query: Annotated[
        list[str],
        typer.Argument(metavar="QUERY", help="As for `search`.", show_default=False),
    ],
    count: options.CountOption = 10,
    modality: options.ModalityOption = None,
    filters: Filters = NO_FILTERS,
    encoder: options.EncoderOption = None,
    collection: options.CollectionOption = None,
    json: options.JsonOption = False,
) -> None:
    """Explain why a file is or is not among the answers.

    Give the same options as to `search`. Says whether the file was indexed, skipped, left out by a
    filter, or where it ranks. Exits with 0 if it is among the answers, else with 1.
    """
    from cli.output import path_json, write_json, write_lines
    from unisearch.search.explanation import Verdict
    from unisearch.search.parsing import parse_query

    parsed = parse_query(query)
    file = expand_home(file)
    with options.open_collection(collection) as opened:
        explanation = opened.why(
            file, parsed, count, modality=modality, filters=filters, encoder=encoder
        )
        if explanation.verdict is Verdict.NOT_INDEXED:
            reason = _exclusion(opened, file) or explanation.reason
            explanation = dataclasses.replace(explanation, reason=reason)
    if json:
        write_json({**dataclasses.asdict(explanation), **path_json(explanation.path)})
    else:
        write_lines(explanation_lines(explanation, count))
    if explanation.verdict is not Verdict.FOUND:
        raise typer.Exit(ExitCode.NOTHING)


def _exclusion(collection: Collection, file: Path) -> str | None:
    """Why the indexer, with its usual settings, passes by a file that is there."""
    from indexer.kinds import Kind
    from indexer.options import IndexOptions
    from indexer.reasons import reason_of
    from indexer.walk import Rules

    found = collection.catalog.root_for(Path(os.path.abspath(file)))  # noqa: PTH100
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):
        return None
    if found is None or stat.S_ISDIR(mode):
        return None
    root, path = os.fsencode(found[0].path), found[1]
    rules = Rules(IndexOptions())
    parts = path.split(b"/")
    folders = [b"/".join(parts[:end]) for end in range(1, len(parts))]
    for folder in folders:
        reason = rules.against_folder(folder.rpartition(b"/")[2], folder, root)
        if reason is None and (found[0].path / os.fsdecode(folder)).is_symlink():
            reason = "folder-link"
        if reason is not None:
            return _passed_by(f"its folder {os.fsdecode(folder)}", reason_of(reason))
    kind = rules.kind_or_reason(parts[-1], path, root)
    if not isinstance(kind, Kind):
        return _passed_by("it", reason_of(kind))
    return None if stat.S_ISREG(mode) else _passed_by("it", reason_of("special"))


def _passed_by(what: str, reason: Reason) -> str:
    way_out = f"; `unisearch index` takes it with {reason.way_out}" if reason.way_out else ""
    return f"{what} is among those that {reason.meaning}{way_out}"


def explanation_lines(explanation: Explanation, count: int) -> list[str]:
    """The explanation for people."""
    from cli.show import near, printable

    name, reason = printable(near(explanation.path)), printable(explanation.reason)
    lines = [f"{name}: {explanation.verdict.replace('-', ' ')}: {reason}"]
    if explanation.score is not None:
        lines.append(
            f"  rank {explanation.rank:,} of {explanation.candidates:,}, "
            f"score {explanation.score:.3f} ({explanation.modality})"
        )
    if explanation.cutoff_score is not None and explanation.cutoff_path is not None:
        last = printable(near(explanation.cutoff_path))
        lines.append(f"  hit {count} is {last} with score {explanation.cutoff_score:.3f}")
    lines += [f"  same content: {printable(near(copy))}" for copy in explanation.copies]
    return lines
