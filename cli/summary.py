"""What an index run did, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.show import counted, duration_text, printable, table
from indexer.reasons import reason_of

if TYPE_CHECKING:
    from indexer.report import IndexReport

_COUNTS = ("added", "updated", "moved", "removed", "touched", "unchanged")


def report_json(report: IndexReport) -> dict[str, Any]:
    """The report with all its counts, and for each reason what would change it."""
    values = dataclasses.asdict(report)
    for name in ("skipped", "excluded", "members_skipped"):
        values[name] = {
            code: {"count": count, "way_out": reason_of(code).way_out}
            for code, count in getattr(report, name).most_common()
        }
    return {name: round(v, 3) if isinstance(v, float) else v for name, v in values.items()}


def report_lines(report: IndexReport) -> list[str]:
    """A line of counts, one of times, and what was left out with the way to change that."""
    numbers = {name: getattr(report, name) for name in _COUNTS}
    numbers["unchanged"] -= report.skipped_before  # said with those skipped now
    counts = [f"{number:,} {name}" for name, number in numbers.items() if number]
    skipped = report.skipped.total() + report.skipped_before
    if skipped:
        counts.append(f"{skipped:,} skipped")
    what = ", ".join(counts) if counts else "nothing to index was found"
    lines = [f"stopped early: {what}" if report.interrupted else what]
    lines.append(_effort(report))
    lines += _reasons("skipped files", report.skipped)
    if report.skipped_before:
        lines.append(
            f"  skipped before and not changed since: {counted(report.skipped_before, 'file')} "
            "(--retry-skipped; unisearch list --skipped names them)"
        )
    lines += _reasons("skipped rows and members", report.members_skipped)
    lines += _reasons("left out", report.excluded)
    lines += [f"missing: {printable(path)}" for path in report.missing]
    lines += [f"warning: {printable(warning)}" for warning in report.warnings]
    return lines


def _effort(report: IndexReport) -> str:
    parts = []
    if report.images_encoded:
        parts.append(f"{counted(report.images_encoded, 'picture')} encoded")
    if report.texts_encoded:
        parts.append(f"{counted(report.texts_encoded, 'passage')} encoded")
    if report.vectors_shared:
        parts.append(f"{counted(report.vectors_shared, 'known content')} shared")
    encoded = report.images_encoded + report.texts_encoded
    took = f"in {duration_text(report.seconds)}"
    if encoded and report.seconds > 0:
        took += f" ({encoded / report.seconds:.1f} a second)"
    return f"{', '.join(parts)} {took}" if parts else took


def _reasons(title: str, counts: Mapping[str, int]) -> list[str]:
    """``  3  are damaged``, most first, with the flag that changes it."""
    if not counts:
        return []
    rows = []
    for code, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        reason = reason_of(code)
        rows.append((f"{count:,}", reason.meaning, f"({reason.way_out})" if reason.way_out else ""))
    return [f"{title}:", *(f"  {line}" for line in table(rows, right=[0]))]
