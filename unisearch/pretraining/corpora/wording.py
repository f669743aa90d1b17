"""From titles as collections write them to captions as people say them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from unisearch.pretraining.corpora.wordnet import WordNet


def word_set(text: str) -> frozenset[str]:
    """Words separated by blanks, as a set: a long list that is easy to read and to change."""
    return frozenset(text.split())


PREPOSITIONS = word_set(
    "with without of in into on onto at for by from to under over near behind through against "
    "around inside holding wearing carrying riding and or as while about between"
)
_MEASURES = word_set(
    "pair bunch cluster slice piece loaf head string set couple pile stack row group heap sheet "
    "bundle quarter bowl plate collection"
)
"""In "a slice of lemon" the lemon is what is shown."""
_MASS_NOUNS = word_set(
    "bread rice cheese water milk honey butter salt sugar corn garlic ginger broccoli lettuce "
    "money hair fire smoke rain snow fog wind lightning spaghetti pasta sushi tofu ice furniture "
    "clothing luggage jewelry grass sand paper wood gold silver music knitting popcorn celery "
    "coffee tea beer wine juice soda champagne poo confetti"
)
_DETERMINERS = word_set(
    "a an the some two three four five six seven eight nine ten my our his her its this no another"
)
_NOISE = re.compile(
    r"\b(clip ?art|svg|icons?|illustrations?|drawings?|image of|picture of|vector|remix|"
    r"colou?r version|black and white|b ?and ?w|b&w|bw|outline|version|part|autotraced|"
    r"simple|simplified|lineart|line art|silhouette of|contour|stylized|stylised)\b",
    re.IGNORECASE,
)
_COLOURS = word_set(
    "black white red green blue yellow orange purple pink brown gray grey silver color colour "
    "colored coloured shaded light dark plain left right bw small large big"
)
"""Words that follow the noun in titles of variants: "paperback book black"."""
_POSITIONS = frozenset({"left", "right", "color", "colour", "bw", "plain", "shaded"})
_RENAMED = {"tux": "penguin"}
"""Names of mascots, as a stranger would say them."""
_VOWEL_SOUND = re.compile(
    r"(?!uni|use|usu|eu|one\b|once|ut[ei]|uk\b)[aeiou]|hour|honest|x-|mri", re.I
)


def plain_title(text: str) -> str:
    """Strip what a title says about the file instead of the picture.

    >>> plain_title("Capsized_Sailing Illustration 3 (B and W)")
    'capsized sailing'
    """
    text = html.unescape(html.unescape(text)).replace("’", "'").replace("_", " ")
    text = re.sub(r"\([^)]*\)|\[[^]]*\]|<[^>]*>", " ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text)
    text = text.split(" - ")[0]
    text = re.sub(r"(?<=\D)-(?=\D)", " ", text) if re.fullmatch(r"[\w-]+", text) else text
    text = _NOISE.sub(" ", text)
    text = re.sub(r"#?\b[ivx]{2,3}\b|[#\"“”!?:;,.]|\d+", " ", text, flags=re.IGNORECASE)
    parts = [_RENAMED.get(part, part) for part in text.lower().split()]
    parts = [part for part in parts if any(map(str.isalnum, part))]
    shade: list[str] = []
    while len(parts) > 1 and parts[-1] in _COLOURS:
        shade.insert(0, parts.pop())
    if shade and "and" not in parts:
        parts = [word for word in shade if word not in _POSITIONS] + parts
    return " ".join(parts).strip(" -'/")


def words(text: str) -> list[str]:
    """Lower-case words, without a possessive ``'s``.

    >>> words("A wizard's T-shirt")
    ['a', 'wizard', 't-shirt']
    """
    return [word.removesuffix("'s") for word in re.findall(r"[a-zà-ÿ][\w'-]*", text.lower())]


def segments(title: str) -> list[list[str]]:
    """Cut a title into its noun phrases, the one that says what is shown first.

    >>> segments("a slice of lemon on a plate")
    [['lemon'], ['plate']]
    """
    found: list[list[str]] = [[]]
    for word in words(title):
        if word in PREPOSITIONS:
            if word == "and" and all(part in _COLOURS for part in found[-1]):
                continue  # "green and yellow fireworks" is one thing
            found.append([])
        elif word not in _DETERMINERS:
            found[-1].append(word)
    found = [segment for segment in found if segment]
    if len(found) > 1 and found[0][-1].removesuffix("s") in _MEASURES:
        found.pop(0)
    return found


def with_article(title: str, wordnet: WordNet) -> str:
    """Put "a" or "an" before a title whose head is one countable thing.

    >>> with_article("red apple", wordnet)
    'a red apple'
    """
    parts = words(title)
    cut = next((i for i, word in enumerate(parts) if word in PREPOSITIONS), len(parts))
    if not cut or parts[0] in _DETERMINERS:
        return title
    head = parts[cut - 1]
    lemma = wordnet.noun_lemma(head)
    if lemma is None or lemma != head or head in _MASS_NOUNS or head.endswith("ing"):
        return title
    if wordnet.is_name(head) or wordnet.is_name(" ".join(parts[:cut])):
        return title
    if head.endswith(("ss", "us", "is")) or not head.endswith("s"):
        return f"{'an' if _VOWEL_SOUND.match(parts[0]) else 'a'} {title}"
    return title


def captions(
    titles: Iterable[str],
    *,
    keywords: Iterable[str],
    category: str,
    medium: str,
    wordnet: WordNet,
    description: str = "",
) -> tuple[str, ...]:
    """Say what a picture shows in several ways, the plainest first.

    Args:
        titles: Plain titles; the first is the best.
        keywords: At most six are used.
        category: Folder or group such as ``animals, birds``; may be empty.
        medium: ``drawing`` or ``emoji``: names the kind of picture in one of the captions.
        wordnet: Tells things from stuff and singular from plural.
        description: A sentence somebody wrote; may be empty.
    """
    titles = list(titles)
    said = [with_article(title, wordnet) for title in titles]
    main = said[0]
    extra = [word for word in dict.fromkeys(keywords) if word not in words(titles[0])][:6]
    variants = [_capitalised(main), titles[0]]
    if extra:
        variants.append(f"{titles[0]}: {', '.join(extra)}")
    shown = f"{'an' if medium == 'emoji' else 'a'} {medium} of {main}"
    variants.append(f"{shown} ({category})" if category else shown)
    variants += [_capitalised(other) for other in said[1:]]
    if description:
        variants.append(description)
    return tuple(dict.fromkeys(variants))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
