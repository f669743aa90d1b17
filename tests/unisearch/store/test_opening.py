"""Opening a catalog: new, old, damaged, foreign, for reading only."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from unisearch.datatypes import Modality
from unisearch.errors import (
    ConfigError,
    DamagedStore,
    EncoderMismatch,
    NoCollection,
    ReadOnlyCollection,
    SchemaTooNew,
    StoreError,
)
from unisearch.store.catalog import Catalog
from unisearch.store.database import Database
from unisearch.store.records import WriteBatch

from .desk import Desk


def test_makes_and_opens_again(address: str | Path) -> None:
    with pytest.raises(NoCollection):
        Catalog.open(address)
    with Catalog.open(address, create=True) as catalog:
        assert catalog.generation == 0
        assert catalog.counts().items == {}
        uid = catalog.uid
        encoder = catalog.register_encoder("a", "f1", 4)
    with Catalog.open(address, create=True) as catalog:
        assert catalog.uid == uid
        assert catalog.encoders() == [encoder]
    with Catalog.open(address) as catalog:
        assert not catalog.read_only
        assert catalog.check() == []


def test_two_catalogs_have_two_names(tmp_path: Path) -> None:
    with (
        Catalog.open(tmp_path / "a", create=True) as a,
        Catalog.open(tmp_path / "b", create=True) as b,
    ):
        assert a.uid != b.uid


def test_addresses(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/a.sqlite", create=True) as catalog:
        uid = catalog.uid
    with Catalog.open(str(tmp_path / "a.sqlite")) as catalog:
        assert catalog.uid == uid
    odd = tmp_path / "a name with spaces, ? # % and ü.sqlite"
    Catalog.open(odd, create=True).close()
    assert odd.is_file()
    Catalog.open(odd).close()
    Catalog.open(odd, read_only=True).close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://root:secret@localhost/x", "mysql"),
        ("nonsense://x", "none that is known"),
        ("sqlite+aiosqlite:///x", None),
    ],
)
def test_addresses_that_cannot_be(address: str, said: str | None) -> None:
    with pytest.raises(Exception, match=said) as error:
        Catalog.open(address)
    assert isinstance(error.value, StoreError | ConfigError) or said is None
    assert "secret" not in str(error.value)


def test_a_server_that_is_not_there() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="see that the server runs") as error:
        Catalog.open("postgresql://somebody:secret@127.0.0.1:1/x")
    assert "secret" not in str(error.value)


@pytest.mark.postgres
def test_roots_on_a_server_do_not_depend_on_the_folder(
    postgres_address: str, tmp_path: Path
) -> None:
    with Catalog.open(postgres_address, create=True, base=tmp_path) as catalog:
        catalog.ensure_root(tmp_path / "pictures")
    with Catalog.open(postgres_address, base=tmp_path / "elsewhere") as catalog:
        assert [root.path for root in catalog.roots()] == [tmp_path / "pictures"]


@pytest.mark.postgres
def test_a_database_that_is_not_there(postgres_address: str) -> None:
    with pytest.raises(StoreError, match="createdb"):
        Catalog.open(postgres_address.split("?")[0] + "_which_does_not_exist")


def test_plain_postgresql_means_our_driver() -> None:
    pytest.importorskip("psycopg")
    database = Database("postgresql://localhost/x")
    assert database.name == "postgresql://localhost/x"
    assert database._engine.dialect.driver == "psycopg"


def test_open_does_not_import_what_is_slow(sqlite_desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "collection" / ".unisearch" / "catalog.sqlite"
    code = (
        "import sys; from pathlib import Path; from unisearch.store.catalog import Catalog\n"
        "from unisearch.store.indexes import IndexSet\n"
        f"Catalog.open(Path({str(path)!r})).close()\n"
        f"Catalog.open(Path({str(tmp_path / 'new')!r}), create=True).close()\n"
        "slow = {'alembic', 'sqlalchemy.orm', 'faiss', 'psycopg', 'torch', 'PIL'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout.strip() == "[]"


# --- what is no catalog ---


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        Catalog.open(tmp_path, create=True)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("read_only", [True, False])
def test_another_file(tmp_path: Path, create: bool, read_only: bool) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"These are somebody's words and no database at all.\n" * 100)
    before = path.read_bytes()
    with pytest.raises(DamagedStore, match=r"catalog\.sqlite is damaged.*index again"):
        Catalog.open(path, create=create, read_only=read_only)
    assert path.read_bytes() == before


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.touch()
    with pytest.raises(NoCollection, match="it is empty"):
        Catalog.open(path)
    with pytest.raises(NoCollection):
        Catalog.open(path, create=True, read_only=True)
    Catalog.open(path, create=True).close()
    Catalog.open(path).close()


def test_the_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    with pytest.raises(DamagedStore, match=r"another program \(tables bookmarks\)"):
        Catalog.open(path, create=True)


@pytest.mark.postgres
def test_a_schema_with_tables_of_others(postgres_address: str) -> None:
    database = Database(postgres_address)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE files (x int)")
    database.close()
    with pytest.raises(DamagedStore, match=r"needs \(files\).*search_path"):
        Catalog.open(postgres_address, create=True)


def test_a_newer_schema(address: str | Path) -> None:
    with Catalog.open(address, create=True) as catalog, catalog._database.writing() as connection:
        connection.exec_driver_sql("UPDATE unisearch_version SET version_num = '9876'")
    for read_only in (True, False):
        with pytest.raises(SchemaTooNew, match=r"'9876'.*'0001'.*newer unisearch"):
            Catalog.open(address, read_only=read_only)


def test_a_catalog_that_lost_its_state(address: str | Path) -> None:
    with Catalog.open(address, create=True) as catalog, catalog._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM state")
    with pytest.raises(DamagedStore, match="lost its state"):
        Catalog.open(address)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9])
def test_a_damaged_file(sqlite_desk: Desk, where: float) -> None:
    sqlite_desk.put(*(sqlite_desk.picture(f"{i}.jpg") for i in range(300)))
    path = sqlite_desk.catalog._database.path
    assert path is not None
    sqlite_desk.catalog.close()
    data = bytearray(path.read_bytes())
    start = int(where * len(data)) // 4096 * 4096
    data[start : start + 40_960] = os.urandom(40_960)
    path.write_bytes(data)
    # Not every page is read at once; when it is, it is said, and in one way only.
    found: list[str] = []
    try:
        with Catalog.open(path) as catalog:
            found = catalog.check()
    except DamagedStore as error:
        found = [str(error)]
    assert found


# --- for reading only ---


def test_read_only(address: str | Path) -> None:
    with pytest.raises(NoCollection):
        Catalog.open(address, read_only=True)
    with Catalog.open(address, create=True) as catalog:
        encoder = catalog.register_encoder("a", "f1", 8)
        root = catalog.ensure_root(Path("/pictures"))
        desk = Desk(catalog, encoder, root)
        desk.put(desk.picture("a.jpg"))
        with Catalog.open(address, read_only=True) as reader:
            assert reader.read_only
            assert len(list(reader.iter_items())) == 1
            # It follows what the writer does.
            desk.put(desk.picture("b.jpg"))
            assert len(list(reader.iter_items())) == 2
            assert reader.generation == 2
            # What is there already needs no writing.
            assert reader.register_encoder("a", "f1", 8) == encoder
            assert reader.ensure_root(Path("/pictures")) == root
            for change in (
                lambda: reader.write(WriteBatch(deletes=[1])),
                lambda: reader.register_encoder("b", "f2", 8),
                lambda: reader.ensure_root(Path("/others")),
                lambda: reader.move_root(Path("/pictures"), Path("/moved")),
                lambda: reader.mark_index(encoder.id, Modality.IMAGE, 1),
                reader.prune,
            ):
                with pytest.raises(ReadOnlyCollection, match="reading only"):
                    change()


SCRIPT = """
    import sys
    from pathlib import Path
    from unisearch.datatypes import Modality
    from unisearch.errors import ReadOnlyCollection, StoreError
    from unisearch.store.catalog import Catalog
    from unisearch.store.indexes import IndexSet
    from unisearch.store.layout import Layout
    from unisearch.store.lock import WriterLock
    folder = Path(sys.argv[1])
"""


def _collection(folder: Path) -> Desk:
    """A collection with three pictures, still open."""
    catalog = Catalog.open(folder / "catalog.sqlite", create=True)
    encoder = catalog.register_encoder("fake", "0123456789abcdef", 8)
    desk = Desk(catalog, encoder, catalog.ensure_root(Path("/pictures")))
    desk.put(*(desk.picture(f"{i}.jpg") for i in range(3)))
    return desk


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, closed: Callable[[Path], None], unprivileged: Callable[..., str]
) -> None:
    folder = tmp_path / ".unisearch"
    _collection(folder).catalog.close()
    closed(folder)
    before = sorted(path.name for path in folder.iterdir())
    said = unprivileged(
        SCRIPT
        + """
    with Catalog.open(folder / "catalog.sqlite", read_only=True) as catalog:
        print(len(list(catalog.iter_items())), catalog.counts(1).encoded)
        indexes = IndexSet(Layout(folder), catalog)
        index = indexes.open(catalog.encoders()[0], Modality.IMAGE)
        print(len(index), indexes.save())
    try:
        with Catalog.open(folder / "catalog.sqlite") as catalog:
            catalog.register_encoder("other", "f", 8)
    except ReadOnlyCollection as error:
        print("cannot:", "reading only" in str(error))
    try:
        WriterLock(folder / "index.lock").acquire()
    except ReadOnlyCollection as error:
        print("no lock:", "index.lock" in str(error))
    """,
        folder,
    )
    assert said.splitlines() == [
        "3 {<Modality.IMAGE: 'image'>: 3}",
        "3 0",
        "cannot: True",
        "no lock: True",
    ]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_reading_what_another_user_writes(
    tmp_path: Path, closed: Callable[[Path], None], unprivileged: Callable[..., str]
) -> None:
    folder = tmp_path / ".unisearch"
    desk = _collection(folder)  # stays open, so there is a log beside it
    assert (folder / "catalog.sqlite-wal").exists()
    closed(folder)
    said = unprivileged(
        SCRIPT
        + """
    with Catalog.open(folder / "catalog.sqlite", read_only=True) as catalog:
        print(len(list(catalog.iter_items())))
    """,
        folder,
    )
    assert said.strip() == "3"
    desk.catalog.close()


def test_a_log_left_behind_where_nothing_can_be_written(
    tmp_path: Path, closed: Callable[[Path], None], unprivileged: Callable[..., str]
) -> None:
    folder = tmp_path / ".unisearch"
    live = _collection(tmp_path / "live")
    folder.mkdir()
    for name in ("catalog.sqlite", "catalog.sqlite-wal"):
        shutil.copy(tmp_path / "live" / name, folder / name)
    live.catalog.close()
    closed(folder)
    said = unprivileged(
        SCRIPT
        + """
    try:
        Catalog.open(folder / "catalog.sqlite", read_only=True)
    except StoreError as error:
        print(error)
    """,
        folder,
    )
    assert "was not closed in good order" in said
    assert "open it once where it can be" in said
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    # Where it can be written, nothing is lost.
    with Catalog.open(folder / "catalog.sqlite") as catalog:
        assert len(list(catalog.iter_items())) == 3


# --- encoders ---


def test_encoders(catalog: Catalog) -> None:
    first = catalog.register_encoder("a", "f1", 8)
    second = catalog.register_encoder("b", "f2", 16)
    assert catalog.register_encoder("renamed", "f1", 8) == first
    assert catalog.encoders() == [first, second]
    assert (first.name, first.fingerprint, first.dim) == ("a", "f1", 8)
    with pytest.raises(EncoderMismatch, match=r"\b8\b.*\b9\b"):
        catalog.register_encoder("a", "f1", 9)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        catalog.register_encoder("c", "f3", 0)
    assert len(catalog.encoders()) == 2
