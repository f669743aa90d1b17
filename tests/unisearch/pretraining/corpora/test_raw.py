from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from unisearch.errors import ConfigError
from unisearch.pretraining.corpora.raw import RawPackage, fetch

SET = RawPackage(name="faces", client="npm", spec="@sets/faces@1.0")


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is on the PATH, for stand-ins of the registries' clients."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def stand_in(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def package_archive(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("package/icons.json")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"{}"))


def test_what_is_there_is_not_fetched(tmp_path: Path, clients: Path) -> None:
    (tmp_path / "cache/faces").mkdir(parents=True)
    assert fetch(tmp_path / "cache", [SET]) == {"faces": tmp_path / "cache/faces"}


def test_a_package_is_packed_by_its_client_and_extracted(tmp_path: Path, clients: Path) -> None:
    package_archive(tmp_path / "made.tgz")
    stand_in(clients, "npm", f'echo "$@" > {tmp_path}/asked; /bin/cp {tmp_path}/made.tgz faces.tgz')
    folders = fetch(tmp_path / "cache", [SET])
    assert (folders["faces"] / "icons.json").read_text() == "{}"
    assert (tmp_path / "asked").read_text().split() == ["pack", "--silent", "@sets/faces@1.0"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["faces"]


def test_a_debian_package_is_downloaded_and_extracted(tmp_path: Path, clients: Path) -> None:
    stand_in(clients, "apt-get", "echo stamps > stamps_1.0_all.deb")
    stand_in(clients, "dpkg-deb", '/bin/mkdir -p "$3/usr"; /bin/cp "$2" "$3/usr/content"')
    package = RawPackage(name="stamps", client="apt", spec="stamps")
    folders = fetch(tmp_path / "cache", [package])
    assert (folders["stamps"] / "usr/content").read_text() == "stamps\n"


def test_a_failing_client_is_quoted_and_leaves_nothing(tmp_path: Path, clients: Path) -> None:
    stand_in(clients, "npm", "echo 404 no such package >&2; exit 1")
    with pytest.raises(ConfigError, match=r"npm pack .* failed: 404 no such package"):
        fetch(tmp_path / "cache", [SET])
    assert not list((tmp_path / "cache").iterdir())


def test_a_client_that_delivers_nothing(tmp_path: Path, clients: Path) -> None:
    stand_in(clients, "npm", "exit 0")
    with pytest.raises(ConfigError, match=r"expected one \*\.tgz after fetching, found 0"):
        fetch(tmp_path / "cache", [SET])


def test_a_missing_client_names_the_way_out(tmp_path: Path, clients: Path) -> None:
    with pytest.raises(ConfigError, match="npm is not installed; install it, or put"):
        fetch(tmp_path / "cache", [SET])
