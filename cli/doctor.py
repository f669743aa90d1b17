"""``unisearch doctor``: is everything in order, and what to do if not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import options
from cli.failures import ExitCode

if TYPE_CHECKING:
    from cli.checks import Finding

EPILOG = """\
Examples:

\b
  unisearch doctor
  unisearch doctor --collection ~/Pictures --json

Exits with 3 if the collection is damaged, with 4 if the installation or an encoder is.
"""


def doctor(
    encoder: options.EncoderOption = None,
    collection: options.CollectionOption = None,
    json: options.JsonOption = False,
) -> None:
    """Check the installation and a collection.

    Looks at versions and extras, at the encoder's checksums, and, where there is a collection, at
    the whole of its catalog and its indexes. Nothing is changed.
    """
    from cli.checks import Part, State
    from cli.output import write_json, write_lines

    broken: set[Part] = set()
    for finding in _findings(encoder, collection):
        if finding.state is State.BROKEN:
            broken.add(finding.part)
        if json:
            write_json(dataclasses.asdict(finding))
        else:
            write_lines(finding_lines(finding))
    if Part.COLLECTION in broken:
        raise typer.Exit(ExitCode.STORE)
    if broken:
        raise typer.Exit(ExitCode.ENCODER)


def _findings(encoder: str | None, folder: Path | None) -> Iterator[Finding]:
    from cli.checks import (
        FIX_CATALOG,
        Finding,
        Part,
        State,
        check_collection,
        check_encoder,
        check_installation,
    )
    from unisearch.encoders.load import DEFAULT_ENCODER, load_encoder
    from unisearch.errors import DamagedStore, NoCollection, UnisearchError

    yield from check_installation()
    part = Part.COLLECTION
    try:
        opened = options.open_collection(folder, read_only=True)
    except NoCollection as error:
        yield from check_encoder(encoder or DEFAULT_ENCODER, load_encoder)
        state = State.NOTE if folder is None else State.BROKEN
        yield Finding(part=part, name="collection", state=state, message=str(error))
        return
    except UnisearchError as error:
        yield from check_encoder(encoder or DEFAULT_ENCODER, load_encoder)
        yield Finding(
            part=part,
            name="collection",
            state=State.BROKEN,
            message=str(error),
            fix=FIX_CATALOG if isinstance(error, DamagedStore) else None,
        )
        return
    with opened:
        yield from check_encoder(encoder or opened.encoder_name, load_encoder)
        yield from check_collection(opened)


def finding_lines(finding: Finding) -> list[str]:
    """One finding for people."""
    from cli.show import printable

    lines = [f"{finding.state:<6}  {printable(finding.name)}: {printable(finding.message)}"]
    if finding.fix:
        lines.append(f"        → {printable(finding.fix)}")
    return lines
