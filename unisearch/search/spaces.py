"""The encoders of a collection, and which of their vectors it holds."""

from __future__ import annotations

from unisearch.encoders.base import Encoder
from unisearch.encoders.load import load_encoder
from unisearch.errors import CheckpointError, EncoderMismatch
from unisearch.store.catalog import Catalog
from unisearch.store.records import EncoderRecord


class Spaces:
    """Loads encoders when they are first asked for, and checks them against the catalog.

    Args:
        catalog: Knows by which encoders its vectors were made.
        default: Name of the encoder meant by none.
    """

    def __init__(self, catalog: Catalog, *, default: str) -> None:
        self.default = default
        self._catalog = catalog
        self._loaded: dict[str, Encoder] = {}

    def adopt(self, encoder: Encoder) -> None:
        """Makes a ready encoder the default."""
        self.default = encoder.name
        self._loaded[encoder.name] = encoder

    def encoder(self, wanted: str | Encoder | None = None) -> Encoder:
        """The encoder of a name, or the default, or the one given.

        Raises:
            CheckpointError: There is none of this name, or it is damaged.
            MissingExtra: It needs an optional package.
        """
        if wanted is not None and not isinstance(wanted, str):
            return wanted
        name = wanted or self.default
        if name not in self._loaded:
            try:
                self._loaded[name] = load_encoder(name)
            except CheckpointError as error:
                if wanted:
                    raise
                message = f"the collection's encoder {name!r} cannot be loaded: {error}"
                raise CheckpointError(message) from error
        return self._loaded[name]

    def record(self, encoder: Encoder) -> EncoderRecord | None:
        """What the catalog knows of an encoder; ``None`` if it has no vectors of any.

        Raises:
            EncoderMismatch: It has vectors, but only of others.
        """
        records = self._catalog.encoders()
        for record in records:
            if record.fingerprint == encoder.fingerprint:
                return record
        for record in records:
            if record.name == encoder.name:
                raise EncoderMismatch(
                    f"the collection was indexed with another version of {encoder.name!r} "
                    f"(fingerprint {record.fingerprint}, now {encoder.fingerprint}): "
                    "run `unisearch index` again on its folders, or use the former version"
                )
        if records:
            names = ", ".join(repr(record.name) for record in records)
            raise EncoderMismatch(
                f"the collection has no vectors of {encoder.name!r}, only of {names}: search with "
                f"one of these, or run `unisearch index --encoder {encoder.name} FOLDER`"
            )
        return None
