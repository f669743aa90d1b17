"""Emoji sets as Iconify packages them, joined by code point to names and keywords of emojilib."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.wording import plain_title


@dataclass(frozen=True, slots=True)
class EmojiSet:
    """One set of drawings.

    Attributes:
        name: Its name in Iconify and in the corpus.
        licence: SPDX identifier of the drawings' licence.
        with_flags: Whether its country flags are taken. One set's are enough: the flags of all
            sets are the same pictures.
    """

    name: str
    licence: str
    with_flags: bool = False


SETS = (
    EmojiSet("noto", "Apache-2.0"),
    EmojiSet("fluent-emoji", "MIT"),
    EmojiSet("twemoji", "CC-BY-4.0", with_flags=True),
)

_SKIN_TONE_NAME = re.compile(
    r"-(light|medium-light|medium|medium-dark|dark)(-skin-tone)?$|skin-tone|-tone\d|"
    r"-(light|medium|dark)-(light|medium|dark)"
)
_SKIN_TONE_CODE = re.compile(r"1f3f[b-f]")
_LEFT_OUT = {
    "clock faces": re.compile(r"oclock|o-clock|-thirty$|^clock-face"),
    "letters and digits": re.compile(
        r"^keycap|^input-|^digit|regional-indicator|^letter-|-button(-|$)|^\d+$|^[a-z]$|squared|"
        r"ideograph|^japanese-.*(button|mark)|symbol-letter|^asterisk$|^number-sign$|^hashtag$|"
        r"^up-button$|^hundred-points$|mahjong|latin|^copyright|^registered|^trade-mark|sign$"
    ),
    "signs for toilets and the like": re.compile(r"^water-closet$|^restroom$"),
    "families": re.compile(
        r"^family-|^couple-with-heart-|^kiss-(man|woman|person)|^(wo)?men-holding|"
        r"^people-holding|^couple-"
    ),
    "mirrored": re.compile(r"facing-right|-right-facing"),
    "direction arrows": re.compile(r"arrow(?!$)|^(right|left)wards|^(back|end|on|soon|top)-arrow"),
}


def candidates(raw: dict[str, Path], emojilib: Path) -> Iterator[Candidate | Dropped]:
    """Offer the drawings of all `SETS`, each emoji once a set, in a fixed order.

    Args:
        raw: Set name → folder of its Iconify package (``icons.json``, ``chars.json`` …).
        emojilib: Folder of the emojilib package.
    """
    lexicon = json.loads((emojilib / "dist" / "emoji-en-US.json").read_text("utf-8"))
    by_code = {_code(emoji): names for emoji, names in lexicon.items()}
    codes_of: dict[str, str] = {}
    categories: dict[str, str] = {}
    for emoji_set in SETS:
        codes_of |= _codes_by_name(raw[emoji_set.name]) | codes_of
        categories |= _categories(raw[emoji_set.name]) | categories
    spelled = {_squeezed(names[0]): code for code, names in by_code.items()}
    for emoji_set in SETS:
        yield from _of_set(emoji_set, raw[emoji_set.name], by_code, codes_of, spelled, categories)


def _of_set(
    emoji_set: EmojiSet,
    folder: Path,
    by_code: dict[str, list[str]],
    codes_of: dict[str, str],
    spelled: dict[str, str],
    categories: dict[str, str],
) -> Iterator[Candidate | Dropped]:
    icons = json.loads((folder / "icons.json").read_text("utf-8"))
    own_codes = _codes_by_name(folder)
    names = [n for n in sorted(icons["icons"]) if not icons["icons"][n].get("hidden")]
    taken: set[str] = set()
    for name in names:
        key = f"{emoji_set.name}/{name}"
        code = own_codes.get(name) or codes_of.get(name) or spelled.get(_squeezed(name), "")
        category = categories.get(name, "")
        if reason := _why_left_out(name, code, category, emoji_set.with_flags):
            yield Dropped(id=key, source=emoji_set.name, reason=reason)
        elif code and code in taken:
            yield Dropped(id=key, source=emoji_set.name, reason="same emoji twice")
        else:
            taken.add(code)
            known = by_code.get(code, [])
            titles = [plain_title(known[0])] if known else []
            titles.append(plain_title(name.replace("-", "_")))
            yield Candidate(
                id=key,
                titles=tuple(dict.fromkeys(_spoken(title) for title in titles if title)),
                keywords=_keywords(known),
                category=category.lower().replace("&", "and"),
                source=emoji_set.name,
                licence=emoji_set.licence,
                kind="emoji",
                drawing=_svg(icons, icons["icons"][name]),
            )


def _why_left_out(name: str, code: str, category: str, with_flags: bool) -> str | None:
    if _SKIN_TONE_NAME.search(name) or _SKIN_TONE_CODE.search(code):
        return "skin-tone variant"
    if not with_flags and category == "Flags":
        return "flags"
    for reason, pattern in _LEFT_OUT.items():
        if pattern.search(name):
            return reason
    return None


def _svg(icons: dict[str, Any], icon: dict[str, Any]) -> str:
    left, top = icon.get("left", 0), icon.get("top", 0)
    width = icon.get("width", icons.get("width", 16))
    height = icon.get("height", icons.get("height", 16))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">'
        f"{icon['body']}</svg>"
    )


def _code(emoji: str) -> str:
    """Code points in lower-case hexadecimal, without variation selectors."""
    return "-".join(f"{ord(char):x}" for char in emoji if char != "\ufe0f")


def _codes_by_name(folder: Path) -> dict[str, str]:
    path = folder / "chars.json"
    chars = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    plain = {code: name for code, name in chars.items() if isinstance(name, str)}
    return {name: code.replace("-fe0f", "") for code, name in sorted(plain.items(), reverse=True)}


def _categories(folder: Path) -> dict[str, str]:
    path = folder / "metadata.json"
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return {
        name: category for category, names in found.get("categories", {}).items() for name in names
    }


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _spoken(title: str) -> str:
    """ "flag nepal" → "flag of nepal"; "blond-haired man" and the like stay."""
    return re.sub(r"^flag (for )?(?!of )", "flag of ", title)


def _keywords(names: list[str]) -> tuple[str, ...]:
    plain = (word.lower().replace("_", " ") for word in names[1:])
    return tuple(w for w in dict.fromkeys(plain) if re.fullmatch(r"[a-z][a-z' -]{2,24}", w))
