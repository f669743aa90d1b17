"""What a person names becomes disjoint parts of roots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.sources import Plan, make_plan, read_list
from unisearch.store.catalog import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "home/.unisearch/catalog.sqlite", create=True) as catalog:
        yield catalog


@pytest.fixture
def home(tmp_path: Path, catalog: Catalog) -> Path:
    for name in ("home/a/b/x.png", "home/a/y.png", "home/z.png", "disk/p/q.png", "disk/r/s.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "home"


def areas(plan: Plan) -> list[tuple[str, str | None, list[str]]]:
    return [
        (
            area.root.path.name,
            None if area.under is None else os.fsdecode(area.under),
            [os.fsdecode(file) for file in area.files],
        )
        for area in plan.areas
    ]


def test_a_folder_becomes_a_root_unless_it_lies_in_the_base(catalog: Catalog, home: Path) -> None:
    assert areas(make_plan(catalog, [home / "a"], base=home)) == [("home", "a", [])]
    assert areas(make_plan(catalog, [home.parent / "disk/p"], base=home)) == [("p", "", [])]
    assert {root.path.name for root in catalog.roots()} == {"home", "p"}


def test_a_folder_in_a_root_belongs_to_it(catalog: Catalog, home: Path) -> None:
    make_plan(catalog, [home])
    assert areas(make_plan(catalog, [home / "a/b"])) == [("home", "a/b", [])]
    assert len(catalog.roots()) == 1


def test_nested_and_repeated_sources_are_one(catalog: Catalog, home: Path) -> None:
    sources = [home / "a/b", home, str(home), home / "a", os.fsencode(home / "a/y.png")]
    assert areas(make_plan(catalog, sources)) == [("home", "", ["a/y.png"])]


def test_a_new_root_takes_over_those_inside(catalog: Catalog, home: Path) -> None:
    make_plan(catalog, [home / "a/b"])
    assert areas(make_plan(catalog, [home])) == [("home", "", [])]
    assert [root.path for root in catalog.roots()] == [home]


def test_files_get_their_common_folder_as_root(catalog: Catalog, home: Path) -> None:
    disk = home.parent / "disk"
    plan = make_plan(catalog, [disk / "p/q.png", disk / "r/s.png", home / "z.png"], base=home)
    assert areas(plan) == [("disk", None, ["p/q.png", "r/s.png"]), ("home", None, ["z.png"])]


def test_files_with_nothing_in_common(catalog: Catalog, home: Path) -> None:
    here = Path(__file__).resolve()
    if here.parts[1] == home.parts[1]:
        here = Path("/etc/passwd")
    plan = make_plan(catalog, [home / "z.png", here])
    assert sorted(root.path for root in catalog.roots()) == sorted([home, here.parent])
    assert len(plan.areas) == 2


def test_globs(catalog: Catalog, home: Path) -> None:
    plan = make_plan(catalog, [f"{home}/**/*.png"], base=home)
    assert areas(plan) == [("home", None, ["a/b/x.png", "a/y.png", "z.png"])]
    assert areas(make_plan(catalog, [f"{home}/a*"], base=home)) == [("home", "a", [])]


def test_a_name_with_a_star_in_it_is_taken_literally(catalog: Catalog, home: Path) -> None:
    (home / "a[1]*.png").write_bytes(b"x")
    assert areas(make_plan(catalog, [home / "a[1]*.png"], base=home)) == [
        ("home", None, ["a[1]*.png"])
    ]  # fmt: skip


def test_what_is_not_there(catalog: Catalog, home: Path) -> None:
    (home / "broken.png").symlink_to("gone")
    plan = make_plan(catalog, [home / "none", f"{home}/*.nix", home / "broken.png", b"nul\0x"])
    assert plan.areas == []
    names = [path.rpartition(b"/")[2] for path in plan.missing]
    assert names == [b"none", b"*.nix", b"broken.png", b"nul\0x"]
    assert catalog.roots() == []


def test_links_in_the_way_are_resolved(catalog: Catalog, home: Path) -> None:
    (home.parent / "link").symlink_to(home)
    plan = make_plan(catalog, [home.parent / "link/a", home.parent / "link/z.png"], base=home)
    assert areas(plan) == [("home", "a", []), ("home", None, ["z.png"])]


def test_a_base_reached_through_a_link(tmp_path: Path, home: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    base = tmp_path / "link"
    with Catalog.open(base / ".unisearch/other.sqlite", create=True) as catalog:
        plan = make_plan(catalog, [base / "a"], base=base)
        assert [root.path for root in catalog.roots()] == [base]
        assert areas(plan) == [("link", "a", [])]
        assert areas(make_plan(catalog, [home / "a"], base=base)) == [("link", "a", [])]


def test_relative_sources(catalog: Catalog, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home / "a")
    assert areas(make_plan(catalog, [".", "y.png", "../z.png"], base=home)) == [
        ("home", "a", ["a/y.png"]), ("home", None, ["z.png"]),
    ]  # fmt: skip


def test_lists() -> None:
    assert read_list(b"a.png\nb c.png\n\n") == [b"a.png", b"b c.png"]
    assert read_list(b"a\nb.png\0c.png\0") == [b"a\nb.png", b"c.png"]
    assert read_list(b"") == []
