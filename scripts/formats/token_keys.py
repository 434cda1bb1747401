"""Which keys of rows hold tokens, and which their tags: by their content, and then their names."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.formats.record import AnnotationError
from scripts.formats.spans import short
from scripts.formats.tags import OUTSIDE, find_spelling

TOKEN_NAMES = ("tokens", "words", "token", "word", "forms", "form")
TAG_NAMES = (
    *("nertags", "tags", "labels", "ner", "finenertags", "tag", "label", "nertag", "nerlabels"),
    *("wordlabels", "bio", "iob", "entities"),
)
"""Keys as `plain_name` writes them, the likeliest first."""
NO_TAGS = re.compile(
    "pos|upos|xpos|chunks?|deps?|deprel|lemmas?|heads?|morph|feats?|senses?|ids?|masks?|offsets?|spaces?|srl"
    "|prev|next|langs?|languages?"
)
"""Parts of the keys of lists that stand beside tokens, and are neither the words nor their entities."""


def plain_name(key: str) -> str:
    """Write a key in lower case, without blanks, hyphens and underscores: `NER_Tags` is `nertags`."""
    return re.sub(r"[\s_.:-]+", "", key).lower()


def name_parts(key: str) -> set[str]:
    """Return the words of a key, in lower case."""
    return set(re.split(r"[\s_.:-]+", key.lower()))


def is_no_tag(key: str) -> bool:
    """Tell whether a key's name says that it holds something other than entities, such as parts of speech."""
    return any(map(NO_TAGS.fullmatch, name_parts(key)))


def pairs(row: dict, tokens: str, key: str) -> bool:
    """Tell whether a row has lists of one length under two keys."""
    first, second = row.get(tokens), row.get(key)
    return type(first) is list and type(second) is list and 0 < len(first) == len(second)


def find_tokens_key(rows: Sequence[dict], path: Path, wanted: str) -> str | None:
    """Return the key that holds lists of strings that are no tags, known ones first; None where none does.

    wanted: the key that it must be, or empty. Raises AnnotationError where two keys may be it and differ.
    """
    keys = _keys(rows, lambda items: str in set(map(type, items)) <= {str, type(None)})
    if wanted:
        return wanted if wanted in keys else None
    found = _by_rank([key for key in keys if plain_name(key) in TOKEN_NAMES], TOKEN_NAMES)
    if not found:
        others = [key for key in keys if not is_no_tag(key) and plain_name(key) not in TAG_NAMES]
        paired = {
            key for key in others for row in rows for tags in row if tags != key and pairs(row, key, tags)
        }
        found = [key for key in others if key in paired and not _holds_tags(rows, key)]
    for row in rows:
        for other in found[1:]:
            if row.get(other) != row.get(found[0]):
                raise AnnotationError(
                    f"{path}: both `{found[0]}` and `{other}` could be the tokens: "
                    f"{short(row.get(found[0]))}, {short(row.get(other))}; "
                    f"choose --text-field={found[0]} or --text-field={other}"
                )
    return found[0] if found else None


def find_tags_keys(
    rows: Sequence[dict], tokens: str, wanted: str, names: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the keys that may hold one entity tag a token, known ones first.

    wanted: the key that it must be, or empty. names: of the keys whose tags are numbers with names.
    """
    found = [key for key in _keys(rows, lambda items: set(map(type, items)) <= {str, int}) if key != tokens]
    if wanted:
        return [key for key in found if key == wanted]
    has_text = any(type(row.get(key)) is str for row in rows for key in ("text", "data"))

    def may_be_tags(key: str) -> bool:
        lists = [(row.get(tokens), row.get(key)) for row in rows]
        fits = [len(one) == len(two) for one, two in lists if type(one) is list and type(two) is list]
        if plain_name(key) in TAG_NAMES or "ner" in name_parts(key):
            return any(fits) or not has_text
        named = any(name not in OUTSIDE for name in names.get(key, ()))
        return all(fits) and (named or _holds_tags(rows, key))

    return _by_rank([key for key in found if not is_no_tag(key) and may_be_tags(key)], TAG_NAMES)


def _keys(rows: Sequence[dict], fits: Callable[[list], bool]) -> list[str]:
    """Return the keys under which some row has a list of such items, in the rows' order."""
    lists = ((key, value) for row in rows for key, value in row.items() if type(value) is list and value)
    return list(dict.fromkeys(key for key, value in lists if fits(value)))


def _by_rank(keys: list[str], names: Sequence[str]) -> list[str]:
    """Sort keys by the place of their plain names among known ones."""
    rank = {name: i for i, name in enumerate(names)}
    return sorted(keys, key=lambda key: rank.get(plain_name(key), len(names)))


def _holds_tags(rows: Sequence[dict], key: str) -> bool:
    """Tell whether all that stands under a key are tags with prefixes, and one at least is no `O`."""
    values = [one for row in rows if type(row.get(key)) is list for one in row[key]]
    is_text = all(type(one) is str for one in values)
    return is_text and not set(values) <= {*OUTSIDE} and find_spelling(values) is not None
