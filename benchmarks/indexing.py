"""Indexing pictures: how much of the time is the encoder's, and how much memory it takes.

::

    python benchmarks/indexing.py [--pictures 20000] [--photographs 200] [--work FOLDER]

Pictures of mixed sizes are made from ``samples/`` (two or three minutes for 20,000, 2.5 GB), then
indexed by a new process into an empty collection. Before and after that, another process gives the
encoder alone the same pictures, decoded and resized beforehand, in batches of the same size: what
no pipeline can exceed on these cores. The same is done with photographs of 12 megapixels, where
decoding is the larger part. All is removed at the end; with ``--work`` the pictures are kept in
that folder and used again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from common import Meter, machine, print_table, workplace
from material import MIXED, PHOTOGRAPHS, Kind, write_pictures

from indexer import IndexOptions, IndexReport, index
from indexer.progress import Snapshot
from unisearch import Collection, load_encoder, open_picture

_ALONE = 512
"""Pictures that the encoder is given alone, each time."""
_MARKS = (1_000, 2_000, 5_000, 10_000, 20_000)

T = TypeVar("T")


@dataclass
class Measured:
    """What one index run took.

    Attributes:
        report: Of the run.
        memory: Resident megabytes when so many pictures were done.
        peak_mb: The most at any time.
    """

    report: IndexReport
    memory: dict[int, float] = field(default_factory=dict)
    peak_mb: float = 0.0


class Watch:
    """Progress of a run that notes the memory at some numbers of pictures."""

    def __init__(self, meter: Meter, total: int) -> None:
        self._meter = meter
        self._marks = sorted({mark for mark in _MARKS if mark < total} | {total})
        self.memory: dict[int, float] = {}

    def update(self, snapshot: Snapshot) -> None:
        self._meter.show(snapshot.items_done)
        while self._marks and snapshot.items_done >= self._marks[0]:
            self.memory[self._marks.pop(0)] = resident_mb("VmRSS")


def resident_mb(field: str) -> float:
    """``VmRSS``, the memory of this process now, or ``VmHWM``, the most that it had."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def run_index(pictures: Path, collection: Path, total: int) -> Measured:
    """Indexes a folder into a new collection."""
    watch = Watch(Meter(f"indexing {pictures.name}", total), total)
    encoder = load_encoder()
    with Collection.create(collection, encoder=encoder) as opened:
        report = index(opened, [pictures], progress=watch)
    return Measured(report, watch.memory, resident_mb("VmHWM"))


def encode_alone(pictures: Path, batch: int) -> float:
    """Pictures a second that the encoder alone does."""
    encoder = load_encoder()
    paths = sorted(pictures.rglob("*.jpg"))[:_ALONE]
    side = encoder.image_size_px
    prepared = [encoder.prepare_image(open_picture(path, target_px=side)) for path in paths]
    encoder.encode_images(prepared[:batch])
    started = time.perf_counter()
    for start in range(0, len(prepared), batch):
        encoder.encode_images(prepared[start : start + batch])
    return len(prepared) / (time.perf_counter() - started)


def in_new_process(function: Callable[..., T], *arguments: object) -> T:
    """Calls a function where nothing before it has taken memory."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        return pool.submit(function, *arguments).result()


def measure(work: Path, name: str, total: int, kind: Kind) -> tuple[list[str], Measured]:
    """One row of the table, and the run."""
    pictures, collection = work / name, work / f"{name}-collection"
    write_pictures(pictures, total, kind)
    batch = IndexOptions().batch_size
    alone = [in_new_process(encode_alone, pictures, batch)]
    shutil.rmtree(collection, ignore_errors=True)
    run = in_new_process(run_index, pictures, collection, total)
    alone.append(in_new_process(encode_alone, pictures, batch))
    shutil.rmtree(collection)
    report = run.report
    if report.images_encoded != total or report.skipped:
        raise SystemExit(f"{report.images_encoded} of {total} {name} encoded: {report.skipped}")
    rate, best = total / report.seconds, statistics.mean(alone)
    row = [
        f"{total:,} {name}",
        f"{report.seconds:.0f}",
        f"{rate:.1f}",
        f"{best:.1f}",
        f"{100 * rate / best:.0f} %",
        f"{100 * report.encoder_share:.1f} %",
        f"{100 * report.seconds_waiting / report.seconds:.1f} %",
        f"{100 * report.seconds_writing / report.seconds:.1f} %",
        f"{1000 * report.seconds_reading / total:.0f}",
    ]
    return row, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--photographs", type=int, default=200, help="of 12 megapixels")
    parser.add_argument("--work", type=Path, help="keep the pictures here, for another time")
    arguments = parser.parse_args()
    rows: list[list[str]] = []
    runs: list[Measured] = []
    with workplace(arguments.work) as work:
        for name, total, kind in (
            ("pictures, 640–1600 px", arguments.pictures, MIXED),
            ("photographs, 12 MP", arguments.photographs, PHOTOGRAPHS),
        ):
            if total:
                row, run = measure(work, name, total, kind)
                rows.append(row)
                runs.append(run)
            if arguments.work is None:
                shutil.rmtree(work / name, ignore_errors=True)
    print(f"{machine()}\n")
    print_table(
        [
            "", "seconds", "a second", "encoder alone, a second", "of that", "time in encoder",
            "waiting for pictures", "writing", "reading and decoding, ms each",
        ],
        rows,
    )  # fmt: skip
    print()
    marks = list(runs[0].memory)
    first = [f"{runs[0].memory[mark]:.0f}" for mark in marks]
    print_table(
        ["Resident MB", *(f"at {mark:,}" for mark in marks), "peak"],
        [[rows[0][0], *first, f"{runs[0].peak_mb:.0f}"]],
    )


if __name__ == "__main__":
    main()
