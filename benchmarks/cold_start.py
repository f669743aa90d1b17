"""Cold starts, as ratios to ``python -c "import numpy"`` in the same run.

::

    python benchmarks/cold_start.py [--runs 11]

Each round runs every command once, as a new process; the ratio of each round is taken and the
median over rounds printed, so a machine that is busy for a while disturbs all alike. Needs the
installed command and indexes ``samples`` into a temporary folder first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

from common import Meter, machine, print_table, unisearch_command
from material import SAMPLES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="rounds (11)")
    rounds = parser.parse_args().runs
    command = unisearch_command()
    with tempfile.TemporaryDirectory() as folder:
        here = ["--collection", folder]
        print("indexing the samples", file=sys.stderr)
        subprocess.run([command, "index", str(SAMPLES), *here], check=True, capture_output=True)
        commands = {
            "import numpy": [sys.executable, "-c", "import numpy"],
            "unisearch --help": [command, "--help"],
            "unisearch search (words)": [command, "search", "a red bicycle", *here],
            "unisearch search (a picture)": [
                command, "similar", str(next(SAMPLES.rglob("*.jpg"))), *here,
            ],
        }  # fmt: skip
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        meter = Meter("rounds", rounds + 1)
        for number in range(rounds + 1):
            for name, arguments in commands.items():
                started = time.perf_counter()
                subprocess.run(arguments, check=True, capture_output=True)
                if number:  # the first round warms the disk cache
                    seconds[name].append(time.perf_counter() - started)
            meter.show(number + 1)
    rows = []
    for name, times in seconds.items():
        ratio = statistics.median(
            t / b for t, b in zip(times, seconds["import numpy"], strict=True)
        )
        rows.append([name, f"{1000 * statistics.median(times):.0f}", f"{ratio:.1f}"])
    print(f"{machine()}, {rounds} rounds\n")
    print_table(["a new process", "median ms", "× numpy"], rows)


if __name__ == "__main__":
    main()
