"""A second run over files that did not change, and over files that were moved.

::

    python benchmarks/rerun.py [--files 4000] [--runs 5]

Pictures and short texts, made from ``samples/``, are indexed, then indexed again as they are, then
again after a tenth of them went to another folder: as whole commands, and within a process that has
everything imported (there the first run's time is what the command's report says). Exits with 1 if
anything but the first run gave the encoder anything, or if a moved file was not recognised.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import machine, print_table, unisearch_command, workplace
from material import SMALL, write_pictures, write_texts

from indexer import index
from unisearch import Collection

Run = Callable[[], dict[str, Any]]


def by_command(files: Path, collection: Path) -> dict[str, Any]:
    """A run as a person starts it; the report with ``took_s``, the life of the process."""
    command = [unisearch_command(), "index", str(files), "--collection", str(collection)]
    started = time.perf_counter()
    done = subprocess.run([*command, "--quiet", "--json"], check=True, capture_output=True)
    took = time.perf_counter() - started
    return {**json.loads(done.stdout), "took_s": took}


def within_process(files: Path, collection: Path) -> dict[str, Any]:
    """The same in this process, from opening the collection to closing it."""
    started = time.perf_counter()
    with Collection.open(collection) as opened:
        report = index(opened, [files])
    took = time.perf_counter() - started
    names = ("unchanged", "moved", "images_encoded", "texts_encoded")
    return {**{name: getattr(report, name) for name in names}, "took_s": took}


def move_some(files: Path) -> int:
    """Moves every tenth file into a new folder; returns how many."""
    chosen = sorted(path for path in files.rglob("*") if path.is_file())[::10]
    for number, path in enumerate(chosen):
        target = files / "moved" / str(number % 7) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return len(chosen)


def encoded(report: dict[str, Any]) -> int:
    """What went through the encoder."""
    return int(report["images_encoded"] + report["texts_encoded"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=5, help="of the second run; the median counts")
    parser.add_argument("--work", type=Path, help="keep everything here")
    arguments = parser.parse_args()
    wrong: list[str] = []
    rows = []
    with workplace(arguments.work) as work:
        files = work / "files"
        write_pictures(files / "pictures", arguments.files * 3 // 4, SMALL)
        write_texts(files / "notes", arguments.files - arguments.files * 3 // 4)
        collection, copy = work / "collection", work / "copy"
        ways: dict[str, Run] = {
            "whole command": lambda: by_command(files, collection),
            "within a process": lambda: within_process(files, copy),
        }
        print(f"indexing {arguments.files:,} files", file=sys.stderr)
        whole = by_command(files, collection)
        shutil.copytree(collection, copy)
        firsts = {
            "whole command": whole,
            "within a process": {**whole, "took_s": whole["seconds"]},
        }
        within_process(files, copy)  # imports everything
        agains = {name: [run() for _ in range(arguments.runs)] for name, run in ways.items()}
        moved = move_some(files)
        afters = {name: run() for name, run in ways.items()}
    for name, first in firsts.items():
        for again in agains[name]:
            if encoded(again) or again["unchanged"] != arguments.files:
                wrong.append(f"{name}: {encoded(again)} encoded, {again['unchanged']} unchanged")
        after = afters[name]
        if encoded(after) or after["moved"] != moved:
            wrong.append(f"{name}: {encoded(after)} encoded, {after['moved']} of {moved} moved")
        second = statistics.median(again["took_s"] for again in agains[name])
        rows.append(
            [
                name,
                f"{first['took_s']:.1f}",
                f"{encoded(first):,}",
                f"{second:.3f}",
                f"{first['took_s'] / second:.0f} ×",
                f"{after['took_s']:.2f}",
                f"{encoded(after):,}",
            ]
        )
    print(f"{machine()}, {arguments.files:,} files, {moved:,} of them moved\n")
    print_table(
        [
            "", "first run, s", "encoded", "unchanged, s", "faster", "a tenth moved, s", "encoded",
        ],
        rows,
    )  # fmt: skip
    for complaint in wrong:
        print(f"WRONG: {complaint}", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
