"""What a run did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class IndexReport:
    """What a run did.

    Attributes:
        files_found: Files that the scan saw and that are of a kind to be indexed.
        added: Files that are new.
        updated: Files whose content changed, or that were read again.
        unchanged: Files that were not opened, because size and time were as before.
        touched: Files with a new time and the old content.
        moved: Files found again under another path; nothing was encoded for them.
        removed: Files that are gone.
        skipped: Files that could not be read now, by reason code (see ``indexer.reasons``).
        skipped_before: Files skipped earlier and not tried again.
        excluded: What the scan passed by, by reason code.
        members_skipped: Rows of tables and members of shards that could not be read, by code.
        images_encoded: Pictures that went through the encoder.
        texts_encoded: Passages that did.
        vectors_shared: Items whose content already had a vector.
        missing: Sources that do not exist.
        warnings: Sentences for a person.
        interrupted: Whether the run was stopped; what it had encoded is kept.
        seconds: Length of the run.
        seconds_encoding: Of these, time in the encoder.
        seconds_writing: Of these, time in the catalog.
        seconds_waiting: Of these, time waiting for files to be read and decoded.
        seconds_reading: Time that all reading threads together were busy.
    """

    files_found: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    touched: int = 0
    moved: int = 0
    removed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_before: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    members_skipped: Counter[str] = field(default_factory=Counter)
    images_encoded: int = 0
    texts_encoded: int = 0
    vectors_shared: int = 0
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0
    seconds_encoding: float = 0.0
    seconds_writing: float = 0.0
    seconds_waiting: float = 0.0
    seconds_reading: float = 0.0

    @property
    def files_done(self) -> int:
        """New and changed files that were dealt with."""
        return self.added + self.updated + self.touched + self.moved + self.skipped.total()

    @property
    def changed(self) -> bool:
        """Whether the collection is another one than before."""
        return bool(self.files_done or self.removed)

    @property
    def encoder_share(self) -> float:
        """Part of the run spent in the encoder, 0…1."""
        return self.seconds_encoding / self.seconds if self.seconds > 0 else 0.0
