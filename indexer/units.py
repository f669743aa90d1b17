"""What readers make of files: one unit for each thing that can be found."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from indexer.options import IndexOptions
from unisearch.datatypes import Modality
from unisearch.encoders.base import Encoder, PreparedImage
from unisearch.errors import MissingExtra, PictureError
from unisearch.files import open_regular, reading_error
from unisearch.pictures import Picture, read_picture
from unisearch.store.records import NOTHING

_HASH_BLOCK_BYTES = 1 << 20


class SkipFile(Exception):
    """This file, or this member of one, cannot be indexed.

    Args:
        reason: A code of ``indexer.reasons``.
        message: One sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(slots=True, kw_only=True)
class Unit:
    """Something to be encoded and found.

    Attributes:
        modality: What it is.
        content_hash: Over what is encoded: the picture's bytes or the passage.
        payload: What the encoder takes.
        passage: The text; for pictures their caption.
        line: First line in the file.
        member: Name within a container.
        metadata: What is known of it alone.
    """

    modality: Modality
    content_hash: str
    payload: PreparedImage | str
    passage: str | None = None
    line: int | None = None
    member: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(slots=True)
class Facts:
    """What a reader learns about a file beside its units.

    Attributes:
        metadata: Of the file as a whole.
        taken_ns: When a picture was taken.
        detail: A remark for a person.
        members_skipped: Reasons for which members were left out.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    taken_ns: int | None = None
    detail: str | None = None
    members_skipped: Counter[str] = field(default_factory=Counter)


class Tools:
    """What all readers need.

    Args:
        encoder: Says what size pictures must have and prepares them.
        options: Limits.
        admission: Bounds the pixels that are decoded at one time.
        tick: Called when a long reading gets on, so that it is not given up.
    """

    def __init__(
        self,
        encoder: Encoder,
        options: IndexOptions,
        admission: Callable[[int], AbstractContextManager[object]] | None = None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._encoder = encoder
        self._admission = admission
        timeout_s = min(options.pictures.drawing_timeout_s, options.timeout_s)
        self.limits = replace(options.pictures, drawing_timeout_s=timeout_s)
        self.options = options
        self.tick = tick

    def picture_unit(self, data: bytes, **known: Any) -> tuple[Unit, Picture]:
        """The bytes of a picture → a unit ready for the encoder; ``known`` are its other fields.

        Raises:
            SkipFile: If it cannot be read.
        """
        try:
            picture = read_picture(
                data,
                limits=self.limits,
                target_px=self._encoder.image_size_px,
                admission=self._admission,
            )
            prepared = self._encoder.prepare_image(picture.image)
        except PictureError as error:
            raise SkipFile(error.reason, str(error)) from error
        except MissingExtra as error:
            raise SkipFile(f"needs-{error.extra}", str(error)) from error
        unit = Unit(modality=Modality.IMAGE, content_hash=hash_of(data), payload=prepared, **known)
        return unit, picture

    def read_bytes(self, path: bytes) -> bytes:
        """A picture's bytes from a file that another file names.

        Raises:
            SkipFile: If it cannot be read or is too large.
        """
        try:
            with open_regular(path) as stream:
                data = stream.read(self.limits.max_bytes + 1)
        except (OSError, ValueError) as error:
            problem = reading_error(path, error)
            raise SkipFile(problem.reason, str(problem)) from error
        return data  # one byte too many is noticed when it is decoded


def text_unit(text: str, **known: Any) -> Unit:
    """A passage → a unit; ``known`` are its other fields."""
    return Unit(
        modality=Modality.TEXT,
        content_hash=hash_of(text.encode("utf-8", "surrogatepass")),
        payload=text,
        passage=text,
        **known,
    )


def hash_of(data: bytes) -> str:
    """Hexadecimal blake2b of 16 bytes: what content is known by."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def hash_stream(stream: BinaryIO, tick: Callable[[], None]) -> str:
    """The same over all of a stream, which is then back at its beginning."""
    stream.seek(0)
    digest = hashlib.blake2b(digest_size=16)
    while block := stream.read(_HASH_BLOCK_BYTES):
        digest.update(block)
        tick()
    stream.seek(0)
    return digest.hexdigest()
