"""``unisearch status``: a collection in numbers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from cli import options

if TYPE_CHECKING:
    from unisearch.search.inventory import CollectionStatus

EPILOG = """\
Examples:

\b
  unisearch status
  unisearch status --collection ~/Pictures --json
"""


def status(collection: options.CollectionOption = None, json: options.JsonOption = False) -> None:
    """Show what a collection holds and how big it is.

    Counts, encoders and how far each has come, skipped files by reason, size on disk.
    """
    from cli.output import write_json, write_lines

    with options.open_collection(collection) as opened:
        found = opened.status()
    if json:
        write_json(_as_object(found))
    else:
        write_lines(status_lines(found))


def _as_object(found: CollectionStatus) -> dict[str, Any]:
    return {
        **{field.name: getattr(found, field.name) for field in dataclasses.fields(found)},
        "roots": [str(root) for root in found.roots],
        "encoders": [
            {field.name: getattr(encoder, field.name) for field in dataclasses.fields(encoder)}
            for encoder in found.encoders
        ],
    }


def status_lines(found: CollectionStatus) -> list[str]:
    """The status for people."""
    from cli.show import home_relative, printable, size_text, table

    items = sum(found.items.values())
    by_modality = ", ".join(f"{count:,} {kind}" for kind, count in found.items.items() if count)
    rows = [
        ("collection", printable(home_relative(found.folder))),
        ("catalog", printable(found.catalog) if found.catalog else "in the folder"),
        ("size on disk", size_text(found.size_bytes)),
        ("generation", f"{found.generation:,}"),
        ("files", f"{found.files:,} indexed, {found.files_skipped:,} skipped"),
        ("items", f"{items:,}" + (f" ({by_modality})" if by_modality else "")),
        ("vectors", f"{found.vectors:,} distinct"),
    ]
    rows += [("folder", printable(home_relative(root))) for root in found.roots]
    if not found.encoders:
        rows.append(("encoder", f"{found.default_encoder} (default), nothing encoded yet"))
    for encoder in found.encoders:
        encoded = sum(encoder.encoded.values())
        default = " (default)" if encoder.default else ""
        rows.append(
            (
                "encoder",
                f"{printable(encoder.name)}{default}: {encoded:,} of {items:,} items, "
                f"{encoder.dim} dimensions, fingerprint {encoder.fingerprint}",
            )
        )
    lines = table(rows)
    if found.skip_reasons:
        lines += ["", "skipped, by reason (unisearch list --skipped shows the files):"]
        counts = [(f"{count:,}", reason) for reason, count in found.skip_reasons.items()]
        lines += [f"  {line}" for line in table(counts, right=[0])]
    return lines
