"""Which keys of rows hold tokens, and which their tags: by their content, and then their names."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.formats.column_kinds import role
from scripts.formats.record import fail
from scripts.formats.spans import short
from scripts.formats.tags import OUTSIDE, find_spelling

OTHER_PARTS = re.compile(
    "pos|upos|xpos|chunks?|deps?|deprel|lemmas?|heads?|morph|feats?|senses?|ids?|masks?|offsets?|spaces?|srl"
    "|prev|next|langs?|languages?"
)
"""Parts of the keys of lists that stand beside tokens, and are neither the words nor their entities."""


def _role(key: str) -> str:
    """Say what a key stands for: token, tag, other, or by its name nothing."""
    parts = re.split(r"[\s_.:-]+", key.lower())
    if any(map(OTHER_PARTS.fullmatch, parts)):
        return "other"
    return "tag" if "ner" in parts else role(key)


def pairs(row: dict, tokens: str, key: str) -> bool:
    """Tell whether a row has lists of one length under two keys."""
    first, second = row.get(tokens), row.get(key)
    return type(first) is list and type(second) is list and 0 < len(first) == len(second)


def find_tokens_key(rows: Sequence[dict], path: Path, wanted: str) -> str | None:
    """Return the key, the wanted one if any, of lists of strings that are no tags; None where none is."""
    keys = _keys(rows, lambda items: str in set(map(type, items)) <= {str, type(None)})
    if wanted:
        return wanted if wanted in keys else None
    found = [key for key in keys if _role(key) == "token"]
    for key in keys if not found else ():
        paired = any(pairs(row, key, tags) for row in rows for tags in row if tags != key)
        if _role(key) not in ("tag", "other") and paired and not _holds_tags(rows, key):
            found.append(key)
    for one, two in ((row, other) for other in found[1:] for row in rows):
        if one.get(two) != one.get(found[0]):
            what = f"both `{found[0]}` and `{two}` could be the tokens: {short(one.get(found[0]))}"
            remedy = f"choose --text-field={found[0]} or --text-field={two}"
            fail(path, f"{what}, {short(one.get(two))}", remedy)
    return found[0] if found else None


def find_tags_keys(
    rows: Sequence[dict], tokens: str, wanted: str, names: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the keys that may hold one entity tag a token. names: of tags that are numbers, by key."""
    found = [key for key in _keys(rows, lambda items: set(map(type, items)) <= {str, int}) if key != tokens]
    if wanted:
        return [key for key in found if key == wanted]
    has_text = any(type(row.get(key)) is str for row in rows for key in ("text", "data"))

    def may_be_tags(key: str) -> bool:
        lists = [(row.get(tokens), row.get(key)) for row in rows]
        fits = [len(one) == len(two) for one, two in lists if type(one) is list and type(two) is list]
        if _role(key) == "tag":
            return any(fits) or not has_text
        named = any(name not in OUTSIDE for name in names.get(key, ()))
        return _role(key) != "other" and all(fits) and (named or _holds_tags(rows, key))

    return list(filter(may_be_tags, found))


def _keys(rows: Sequence[dict], fits: Callable[[list], bool]) -> list[str]:
    """Return the keys under which some row has a list of such items, in the rows' order."""
    lists = ((key, value) for row in rows for key, value in row.items() if type(value) is list and value)
    return list(dict.fromkeys(key for key, value in lists if fits(value)))


def _holds_tags(rows: Sequence[dict], key: str) -> bool:
    """Tell whether all that stands under a key are tags with prefixes, and one at least is no `O`."""
    values = [one for row in rows if type(row.get(key)) is list for one in row[key]]
    is_text = all(type(one) is str for one in values)
    return is_text and not set(values) <= {*OUTSIDE} and find_spelling(values) is not None
