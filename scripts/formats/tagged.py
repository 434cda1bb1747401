"""Rows that hold a list of tokens beside a list of tags: JSON, Parquet and tables have them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from scripts.formats.column_kinds import role
from scripts.formats.names import nearby_names
from scripts.formats.record import Record, Source, Unread, check_text, fail
from scripts.formats.registry import Found, ReadOptions
from scripts.formats.spans import find_spans, short, span_fields
from scripts.formats.tags import (
    DEFAULT,
    OUTSIDE,
    Spelling,
    count_entities,
    describe_tags,
    find_scheme,
    find_spelling,
    labels_of,
    tag_parser,
)
from scripts.formats.words import tagged_record

OTHER_PARTS = re.compile(
    "pos|upos|xpos|chunks?|deps?|deprel|lemmas?|heads?|morph|feats?|senses?|ids?|masks?|offsets?|spaces?|srl"
    "|prev|next|langs?|languages?"
)
"""Parts of the keys of lists that stand beside tokens, and are neither the words nor their entities."""


@dataclass(frozen=True, slots=True)
class TaggedLayout:
    """Which keys hold tokens and tags, and how the tags are written.

    names: what the tags' numbers stand for; names_from: who says so. skip_spans: leave out those beside.
    """

    tokens: str
    tags: str
    names: tuple[str, ...]
    names_from: str
    scheme: str
    spelling: Spelling
    labels: tuple[str, ...]
    skip_spans: bool


def find_tagged(
    rows: Sequence[dict],
    path: Path,
    options: ReadOptions,
    *,
    names: Mapping[str, Sequence[str]] | None = None,
) -> TaggedLayout | None:
    """Find the keys of tokens and tags in a file's first rows; None where no row has both.

    names: of tags that are numbers, by key; `options.label_names` or a JSON file beside this may give them.
    """
    names = names or {}
    tokens = find_tokens_key(rows, path, options.text_field)
    keys = [] if tokens is None else find_tags_keys(rows, tokens, options.spans_field, names)
    if not keys:
        return None
    layouts = [_layout(rows, tokens, key, path, options, names.get(key, ())) for key in keys]
    unnamed = {layout.tags: [] if layout.names else _numbers(rows, layout.tags) for layout in layouts}
    chosen = next((layout for layout in layouts if not unnamed[layout.tags]), layouts[0])
    for other in layouts:
        both = (_tags(rows, layout.tags, layout.names) for layout in (chosen, other))
        if not _agree(*both, one_to_one=bool(unnamed[other.tags])):
            _two_readings(rows, path, tokens, chosen.tags, other.tags)
    if numbers := unnamed[chosen.tags]:
        some = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
        what = f"`{chosen.tags}` holds {len(numbers)} different numbers in the first {len(rows)} rows"
        remedy = "name all labels in the order of their numbers, as in --label-names=O,B-PER,I-PER"
        fail(path, f"{what} ({some}), and nothing names them", remedy)
    return chosen


def _layout(
    rows: Sequence[dict], tokens: str, key: str, path: Path, options: ReadOptions, names: Sequence[str]
) -> TaggedLayout:
    """Tell how the tags under a key are written, with the names of their numbers where they are numbers."""
    source = "the file's ClassLabel"
    if not _numbers(rows, key):
        names, source = (), ""
    elif options.label_names:
        names, source = options.label_names, "--label-names"
    elif not names:
        names, source = nearby_names(path, key)
    tags = _tags(rows, key, names)
    values = {*names, *chain.from_iterable(tags)}
    spelling = find_spelling(names or values, plain=True) or DEFAULT
    parse = tag_parser(spelling)
    last_or_alone = [tag for tag in map(parse, names) if tag and tag.prefix in "LU"]
    scheme = find_scheme([last_or_alone, *(map(parse, one) for one in tags)])
    skip_spans = "other-spans" in options.accept or options.spans_field == key
    labels = labels_of(values, spelling)
    return TaggedLayout(tokens, key, tuple(names), source, scheme, spelling, labels, skip_spans)


def _lists(rows: Sequence[dict], key: str) -> list[list]:
    return [row[key] for row in rows if isinstance(row.get(key), list)]


def _tags(rows: Sequence[dict], key: str, names: Sequence[str]) -> list[list[str]]:
    return [[_name(tag, names) for tag in tags] for tags in _lists(rows, key)]


def _numbers(rows: Sequence[dict], key: str) -> list[int]:
    return sorted({tag for tags in _lists(rows, key) for tag in tags if type(tag) is int})


def _name(tag: Any, names: Sequence[str]) -> str:
    """Return a tag's name: itself where it is a string; what has none comes as Python writes it, no tag."""
    if isinstance(tag, str):
        return tag
    return names[tag] if type(tag) is int and 0 <= tag < len(names) else f"{tag!r}"


def _agree(tags: list[list[str]], others: list[list[str]], *, one_to_one: bool) -> bool:
    """Tell whether two keys say the same: equal tags, or one number for each tag."""
    if tags == others or not one_to_one or list(map(len, tags)) != list(map(len, others)):
        return tags == others
    both = {pair for one, two in zip(tags, others, strict=True) for pair in zip(one, two, strict=True)}
    return len(both) == len({one for one, _ in both}) == len({two for _, two in both})


def _two_readings(rows: Sequence[dict], path: Path, tokens: str, first: str, second: str) -> NoReturn:
    numbered = [(i, row) for i, row in enumerate(rows, start=1) if row.get(first) or row.get(second)]
    number, row = next(((i, row) for i, row in numbered if row.get(first) != row.get(second)), numbered[0])
    shown, one, two = (short(row.get(key)) for key in (tokens, first, second))
    what = f"both `{first}` and `{second}` could be the tags of `{tokens}`"
    remedy = f"choose --spans-field={first} or --spans-field={second}"
    fail(path, f"{what}: row {number} has {shown} with {one} and {two}", remedy)


def _beside(row: dict, layout: TaggedLayout) -> dict[str, list]:
    """Return the spans that stand beside a row's tags, by the path of their keys."""
    return find_spans({key: value for key, value in row.items() if key not in (layout.tokens, layout.tags)})


def read_tagged(row: dict, layout: TaggedLayout, source: Source, **details) -> Record:
    """Read one row. details: as `words_record` has."""
    words, tags = row.get(layout.tokens), row.get(layout.tags)
    _check_tokens(words, tags, layout, source)
    parsed = list(map(tag_parser(layout.spelling), [_name(tag, layout.names) for tag in tags]))
    if None in parsed:
        known, remedy = "tags such as O, B-PER, I-PER", "repair it"
        if layout.names:
            known = f"the {len(layout.names)} names that {layout.names_from} gives"
            remedy = "name all labels in the order of their numbers with --label-names"
        tag = tags[parsed.index(None)]
        fail(source, f"{tag!r} in {layout.tags} is none of {known}: {short(tags)}", remedy)
    unread = []
    for key, spans in _beside(row, layout).items():
        if not layout.skip_spans:
            what = f"both `{layout.tags}` and `{key}` hold entities: {short(tags)} and {short(spans)}"
            fail(source, what, f"choose --spans-field={layout.tags} or --spans-field={key}")
        labels = tuple(str(label) for span in spans for label in span_fields(span).labels)
        unread.append(Unread("other-spans", f"`{key}`", labels=labels))
    sentences = [(words, None, parsed, [source.line] * len(words))]
    details |= {"unread": unread, "sentences_known": False}
    return tagged_record(source, sentences, layout.scheme, **details)._replace(lines=())


def _check_tokens(words: Any, tags: Any, layout: TaggedLayout, source: Source) -> None:
    """See that tokens and tags are lists of one length, and each token one."""
    are_lists = isinstance(words, list) and isinstance(tags, list) and len(words) == len(tags)
    if not are_lists or not all(type(word) is str for word in words):
        what = f"{layout.tokens} and {layout.tags} must be lists of one length, strings the first"
        sizes = " and ".join(
            f"{len(x)} in {short(x)}" if type(x) is list else short(x) for x in (words, tags)
        )
        fail(source, f"{what}, not {sizes}", "write a tag for each token")
    if "" in words:
        what = f"token {words.index('') + 1} is an empty token: {short(words)}"
        fail(source, what, "delete it with its tag")
    check_text(" ".join(words), source)


def count_tagged(row: dict, layout: TaggedLayout) -> Found:
    """Count a row's tokens, and the entities of its tags and of whatever spans stand beside them."""
    spans = sum(len(span_fields(span).labels) for found in _beside(row, layout).values() for span in found)
    tags = [_name(tag, layout.names) for tag in row.get(layout.tags) or []]
    return Found(len(row.get(layout.tokens) or []), count_entities(tags, layout.spelling) + spans)


def describe_tagged(layout: TaggedLayout) -> str:
    """Say which key holds what."""
    names = f"; numbers named by {layout.names_from}" if layout.names else ""
    tags = describe_tags(layout.scheme, layout.spelling, layout.labels)
    return f"tokens = `{layout.tokens}`, tags = `{layout.tags}` ({tags}{names})"


def _role(key: str) -> str:
    """Say what a key stands for: token, tag, other, or by its name nothing."""
    parts = re.split(r"[\s_.:-]+", key.lower())
    if any(map(OTHER_PARTS.fullmatch, parts)):
        return "other"
    return "tag" if "ner" in parts else role(key)


def find_tokens_key(rows: Sequence[dict], path: Path, wanted: str) -> str | None:
    """Return the key, the wanted one if any, of lists of strings that are no tags; None where none is."""
    keys = _keys(rows, lambda items: str in set(map(type, items)) <= {str, type(None)})
    if wanted:
        return wanted if wanted in keys else None
    found = [key for key in keys if _role(key) == "token"]
    for key in keys if not found else ():
        beside = ((row.get(key), other) for row in rows for name, other in row.items() if name != key)
        paired = any(type(one) is type(two) is list and 0 < len(one) == len(two) for one, two in beside)
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
    values = list(chain.from_iterable(_lists(rows, key)))
    is_text = all(type(one) is str for one in values)
    return is_text and not set(values) <= {*OUTSIDE} and find_spelling(values) is not None
