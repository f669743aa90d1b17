"""Killed 30 times while it indexes, a collection comes out as if nothing had happened.

::

    python benchmarks/kill_resume.py [--files 2000] [--kills 30] [--seed 0]

Pictures and short texts in several folders, made from ``samples/``, are indexed once undisturbed.
Then a second collection is made of them by a command that is killed (SIGKILL) and started again,
at random moments spread over the run: while it starts, while it encodes and writes, and, the last
time, while the indexes are saved. At the end both catalogs are compared row by
row with SQLite's own means, files, items, facts and the bytes of the fp16 vectors; and so are the
answers to searches, scores included. Exits with 1 if anything differs.

There are at most a thousand items of a modality, so that the fused lists, which measure a hit
against a sample of a thousand, have the same sample although ids differ.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import Meter, machine, print_table, unisearch_command, workplace
from material import SMALL, write_pictures, write_texts

from unisearch import Collection
from unisearch.errors import UnisearchError
from unisearch.store.catalog import Catalog
from unisearch.store.layout import Layout

_POLL_S = 0.005
_STARTING_S = 1.5
"""A run that has nothing to wait for is killed within this."""
_BATCH_S = 0.6
"""About the time that a batch takes: how long after a commit a run is killed at the latest."""
_K = 20

_WITH_PATHS = """
    WITH places AS (SELECT f.id, r.path AS root, f.path_bytes AS path
                    FROM files f JOIN roots r ON r.id = f.root_id)
"""
# What a collection is, without ids and generations: these count what happened on the way.
TABLES = {
    "files": f"""{_WITH_PATHS}
        SELECT p.root, p.path, f.path, f.kind, f.size_bytes, f.mtime_ns, f.taken_ns,
               f.content_hash, f.status, f.reason, f.detail, f.metadata
        FROM files f JOIN places p ON p.id = f.id""",
    "items": f"""{_WITH_PATHS}
        SELECT p.root, p.path, i.ordinal, i.modality, i.content_hash, i.passage, i.line, i.member,
               i.metadata
        FROM items i JOIN places p ON p.id = i.file_id""",
    "facts": f"""{_WITH_PATHS}
        SELECT p.root, p.path, i.ordinal, a.key, a.folded, a.number
        FROM facts a LEFT JOIN items i ON i.id = a.item_id
                     JOIN places p ON p.id = coalesce(a.file_id, i.file_id)""",
    "vectors": """
        SELECT e.fingerprint, v.modality, v.content_hash, v.data
        FROM vectors v JOIN encoders e ON e.id = v.encoder_id""",
}

QUERIES: list[str | Path] = [
    "a bird that catches fish", "a red bicycle", "how do I mend a puncture", "old stone bridge",
    "sunset over the sea", "what to buy for a birthday", "a dog at a window", "planting tomatoes",
    "people making music", "minutes of a meeting", "snow and mountains", "something to eat",
]  # fmt: skip


def start(files: Path, collection: Path) -> subprocess.Popen[bytes]:
    """The command, running."""
    command = [unisearch_command(), "index", str(files), "--collection", str(collection)]
    return subprocess.Popen(
        [*command, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def finish(run: subprocess.Popen[bytes]) -> None:
    """Waits for a run that is to end by itself."""
    _, said = run.communicate()
    if run.returncode:
        raise SystemExit(f"the command ended with {run.returncode}: {said.decode()}")


def catalog_of(collection: Path) -> Path:
    """The SQLite file of a collection."""
    return Layout.at(collection).catalog


def committed(collection: Path) -> int:
    """How many files the catalog holds, as another process sees it; 0 if there is none yet."""
    path = catalog_of(collection)
    # Until the first commit there is no catalog, or one without tables.
    with contextlib.suppress(UnisearchError), Catalog.open(path, read_only=True) as catalog:
        return catalog.counts().files
    return 0


def is_saving(collection: Path) -> bool:
    """Whether a run has come to its end: only there it writes indexes."""
    folder = Layout.at(collection).indexes
    return folder.is_dir() and any(folder.iterdir())


def kill(
    files: Path, collection: Path, is_reached: Callable[[], bool], delay_s: float
) -> str | None:
    """Starts a run and kills it.

    Args:
        files: Is indexed.
        collection: Into this.
        is_reached: How far it is to come.
        delay_s: How much longer it lives then.

    Returns:
        Where the kill hit it; ``None`` if the run was done before.
    """
    before = committed(collection)
    run = start(files, collection)
    while not is_reached() and run.poll() is None:
        time.sleep(_POLL_S)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(delay_s)
    if run.poll() is not None:
        finish(run)
        return None
    run.kill()
    run.communicate()
    after = committed(collection)
    if after < before:
        raise SystemExit(f"{before} files were committed, after a kill there are {after}")
    if is_saving(collection):
        return "saving indexes"
    return "after commits" if after > before else "before a commit"


def kill_often(
    files: Path, collection: Path, total: int, kills: int, random: np.random.Generator
) -> Counter[str]:
    """Kills a run and its successors, spread over the whole; returns how many kills hit where."""
    meter = Meter("kills", kills)
    hit: Counter[str] = Counter()
    for target in map(int, np.sort(random.integers(total, size=kills - 1))):

        def is_reached(target: int = target) -> bool:
            return committed(collection) >= target

        delay_s = random.uniform(0, _STARTING_S if is_reached() else _BATCH_S)
        if where := kill(files, collection, is_reached, delay_s):
            hit[where] += 1
        meter.show(hit.total())
    if where := kill(files, collection, lambda: is_saving(collection), 0.0):
        hit[where] += 1
    # A run that was faster than its killer has left nothing to do; its successors start in vain.
    while hit.total() < kills:
        delay_s = random.uniform(0, _STARTING_S / 4)
        hit["with nothing to do"] += kill(files, collection, lambda: True, delay_s) is not None
    meter.show(kills)
    return hit


def differences(one: Path, other: Path) -> dict[str, tuple[int, int]]:
    """For each table the number of rows, and of rows that only one of two catalogs has."""
    found = {}
    for name, statement in TABLES.items():
        rows = []
        for collection in (one, other):
            uri = f"{catalog_of(collection).as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                rows.append(Counter(connection.execute(statement).fetchall()))
        only = (rows[0] - rows[1]) + (rows[1] - rows[0])
        found[name] = (rows[0].total(), only.total())
    return found


def answers(collection: Path, queries: list[str | Path]) -> list[list[tuple[Any, ...]]]:
    """What each query finds: in both modalities together and in each."""
    found = []
    with Collection.open(collection, read_only=True) as opened:
        for modality in (None, "image", "text"):
            for hits in opened.search(queries, _K, modality=modality):
                found.append([(hit.path, hit.line, hit.passage, hit.score) for hit in hits])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--work", type=Path, help="keep everything here; must be empty")
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    with workplace(arguments.work) as work:
        files, whole, killed = work / "files", work / "whole", work / "killed"
        write_pictures(files / "pictures", arguments.files // 2, SMALL)
        write_texts(files / "notes", arguments.files - arguments.files // 2)

        print("indexing once, undisturbed", file=sys.stderr)
        started = time.monotonic()
        finish(start(files, whole))
        undisturbed_s = time.monotonic() - started

        hit = kill_often(files, killed, arguments.files, arguments.kills, random)
        left = arguments.files - committed(killed)
        started = time.monotonic()
        finish(start(files, killed))
        resumed_s = time.monotonic() - started

        rows = [
            [name, f"{total:,}", f"{differing:,}"]
            for name, (total, differing) in differences(whole, killed).items()
        ]
        damage = [sentence for collection in (whole, killed) for sentence in check(collection)]
        queries = QUERIES + sorted(files.rglob("*.jpg"))[:: max(1, arguments.files // 16)]
        expected, found = answers(whole, queries), answers(killed, queries)
        wrong = sum(one != other for one, other in zip(expected, found, strict=True))
        rows.append([f"searches, {_K} hits each", f"{len(expected):,}", f"{wrong:,}"])

    where = ", ".join(f"{count} {place}" for place, count in hit.most_common())
    print(f"{machine()}, {arguments.files:,} files, {hit.total()} kills: {where}.")
    print(
        f"Undisturbed {undisturbed_s:.0f} s; the last run {resumed_s:.1f} s, for {left:,} files.\n"
    )
    print_table(["", "undisturbed", "differing after the kills"], rows)
    for sentence in damage:
        print(f"WRONG: {sentence}", file=sys.stderr)
    is_complete = rows[0][1] == f"{arguments.files:,}"
    if not is_complete:
        print("WRONG: not all files were indexed", file=sys.stderr)
    sys.exit(bool(damage) or not is_complete or any(row[2] != "0" for row in rows))


def check(collection: Path) -> list[str]:
    """What the catalog's own check complains of."""
    with Catalog.open(catalog_of(collection), read_only=True) as catalog:
        return catalog.check()


if __name__ == "__main__":
    main()
