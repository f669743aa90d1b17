"""Why something is not in the collection, in words, and what would change that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One reason code.

    Attributes:
        meaning: For a person, after a number: "3 …".
        way_out: The flag or command that changes it; ``None`` if there is none but repair.
    """

    meaning: str
    way_out: str | None = None


SKIPPED: dict[str, Reason] = {
    # The file was looked into, or tried; the catalog remembers it.
    "empty": Reason("have no bytes"),
    "no-text": Reason("hold no words"),
    "truncated": Reason("end too early"),
    "damaged": Reason("are damaged"),
    "not-a-picture": Reason("are named like pictures but hold none"),
    "binary": Reason("are neither text nor picture"),
    "too-large": Reason("are larger than the limit", "--max-bytes, --max-text-bytes"),
    "too-many-pixels": Reason("have more pixels than the limit", "--max-pixels"),
    "too-small": Reason("have fewer pixels than the limit", "--min-side"),
    "timed-out": Reason("took too long", "--timeout"),
    "unreadable": Reason("could not be read", "check their permissions, then index again"),
    "not-a-file": Reason("are pipes, devices or folders"),
    "changed": Reason("changed while they were read", "index again"),
    "vanished": Reason("vanished before they were read"),
    "needs-heic": Reason("are HEIC pictures", "pip install 'unisearch[heic]'"),
    "needs-svg": Reason("are SVG drawings", "pip install 'unisearch[svg]'"),
    "needs-parquet": Reason("are Parquet tables", "pip install 'unisearch[parquet]'"),
    "needs-columns": Reason("are tables", "--text-column, --image-column"),
    "no-such-column": Reason("are tables without the columns named", "--text-column"),
    "not-encodable": Reason("were refused by the encoder"),
    "remote": Reason("are addresses on the network"),
    "failed": Reason("made their reader fail, which is a bug", "please report it"),
}

EXCLUDED: dict[str, Reason] = {
    # Passed by while scanning, never opened, not remembered.
    "hidden": Reason("are hidden", "--hidden"),
    "excluded-folder": Reason("are folders of programs", "--no-default-excludes"),
    "excluded": Reason("match --exclude", "leave out --exclude"),
    "other-kind": Reason("are of a kind not asked for", "--kind"),
    "unknown-kind": Reason("are neither pictures nor texts by their name", "--all-files"),
    "link": Reason("are links to what is scanned anyway"),
    "folder-link": Reason("are links to folders", "--follow-links"),
    "broken-link": Reason("are links to nothing"),
    "special": Reason("are pipes, sockets or devices"),
    "own": Reason("belong to a collection"),
    "unreadable-folder": Reason("are folders that cannot be listed", "check their permissions"),
}


def reason_of(code: str) -> Reason:
    """What a code means; an unknown one, from a newer version, means itself."""
    return SKIPPED.get(code) or EXCLUDED.get(code) or Reason(code)
