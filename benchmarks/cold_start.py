"""Cold starts, as ratios to ``python -c "import numpy"`` in the same run.

::

    python benchmarks/cold_start.py [--runs 11]

Each round runs every command once, as a new process; the ratio of each round is taken and the
median over rounds printed, so a machine that is busy for a while disturbs all alike. Needs the
installed command and indexes ``samples`` into a temporary folder first.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "samples"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="rounds (11)")
    rounds = parser.parse_args().runs
    command = shutil.which("unisearch", path=str(Path(sys.executable).parent)) or "unisearch"
    with tempfile.TemporaryDirectory() as folder:
        here = ["--collection", folder]
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
        for number in range(rounds + 1):
            for name, arguments in commands.items():
                started = time.perf_counter()
                subprocess.run(arguments, check=True, capture_output=True)
                if number:  # the first round warms the disk cache
                    seconds[name].append(time.perf_counter() - started)
    print(f"{platform.machine()}, Python {platform.python_version()}, {rounds} rounds")
    base = seconds["import numpy"]
    print(f"{'':<32}{'median ms':>12}{'× numpy':>10}")
    for name, times in seconds.items():
        ratio = statistics.median(t / b for t, b in zip(times, base, strict=True))
        print(f"{name:<32}{1000 * statistics.median(times):>12.0f}{ratio:>10.1f}")


if __name__ == "__main__":
    main()
