"""Tar shards as WebDataset and img2dataset make them → pictures with their texts."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from indexer.captions import Caption, caption_of
from indexer.kinds import TEXT_SUFFIXES
from indexer.markup import read_plain
from indexer.passages import split_passages
from indexer.texts import decode_text
from indexer.units import Facts, SkipFile, Tools, Unit, text_unit
from unisearch.picture_formats import picture_suffixes

_MAX_TEXT_BYTES = 5_000_000
_MAX_SAMPLE_BYTES = 256_000_000
"""A larger sample comes in parts: ``film.0001.jpg``, ``film.0002.jpg``, … have one key."""

_TEXT_EXTENSIONS = ("txt", "caption", "text")


@dataclass(slots=True)
class _Sample:
    """Members with one key: ``0001.jpg``, ``0001.txt``, ``0001.json``."""

    key: str
    members: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Extension → the member's full name and content."""
    size_bytes: int = 0


def read_shard(stream: BinaryIO, tools: Tools, facts: Facts) -> Iterator[Unit]:
    """Reads a tar from beginning to end, a sample at a time.

    Members whose names are equal up to the first dot belong together if they follow each other. A
    picture's unit has the text as its passage and the values of the JSON as metadata; the text is
    a unit of its own as well. A tar that ends too early gives what it has.

    Args:
        stream: The file.
        tools: For reading pictures.
        facts: Receives what was skipped.

    Raises:
        SkipFile: If it is no tar.
    """
    count = 0
    pictures = picture_suffixes()
    try:
        for sample in _samples(stream, tools, facts, pictures):
            for unit in _sample_units(sample, pictures, tools, facts):
                count += 1
                yield unit
            tools.tick()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        if not count:
            raise SkipFile("damaged", f"not a whole tar file: {error}") from error
        facts.members_skipped["truncated"] += 1
        facts.detail = f"the tar ends too early: {error}"
        return
    if skipped := facts.members_skipped.total():
        reasons = ", ".join(f"{n} {code}" for code, n in facts.members_skipped.most_common())
        facts.detail = f"{skipped} members left out: {reasons}"


def _samples(
    stream: BinaryIO, tools: Tools, facts: Facts, pictures: frozenset[str]
) -> Iterator[_Sample]:
    """Groups members as they come; links, devices and other kinds of files are passed by."""
    sample: _Sample | None = None
    # A stream, not a seekable file: tarfile then keeps no list of what it has passed.
    with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # it keeps one after all
            tools.tick()
            if not member.isreg():
                continue
            folder, _, name = member.name.rpartition("/")
            stem, dot, extension = name.partition(".")
            extension = extension.lower()
            if not stem or not dot or not _is_wanted(extension, pictures):
                continue
            key = f"{folder}/{stem}" if folder else stem
            limit = tools.limits.max_bytes if f".{extension}" in pictures else _MAX_TEXT_BYTES
            if member.size > limit:
                facts.members_skipped["too-large"] += 1
                continue
            content = tar.extractfile(member)
            if content is None:
                continue
            data = content.read()
            if sample is not None and not (
                sample.key == key
                and extension not in sample.members
                and sample.size_bytes + len(data) <= _MAX_SAMPLE_BYTES
            ):
                yield sample
                sample = None
            sample = sample or _Sample(key)
            sample.members[extension] = (member.name, data)
            sample.size_bytes += len(data)
        if sample is not None:
            yield sample


def _is_wanted(extension: str, pictures: frozenset[str]) -> bool:
    suffix = "." + extension.rpartition(".")[2]
    return suffix in pictures or suffix in TEXT_SUFFIXES or extension in ("json", "caption")


def _sample_units(
    sample: _Sample, pictures: frozenset[str], tools: Tools, facts: Facts
) -> Iterator[Unit]:
    caption, source, handled = _sample_caption(sample)
    there = [e for e in sample.members if "." + e.rpartition(".")[2] in pictures]
    given = False
    for extension in there:
        name, data = sample.members[extension]
        try:
            unit, picture = tools.picture_unit(data, member=name, passage=caption.text or None)
        except SkipFile as skip:
            facts.members_skipped[skip.reason] += 1
            continue
        unit.metadata = {**picture.metadata(), **caption.metadata}
        given = True
        yield unit
    if there:
        # The caption of a picture that cannot be read describes nothing.
        if caption.text and given:
            yield text_unit(caption.text, member=source)
        return
    for extension, (name, data) in sample.members.items():
        if extension in handled and caption.text and name == source:
            yield text_unit(caption.text, member=name, metadata=caption.metadata)
        elif extension not in handled:
            yield from _plain_text_units(name, data)


def _sample_caption(sample: _Sample) -> tuple[Caption, str | None, set[str]]:
    """The text of a sample, the member it comes from, and the extensions that made it."""
    text, source, handled = "", None, set[str]()
    metadata: dict[str, Any] = {}
    if "json" in sample.members:
        name, data = sample.members["json"]
        try:
            fields = json.loads(decode_text(data) or "")
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            handled.add("json")
            told = caption_of(fields)
            text, metadata, source = told.text, dict(told.metadata), name
    for extension in _TEXT_EXTENSIONS:
        if extension in sample.members and len(sample.members) > 1:
            name, data = sample.members[extension]
            own = " ".join((decode_text(data) or "").split())
            if own:
                text, source = own, name
                handled.add(extension)
                break
    return Caption(text, metadata), source, handled


def _plain_text_units(name: str, data: bytes) -> Iterator[Unit]:
    """A text that belongs to no picture."""
    text = decode_text(data)
    if text is None:
        return
    lines = enumerate(text.splitlines(), start=1)
    for passage in split_passages(read_plain(lines)):
        yield text_unit(passage.text, line=passage.line, member=name)
