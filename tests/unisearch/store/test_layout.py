"""The collection's folder, its settings, and the lock that keeps writers apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from unisearch.errors import CollectionBusy, DamagedStore, NoCollection, SchemaTooNew, StoreError
from unisearch.store.layout import CollectionSettings, Layout, find_collection
from unisearch.store.lock import WriterLock

ROOT = Path(__file__).parents[3]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.beside(tmp_path / "things")
    made.create(CollectionSettings(encoder="fake"))
    return made


def test_settings_come_back(layout: Layout) -> None:
    assert layout.exists()
    assert layout.read_settings() == CollectionSettings(encoder="fake")
    layout.create(CollectionSettings(encoder="fäke", catalog_url="postgresql://db/x"))
    assert layout.read_settings().catalog_url == "postgresql://db/x"
    assert layout.read_settings().encoder == "fäke"
    odd = os.fsdecode(b"caf\xe9 \n")
    layout.write_settings(CollectionSettings(encoder="fake", sources=("ä", odd)))
    assert layout.read_settings().sources == ("ä", odd)


def test_what_a_person_means_by_a_path(layout: Layout) -> None:
    things = layout.folder.parent
    assert Layout.at(things) == Layout.at(layout.folder) == layout
    assert layout.base == things
    below = things / "a/b"
    below.mkdir(parents=True)
    assert find_collection(below) == layout
    assert find_collection(things.parent) is None
    assert Layout(things / "named").base == things / "named"


def test_a_path_that_no_system_takes() -> None:
    assert not Layout(Path("x" * 5000)).exists()
    assert not Layout(Path("nul\0")).exists()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("{", DamagedStore, r"collection\.json is damaged .*: restore it, or delete it"),
        ("[]", DamagedStore, "is damaged"),
        ('{"format": "1", "encoder": "x"}', DamagedStore, "its format is '1'"),
        ('{"format": 1}', DamagedStore, "'encoder'"),
        ('{"format": 1, "encoder": 3}', DamagedStore, "its encoder is 3"),
        ('{"format": 7}', SchemaTooNew, "has format 7; .* up to 1: install a newer one"),
    ],
)
def test_settings_that_cannot_be_read(
    layout: Layout, content: str, error: type[StoreError], message: str
) -> None:
    layout.settings.write_text(content)
    with pytest.raises(error, match=message):
        layout.read_settings()


def test_settings_that_are_gone(layout: Layout) -> None:
    layout.settings.unlink()
    assert not layout.exists()
    with pytest.raises(NoCollection, match="holds no collection"):
        layout.read_settings()


def test_a_folder_that_is_closed(layout: Layout, unprivileged: Callable[..., str]) -> None:
    layout.folder.chmod(0)
    try:
        said = unprivileged(
            """
            import sys
            from pathlib import Path
            from unisearch.store.layout import Layout, find_collection
            from unisearch.errors import StoreError
            found = find_collection(Path(sys.argv[1]))
            print(found == Layout.at(Path(sys.argv[1])))
            try:
                found.read_settings()
            except StoreError as error:
                print(error)
            """,
            layout.folder.parent,
        )
    finally:
        layout.folder.chmod(0o755)
    same, message = said.splitlines()
    assert same == "True"
    assert message.endswith("cannot be read: Permission denied; check its permissions")


HOLD = """
import sys
from pathlib import Path
from unisearch.store.lock import WriterLock
with WriterLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_writes(layout: Layout) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(layout.lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(CollectionBusy, match=rf"by process {other.pid} on .*: wait until"):
        WriterLock(layout.lock).acquire()
    other.kill()
    other.communicate()
    # The system frees it, however the process ended.
    with WriterLock(layout.lock):
        owner = json.loads(layout.folder.joinpath("index.owner.json").read_text())
        assert owner["pid"] == os.getpid()
    assert not layout.folder.joinpath("index.owner.json").exists()
