"""The Open Clip Art Library as Debian packages it: drawings with titles, keywords and folders."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.wording import plain_title, word_set, words

SOURCE = "openclipart"
LICENCE = "CC0-1.0"
"""The package's copyright file: every drawing is dedicated to the public domain."""

_LEFT_OUT = {
    "generated stars": ("shapes/stars",),
    "icon theme": (
        "computer/icons/etiquette-theme",
        "computer/icons/flat-theme",
        "computer/icons/lemon-theme",
        "computer/buttons",
        "computer/diagrams",
    ),
    "playing cards": ("recreation/games/cards",),
    "flags": ("signs_and_symbols/flags",),
    "abstract shapes": (
        "shapes",
        "special",
        "buttons",
        "logos",
        "signs_and_symbols/led",
        "recreation/games/chess",
    ),
    "signs and map symbols": (
        "signs_and_symbols/map_symbols",
        "transportation/aiga-symbols",
        "transportation/roadsigns",
        "computer/icons",
    ),
}
_COLLECTION_TITLE = re.compile(
    r"nicu buculei|collection|theme|etiquette|aiga|road signs|various cliparts|homes clipart|"
    r"iconset|r16|simple arrows|submission|sibmission|map symbols|australian maps|sallite|"
    r"^\W*$|^people$|^advertising$|^card$|^draw|untitled|^image|open ?clip ?art|@|\.(svg|png)$",
    re.IGNORECASE,
)
_MOST_FILES_PER_TITLE = 6
_KEYWORD_NOISE = word_set(
    "hash clipart clip art svg png openclipart externalsource external source unsorted misc "
    "contour outline black white color colour icon appicon mapsym weathersym webpage image "
    "drawing shape"
)


def candidates(svg_root: Path, png_root: Path | None) -> Iterator[Candidate | Dropped]:
    """Offer every drawing under `svg_root`, in a fixed order; links to other drawings are skipped.

    Args:
        svg_root: Folder ``…/share/openclipart/svg``.
        png_root: The same tree rendered by the package's makers, used where ours fails.
    """
    files = [path for path in sorted(svg_root.rglob("*.svg")) if not path.is_symlink()]
    metadata = {path: _Metadata(path) for path in files}
    shared = Counter(found.title.lower() for found in metadata.values())
    for path in files:
        relative = path.relative_to(svg_root).with_suffix("")
        name = f"{SOURCE}/{relative.as_posix().replace('/', '-')}"
        folder = relative.parent.as_posix()
        if reason := _why_left_out(folder):
            yield Dropped(id=name, source=SOURCE, reason=reason)
            continue
        found = metadata[path]
        collective = _COLLECTION_TITLE.search(found.title) is not None
        collective = collective or shared[found.title.lower()] > _MOST_FILES_PER_TITLE
        stem = _title_of_stem(relative.name, found.author)
        titles = [stem] if collective else [plain_title(found.title), stem]
        png = (png_root / relative).with_suffix(".png") if png_root else None
        yield Candidate(
            id=name,
            titles=tuple(title for title in dict.fromkeys(titles) if title),
            keywords=found.keywords,
            category="" if folder == "unsorted" else _category(folder),
            description=found.description,
            source=SOURCE,
            licence=LICENCE,
            kind="drawing",
            drawing=path,
            fallback=png if png and png.is_file() else None,
        )


class _Metadata:
    """The RDF block of a drawing, read leniently: many of the files are not valid XML."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8", errors="replace")
        block = re.search(r"<metadata.*?</metadata>", text, re.DOTALL)
        rdf = block.group() if block else ""
        self.title = _first(r"<dc:title>(.*?)</dc:title>", rdf)
        self.author = _first(r"<dc:creator.*?<dc:title>(.*?)</dc:title>", rdf)
        description = _first(r"<dc:description>(.*?)</dc:description>", rdf)
        self.description = "" if re.search(r"HASH\(|@|http|www", description) else description
        subject = _first(r"<dc:subject>(.*?)</dc:subject>", rdf)
        found = re.findall(r"<rdf:li>(.*?)</rdf:li>", subject, re.DOTALL)
        plain = (html.unescape(word).strip().lower().replace("_", " ") for word in found)
        author_words = set(words(self.author))
        self.keywords = tuple(
            word
            for word in dict.fromkeys(plain)
            if re.fullmatch(r"[a-z][a-z' -]{1,24}", word)
            and word not in _KEYWORD_NOISE
            and not author_words & set(words(word))
        )


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.DOTALL)
    return " ".join(html.unescape(match.group(1)).split()) if match else ""


def _why_left_out(folder: str) -> str | None:
    for reason, prefixes in _LEFT_OUT.items():
        if any(folder == prefix or folder.startswith(f"{prefix}/") for prefix in prefixes):
            return reason
    return None


def _title_of_stem(stem: str, author: str) -> str:
    """Turn ``apple_core_nicu_buculei_01`` into "apple core": authors follow the title."""
    parts = re.split(r"[_\s]+", re.sub(r"\.+", "_", stem))
    names = [word for word in words(author) if len(word) > 1]
    for place in range(1, len(parts)):
        if any(name.startswith(parts[place].lower()) for name in names if parts[place]):
            parts = parts[:place]
            break
    parts = [part for part in parts if part not in {"r", "mo", "t1", "ganson", "gm"}]
    return plain_title("_".join(parts).replace("-", "_"))


def _category(folder: str) -> str:
    return ", ".join(folder.replace("_", " ").split("/"))
