from __future__ import annotations

import io
from dataclasses import replace

import pytest

from cli import progress
from cli.progress import StderrProgress, progress_line
from cli.summary import report_json, report_lines
from indexer.progress import Phase, Snapshot
from indexer.report import IndexReport

HALFWAY = Snapshot(
    phase=Phase.INDEXING,
    files_found=5000,
    files_unchanged=1000,
    files_to_do=4000,
    files_done=1200,
    files_skipped=3,
    items_done=1300,
    scan_finished=True,
    rate=41.26,
    seconds_left=68.0,
    current="pictures/bi\nke.jpg",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    assert progress_line(HALFWAY, with_file=True) == (
        "1,200 of 4,000 files (30%), 3 skipped, 41.3 items/s, 1 min 8 s left  pictures/bi\\nke.jpg"
    )


def test_while_the_scan_goes_on_there_is_no_estimate() -> None:
    early = replace(HALFWAY, scan_finished=False, seconds_left=None, rate=0.0, files_skipped=0)
    line = progress_line(early, with_file=False)
    assert line == "1,200 files, 5,000 found so far"


@pytest.mark.parametrize(
    ("phase", "line"),
    [(Phase.PRUNING, "looking for files that are gone"), (Phase.SAVING, "saving the indexes")],
)
def test_other_phases(phase: Phase, line: str) -> None:
    assert progress_line(replace(HALFWAY, phase=phase), with_file=True) == line


def test_a_terminal_gets_one_line_that_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(progress, "TERMINAL_INTERVAL_S", 0.0)
    terminal = Terminal()
    with StderrProgress(terminal) as drawn:
        drawn.update(HALFWAY)
        drawn.update(replace(HALFWAY, phase=Phase.SAVING))
    first, second, last = terminal.getvalue().split("\r")[1:4]
    assert len(first) == 59
    assert first.endswith("…")
    assert second == "saving the indexes".ljust(59)
    assert last.strip() == ""
    assert "\n" not in terminal.getvalue()


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 101.0, 109.9, 110.5, 112.0, 121.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    log = io.StringIO()
    with StderrProgress(log) as drawn:
        for _ in range(5):
            drawn.update(HALFWAY)
    lines = log.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0] == "1,200 of 4,000 files (30%), 3 skipped, 41.3 items/s, 1 min 8 s left"


def test_a_summary_names_reasons_and_ways_out() -> None:
    report = IndexReport(added=2000, unchanged=10, seconds=50.0, images_encoded=1500)
    report.texts_encoded = 500
    report.skipped.update({"truncated": 2, "too-large": 1})
    report.skipped_before = 4
    report.excluded.update({"hidden": 12})
    report.missing.append("/gone\n")
    report.warnings.append("careful")
    assert report_lines(report) == [
        "2,000 added, 6 unchanged, 7 skipped",
        "1,500 pictures encoded, 500 passages encoded in 50 s (40.0 a second)",
        "skipped files:",
        "  2  end too early",
        "  1  are larger than the limit  (--max-bytes, --max-text-bytes)",
        "  skipped before and not changed since: 4 files "
        "(--retry-skipped; unisearch list --skipped names them)",
        "left out:",
        "  12  are hidden  (--hidden)",
        "missing: /gone\\n",
        "warning: careful",
    ]


def test_summaries_of_little() -> None:
    assert report_lines(IndexReport()) == ["nothing to index was found", "in 0 s"]
    assert report_lines(IndexReport(interrupted=True, added=3))[0] == "stopped early: 3 added"


def test_a_summary_as_json() -> None:
    report = IndexReport(added=1, seconds=1.23456)
    report.skipped.update({"needs-svg": 2})
    values = report_json(report)
    assert values["added"] == 1
    assert values["seconds"] == 1.235
    assert values["skipped"] == {
        "needs-svg": {"count": 2, "way_out": "pip install 'unisearch[svg]'"}
    }


def test_every_way_out_that_is_an_option_exists() -> None:
    import re

    from cli.group import LazyCommands
    from indexer.reasons import EXCLUDED, SKIPPED

    options = {option for one in LazyCommands()["index"].params for option in one.opts}
    options |= {option for one in LazyCommands()["index"].params for option in one.secondary_opts}
    for reason in (*SKIPPED.values(), *EXCLUDED.values()):
        for flag in re.findall(r"--[a-z-]+", reason.way_out or ""):
            assert flag in options, f"{reason.way_out} is no option of index"
