"""Rows that hold a list of tokens beside a list of tags: JSON, Parquet and tables have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from scripts.formats.names import nearby_names
from scripts.formats.record import Fault, Record, Source, Unread, check_text, fail
from scripts.formats.registry import Found, ReadOptions
from scripts.formats.spans import find_spans, short, span_fields
from scripts.formats.tags import (
    Spelling,
    count_entities,
    decode,
    describe_tags,
    find_scheme,
    find_spelling,
    labels_of,
    tag_parser,
)
from scripts.formats.token_keys import find_tags_keys, find_tokens_key, pairs
from scripts.formats.words import drop_white_space, words_record


@dataclass(frozen=True, slots=True)
class TaggedLayout:
    """Which keys hold tokens and tags, and how the tags are written.

    names: what the tags' numbers stand for; empty where tags are strings. names_from: who says so.
    labels: of the first rows, sorted. unused: lists that stand beside.
    skip_spans: whether spans that stand beside the tags may be left out.
    """

    tokens: str
    tags: str
    names: tuple[str, ...]
    scheme: str
    spelling: Spelling
    names_from: str = ""
    labels: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    skip_spans: bool = False


class _Reading(NamedTuple):
    """The tags of the first rows under one key. unnamed: numbers that nothing names."""

    key: str
    tags: list[list[str]]
    names: tuple[str, ...]
    names_from: str
    unnamed: list[int]


def find_tagged(
    rows: Sequence[dict],
    path: Path,
    options: ReadOptions,
    *,
    names: Mapping[str, Sequence[str]] | None = None,
) -> TaggedLayout | None:
    """Find the keys of tokens and tags in a file's first rows; None where no row has both.

    Known keys go before others; `options.text_field` and `options.spans_field` name them.
    names: of tags that are numbers, by key; where it has none, `options.label_names` or a JSON file beside
    this one may. Raises AnnotationError where two keys could be the tags, or the tokens, and where nothing
    names the numbers.
    """
    names = names or {}
    tokens = find_tokens_key(rows, path, options.text_field)
    keys = [] if tokens is None else find_tags_keys(rows, tokens, options.spans_field, names)
    if not keys:
        return None
    readings = [_reading(rows, key, path, options, names.get(key, ())) for key in keys]
    chosen = next((reading for reading in readings if not reading.unnamed), readings[0])
    for other in readings:
        if not _agree(chosen.tags, other):
            _two_readings(rows, path, tokens, chosen.key, other.key)
    if numbers := chosen.unnamed:
        some = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
        what = f"`{chosen.key}` holds {len(numbers)} different numbers in the first {len(rows)} rows ({some})"
        remedy = "name all labels in the order of their numbers, as in --label-names=O,B-PER,I-PER"
        fail(path, f"{what}, and nothing names them", remedy)
    layout = _layout(rows, tokens, chosen, options)
    for number, row in enumerate(rows, start=1):
        _other_spans(row, layout, Source(path.as_posix(), number))
    return layout


def _reading(
    rows: Sequence[dict], key: str, path: Path, options: ReadOptions, given: Sequence[str]
) -> _Reading:
    lists = [row[key] for row in rows if isinstance(row.get(key), list)]
    numbers = sorted({tag for tags in lists for tag in tags if type(tag) is int})
    names, source = tuple(given), "the file's ClassLabel"
    if not numbers:
        names, source = (), ""
    elif options.label_names:
        names, source = options.label_names, "--label-names"
    elif not names:
        names, source = nearby_names(path, key)
    tags = [[_name(tag, names) for tag in tags] for tags in lists]
    return _Reading(key, tags, names, source, [] if names else numbers)


def _name(tag: Any, names: Sequence[str]) -> str:
    """Return a tag's name: itself where it is a string; what has none comes as Python writes it, no tag."""
    if isinstance(tag, str):
        return tag
    return names[tag] if type(tag) is int and 0 <= tag < len(names) else f"{tag!r}"


def _agree(tags: list[list[str]], other: _Reading) -> bool:
    """Tell whether another key says the same: equal tags, or one number without a name for each tag."""
    if not other.unnamed or tags == other.tags:
        return tags == other.tags
    if list(map(len, tags)) != list(map(len, other.tags)):
        return False
    both = {pair for one, two in zip(tags, other.tags, strict=True) for pair in zip(one, two, strict=True)}
    return len(both) == len({one for one, _ in both}) == len({two for _, two in both})


def _two_readings(rows: Sequence[dict], path: Path, tokens: str, first: str, second: str) -> NoReturn:
    numbered = [(i, row) for i, row in enumerate(rows, start=1) if row.get(first) or row.get(second)]
    number, row = next(((i, row) for i, row in numbered if row.get(first) != row.get(second)), numbered[0])
    shown, one, two = (short(row.get(key)) for key in (tokens, first, second))
    what = f"both `{first}` and `{second}` could be the tags of `{tokens}`"
    remedy = f"choose --spans-field={first} or --spans-field={second}"
    fail(path, f"{what}: row {number} has {shown} with {one} and {two}", remedy)


def _layout(rows: Sequence[dict], tokens: str, reading: _Reading, options: ReadOptions) -> TaggedLayout:
    """Tell spelling, scheme and labels from the first rows and the names of numbers."""
    values = {*reading.names, *(tag for tags in reading.tags for tag in tags)}
    spelling = find_spelling(reading.names or values, plain=True) or Spelling()
    parse = tag_parser(spelling)
    last_or_alone = [tag for tag in map(parse, reading.names) if tag and tag.prefix in "LU"]
    scheme = find_scheme([last_or_alone, *(map(parse, tags) for tags in reading.tags)])
    beside = {
        key for row in rows for key in row if key not in (tokens, reading.key) and pairs(row, tokens, key)
    }
    return TaggedLayout(
        tokens,
        reading.key,
        reading.names,
        scheme,
        spelling,
        reading.names_from,
        labels_of(values, spelling),
        tuple(sorted(beside)),
        "other-spans" in options.accept or options.spans_field == reading.key,
    )


def _beside(row: dict, layout: TaggedLayout) -> dict[str, list]:
    """Return the spans that stand beside a row's tags, by the path of their keys."""
    return find_spans({key: value for key, value in row.items() if key not in (layout.tokens, layout.tags)})


def _other_spans(row: dict, layout: TaggedLayout, source: Source) -> list[Unread]:
    """Return what spans stand beside a row's tags. Raises AnnotationError where these may not be left out."""
    unread = []
    for key, spans in _beside(row, layout).items():
        if not layout.skip_spans:
            held = f"{short(row.get(layout.tags))} and {short(spans)}"
            what = f"both `{layout.tags}` and `{key}` hold entities: {held}"
            fail(source, what, f"choose --spans-field={layout.tags} or --spans-field={key}")
        labels = [str(label) for span in spans for label in span_fields(span)[2]]
        unread.append(Unread("other-spans", f"`{key}`", labels=tuple(labels)))
    return unread


def read_tagged(
    row: dict,
    layout: TaggedLayout,
    source: Source,
    options: ReadOptions,
    *,
    id: str | None = None,
    group: str | None = None,
) -> Record:
    """Read one row.

    Raises AnnotationError, naming the row, where tokens and tags are not of one number, a token is empty or
    no string, and where a tag has no name or is none.
    """
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
    entities, wrong = decode(parsed, layout.scheme)
    faults = [Fault(code, source, f"{words[i]!r}: {detail} ({layout.scheme})") for i, code, detail in wrong]
    words, entities, unread = drop_white_space(words, entities, lambda token: f"token {token + 1}")
    record = words_record(
        source,
        [(words, None, entities)] if words else [],
        lang=options.lang,
        id=id,
        group=group,
        faults=faults,
        sentences_known=False,
    )
    return record._replace(unread=(*unread, *_other_spans(row, layout, source)))


def _check_tokens(words: Any, tags: Any, layout: TaggedLayout, source: Source) -> None:
    """Raise AnnotationError where tokens and tags are no lists of one length, or a token is none."""
    are_lists = isinstance(words, list) and isinstance(tags, list) and len(words) == len(tags)
    if not are_lists or not all(type(word) is str for word in words):
        what = f"{layout.tokens} and {layout.tags} must be lists of one length, strings the first"
        sizes = [
            f"{len(one)} in {short(one)}" if isinstance(one, list) else short(one) for one in (words, tags)
        ]
        fail(source, f"{what}, not {' and '.join(sizes)}", "write a tag for each token")
    if "" in words:
        what = f"token {words.index('') + 1} is an empty token: {short(words)}"
        fail(source, what, "delete it with its tag")
    check_text(" ".join(words), source)


def count_tagged(row: dict, layout: TaggedLayout) -> Found:
    """Count a row's tokens, and the entities of its tags and of whatever spans stand beside them."""
    spans = sum(len(span_fields(span)[2]) for found in _beside(row, layout).values() for span in found)
    tags = [_name(tag, layout.names) for tag in row.get(layout.tags) or []]
    return Found(len(row.get(layout.tokens) or []), count_entities(tags, layout.spelling) + spans)


def describe_tagged(layout: TaggedLayout) -> str:
    """Say which key holds what."""
    names = f"; numbers named by {layout.names_from}" if layout.names else ""
    tags = describe_tags(layout.scheme, layout.spelling, layout.labels)
    return f"tokens = `{layout.tokens}`, tags = `{layout.tags}` ({tags}{names})"
