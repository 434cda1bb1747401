"""Which keys of rows hold tokens, and which their tags: by their content, and then their names."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.formats.record import AnnotationError
from scripts.formats.spans import short
from scripts.formats.tags import OUTSIDE, find_spelling

TOKEN_NAMES = ("tokens", "words", "token", "word", "forms", "form")
TAG_NAMES = (
    "nertags",
    "tags",
    "labels",
    "ner",
    "finenertags",
    "tag",
    "label",
    "nertag",
    "nerlabels",
    "wordlabels",
    "bio",
    "iob",
    "entities",
)
"""Keys as `plain_name` writes them, the likeliest first."""
NO_TAGS = re.compile(
    r"pos|upos|xpos|chunks?|deps?|deprel|lemmas?|heads?|morph|feats?|senses?|ids?|masks?|offsets?|spaces?|srl|prev|next|langs?|languages?"
)
"""Parts of the keys of lists that stand beside tokens, and are neither the words nor their entities."""


def plain_name(key: str) -> str:
    """Write a key in lower case, without blanks, hyphens and underscores: `NER_Tags` is `nertags`."""
    return re.sub(r"[\s_.:-]+", "", key).lower()


def find_tokens_key(rows: Sequence[dict], path: Path, wanted: str) -> str | None:
    """Return the key that holds lists of strings that are no tags, known ones first; None where none does.

    wanted: the key that it must be, or empty. Raises AnnotationError where two keys may be it and differ.
    """
    keys = _keys(rows, _are_tokens)
    if wanted:
        return wanted if wanted in keys else None
    known = [key for key in keys if plain_name(key) in TOKEN_NAMES]
    known.sort(key=lambda key: TOKEN_NAMES.index(plain_name(key)))
    if not known:
        others = [key for key in keys if not is_no_tag(key) and plain_name(key) not in TAG_NAMES]
        others = [key for key in others if not holds_tags(rows, key)]
        known = [
            key for key in others if any(pairs(row, key, tags) for row in rows for tags in row if tags != key)
        ]
    for other in known[1:]:
        row = next((row for row in rows if row.get(other) != row.get(known[0])), None)
        if row is not None:
            raise AnnotationError(
                f"{path}: both `{known[0]}` and `{other}` could be the tokens: {short(row.get(known[0]))}, "
                f"{short(row.get(other))}; choose --text-field={known[0]} or --text-field={other}"
            )
    return known[0] if known else None


def find_tags_keys(
    rows: Sequence[dict], tokens: str, wanted: str, names: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the keys that may hold one entity tag a token, known ones first.

    wanted: the key that it must be, or empty. names: of the keys whose tags are numbers with names.
    """
    found = [
        key
        for key in _keys(rows, lambda value: all(type(one) in (str, int) for one in value))
        if key != tokens
    ]
    if wanted:
        return [key for key in found if key == wanted]
    has_text = any(type(row.get(key)) is str for row in rows for key in ("text", "data"))
    keys = []
    for key in found:
        lists = [(row.get(tokens), row.get(key)) for row in rows]
        fits = [len(one) == len(two) for one, two in lists if type(one) is list and type(two) is list]
        if is_no_tag(key):
            continue
        if plain_name(key) in TAG_NAMES or "ner" in name_parts(key):
            is_tags = any(fits) or not has_text
        else:
            is_tags = all(fits) and (
                any(name not in OUTSIDE for name in names.get(key, ())) or holds_tags(rows, key)
            )
        if is_tags:
            keys.append(key)
    order = {name: i for i, name in enumerate(TAG_NAMES)}
    return sorted(keys, key=lambda key: order.get(plain_name(key), len(order)))


def pairs(row: dict, tokens: str, key: str) -> bool:
    """Tell whether a row has lists of one length under two keys."""
    first, second = row.get(tokens), row.get(key)
    return type(first) is list and type(second) is list and 0 < len(first) == len(second)


def holds_tags(rows: Sequence[dict], key: str) -> bool:
    """Tell whether all that stands under a key are tags with prefixes, and one at least is no `O`."""
    values = [one for row in rows if type(row.get(key)) is list for one in row[key]]
    if not all(type(one) is str for one in values):
        return False
    return not set(values) <= {*OUTSIDE} and find_spelling(values) is not None


def _are_tokens(values: list) -> bool:
    return any(type(one) is str for one in values) and all(type(one) is str or one is None for one in values)


def _keys(rows: Sequence[dict], fits: Callable[[list], bool]) -> list[str]:
    """Return the keys under which some row has a list of such items, in the rows' order."""
    lists = ((key, value) for row in rows for key, value in row.items() if type(value) is list and value)
    return list(dict.fromkeys(key for key, value in lists if fits(value)))


def name_parts(key: str) -> set[str]:
    """Return the words of a key, in lower case."""
    return set(re.split(r"[\s_.:-]+", key.lower()))


def is_no_tag(key: str) -> bool:
    """Tell whether a key's name says that it holds something other than entities, such as parts of speech."""
    return any(NO_TAGS.fullmatch(part) for part in name_parts(key))
