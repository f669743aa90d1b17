"""Which items of a file as it was live on in the file as it is now."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from unisearch.store.records import ItemWrite


class OldItem(NamedTuple):
    """An item that the catalog holds."""

    id: int
    file_id: int
    ordinal: int
    modality: str
    content_hash: str
    passage: str | None
    line: int | None
    member: str | None
    metadata: str | None
    generation: int


_Side = OldItem | ItemWrite
_KEYS: tuple[Callable[[_Side], Hashable], ...] = (
    # The same content where it was; elsewhere in the file; in another member; and at last
    # other content in the same place, which is an edited item.
    lambda i: (str(i.modality), i.content_hash, i.member, i.ordinal),
    lambda i: (str(i.modality), i.content_hash, i.member),
    lambda i: (str(i.modality), i.content_hash),
    lambda i: (str(i.modality), i.member, i.ordinal),
)


def match(
    old: Sequence[OldItem], new: Sequence[ItemWrite]
) -> tuple[list[tuple[OldItem, ItemWrite]], list[OldItem], list[ItemWrite]]:
    """Pairs what stays, so that ids stay with it.

    Returns:
        Pairs that live on; old items that are gone; new items that were not there. Example, C
        edited into C' and a paragraph X put before B::

            old  0:A#1  1:B#2  2:C#3
            new  0:A    1:X    2:B    3:C'
            →    pairs (A#1, A) (B#2, B)   gone C#3   new X C'
    """
    pairs: list[tuple[OldItem, ItemWrite]] = []
    left_old, left_new = list(old), list(new)
    for key in _KEYS:
        waiting: defaultdict[Hashable, deque[OldItem]] = defaultdict(deque)
        for item in left_old:
            waiting[key(item)].append(item)
        unmatched: list[ItemWrite] = []
        for write in left_new:
            candidates = waiting.get(key(write))
            if candidates:
                pairs.append((candidates.popleft(), write))
            else:
                unmatched.append(write)
        taken = {item.id for item, _ in pairs}
        left_old = [item for item in left_old if item.id not in taken]
        left_new = unmatched
        if not left_old or not left_new:
            break
    return pairs, left_old, left_new


def changed(old: OldItem, values: dict[str, Any]) -> bool:
    """Whether any column of an item has another value now."""
    return any(getattr(old, column, value) != value for column, value in values.items())
