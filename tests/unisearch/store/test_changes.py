"""What follows the catalog by its changes holds what the catalog holds, however it got there."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from unisearch.datatypes import FloatArray, Modality
from unisearch.store.records import EncoderRecord, WriteBatch

from .desk import Desk


class Follower:
    """An index in its simplest form: id → vector."""

    def __init__(self, desk: Desk, encoder: EncoderRecord, modality: Modality) -> None:
        self.desk, self.encoder, self.modality = desk, encoder, modality
        self.generation = 0
        self.held: dict[int, FloatArray] = {}
        self.rebuilt = 0

    def follow(self) -> None:
        changes = self.desk.catalog.changes_since(
            self.generation, self.modality, self.encoder.id, block=3
        )
        if changes.full:
            self.rebuilt += 1
            self.held.clear()
        for one in changes.removed.tolist():
            self.held.pop(one, None)
        for ids, vectors in changes.blocks:
            assert len(ids) <= 3
            self.held |= dict(zip(ids.tolist(), vectors, strict=True))
        self.generation = changes.generation

    def check(self) -> None:
        """Compares what it holds with the catalog, asked directly."""
        ids = [item.id for item in self.desk.catalog.iter_items(modality=self.modality)]
        found, vectors = self.desk.catalog.vectors(ids, self.encoder.id)
        assert sorted(self.held) == found.tolist()
        for one, vector in zip(found.tolist(), vectors, strict=True):
            np.testing.assert_array_equal(self.held[one], vector)


@pytest.mark.parametrize("seed", range(4))
def test_any_history(desk: Desk, seed: int) -> None:
    rng = random.Random(seed)
    catalog, first = desk.catalog, desk.encoder
    second = catalog.register_encoder("second", "f2", 5)
    followers = [Follower(desk, e, m) for e in (first, second) for m in Modality for _ in range(2)]
    names = [f"{n}.x" for n in range(8)]
    for _ in range(60):
        batch = WriteBatch()
        known = {file.path: file for file in catalog.files(desk.root.id)}
        match rng.choice(["put", "put", "put", "delete", "move", "encode", "prune"]):
            case "put":
                for name in rng.sample(names, 2):
                    words = [f"w{rng.randrange(6)}" for _ in range(rng.randrange(1, 5))]
                    if rng.random() < 0.5:
                        batch.files.append(desk.text(name, *words))
                    else:
                        items = [desk.item(word, n) for n, word in enumerate(words)]
                        batch.files.append(desk.picture(name, words[0], items=items))
                # Some contents are new to one of the encoders.
                encoders = rng.choice([[first], [second], [first, second]])
                for encoder in encoders:
                    batch.vectors += desk.vectors(*batch.files, encoder=encoder)
            case "delete" if known:
                batch.deletes.append(known[rng.choice(sorted(known))].id)
            case "move" if known:
                file = known[rng.choice(sorted(known))]
                batch.moves.append((file.id, desk.root.id, rng.choice(names).encode()))
            case "encode":
                some = desk.text("any", *(f"w{n}" for n in rng.sample(range(6), 2)))
                batch.vectors = desk.vectors(some, encoder=second)
            case "prune":
                oldest = min(follower.generation for follower in followers)
                if rng.random() < 0.7:
                    catalog.mark_index(first.id, Modality.IMAGE, oldest)
                catalog.prune()
        catalog.write(batch)
        for follower in followers:
            # Each at its own pace.
            if rng.random() < 0.3:
                follower.follow()
                follower.check()
    for follower in followers:
        follower.follow()
        follower.check()
    assert any(follower.held for follower in followers)


def test_a_catalog_restored_from_a_backup(desk: Desk) -> None:
    desk.put(desk.picture("a"))
    follower = Follower(desk, desk.encoder, Modality.IMAGE)
    follower.follow()
    follower.held[999], follower.generation = follower.held[desk.ids()[0]], 50
    follower.follow()
    follower.check()
    assert (follower.rebuilt, follower.generation) == (1, 1)


# --- roots ---


def test_a_root_that_encloses_others_takes_over_their_files(desk: Desk) -> None:
    catalog = desk.catalog
    inner = catalog.ensure_root(Path("/x/b"))
    other = catalog.ensure_root(Path("/x/b2/\udcff"))
    files = desk.picture("f", root_id=inner.id), desk.picture("s/g", root_id=other.id)
    desk.put(desk.picture("mine"), *files)
    before = {item.location: (item.id, item.file_id) for item in catalog.iter_items()}
    outer = catalog.ensure_root(Path("/x"))
    assert {item.location: (item.id, item.file_id) for item in catalog.iter_items()} == before
    assert [root.path for root in catalog.roots()] == [Path("/pictures"), Path("/x")]
    assert [file.path_bytes for file in catalog.files(outer.id)] == [b"b/f", b"b2/\xff/s/g"]
    assert catalog.ensure_root(Path("/x/./y/..")) == outer
    assert catalog.root_for(Path("/x/b/f")) == (outer, b"b/f")
    assert catalog.root_for(Path("/x")) == (outer, b"")
    assert catalog.root_for(Path("/xy")) is None


def test_a_root_that_moved(desk: Desk) -> None:
    desk.put(desk.picture("a"))
    (item,) = desk.catalog.iter_items()
    assert desk.catalog.move_root(Path("/pictures"), Path("/moved")).id == desk.root.id
    (moved,) = desk.catalog.iter_items()
    assert (moved.id, moved.location) == (item.id, Path("/moved/a"))
    with pytest.raises(ValueError, match=r"no root at /pictures; there are: /moved"):
        desk.catalog.move_root(Path("/pictures"), Path("/y"))
    desk.catalog.ensure_root(Path("/other"))
    with pytest.raises(ValueError, match="already a root at /other"):
        desk.catalog.move_root(Path("/moved"), Path("/other"))


def test_what_lies_at_a_path(desk: Desk) -> None:
    desk.put(*(desk.picture(name) for name in ("s", "s.x", "t/a", "t/b/c", "t0")))

    def found(path: str, *, below: bool = False) -> list[str]:
        return [file.path for file in desk.catalog.find_files(Path(path), below=below)]

    assert found("/pictures/s") == ["s"]
    assert found("/pictures/t") == []
    assert found("/pictures/t", below=True) == ["t/a", "t/b/c"]
    assert found("/pictures", below=True) == ["s", "s.x", "t/a", "t/b/c", "t0"]
    assert found("/", below=True) == ["s", "s.x", "t/a", "t/b/c", "t0"]
    assert found("/elsewhere", below=True) == []
    under = [file.path for file in desk.catalog.files(desk.root.id, under=b"t")]
    assert under == ["t/a", "t/b/c"]
