"""Rows that hold a list of tokens beside a list of tags: JSON, Parquet and tables have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.formats.names import nearby_names
from scripts.formats.record import AnnotationError, Fault, Record, Source, Unread
from scripts.formats.registry import Found, ReadOptions
from scripts.formats.spans import find_spans, short, span_fields
from scripts.formats.tags import Scheme, Spelling, decode, find_spelling, tag_parser
from scripts.formats.token_keys import find_tags_keys, find_tokens_key, pairs
from scripts.formats.tokens import check_words, count_entities, describe_tags, drop_white_space
from scripts.formats.words import words_record


@dataclass(frozen=True, slots=True)
class TaggedLayout:
    """Which keys hold tokens and tags, and how the tags are written.

    names: what the tags' numbers stand for; empty where tags are strings. names_from: who says so.
    scheme, spelling: of the tags. labels: those of the first rows, sorted. unused: lists that stand beside.
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """The tags of the first rows as one key has them. numbers: what has no name."""

    cells: list[list[str]]
    names: tuple[str, ...]
    names_from: str
    numbers: tuple[int, ...]


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
    readings = {key: _reading(rows, key, path, options, names.get(key, ())) for key in keys}
    chosen = next((key for key in keys if not readings[key].numbers), keys[0])
    reading = readings[chosen]
    for key in keys:
        if key != chosen and not _agree(reading, readings[key]):
            raise _two_readings(rows, path, tokens, chosen, key)
    if reading.numbers:
        some = ", ".join(map(str, reading.numbers[:5])) + (", …" if len(reading.numbers) > 5 else "")
        raise AnnotationError(
            f"{path}: `{chosen}` holds {len(reading.numbers)} different numbers in the first {len(rows)} "
            f"rows ({some}), and nothing names them: name all labels in the order of their numbers, as in "
            "--label-names=O,B-PER,I-PER"
        )
    layout = _layout(rows, tokens, chosen, reading, options)
    for number, row in enumerate(rows, start=1):
        _other_spans(row, layout, Source(path.as_posix(), number))
    return layout


def _layout(
    rows: Sequence[dict], tokens: str, key: str, reading: _Reading, options: ReadOptions
) -> TaggedLayout:
    """Tell spelling, scheme and labels from the first rows and the names."""
    values = {*reading.names, *(cell for cells in reading.cells for cell in cells)}
    spelling = find_spelling(reading.names or values, plain=True) or Spelling()
    parse = tag_parser(spelling)
    scheme = Scheme()
    scheme.watch([tag for tag in map(parse, reading.names) if tag is not None and tag.prefix in "LU"])
    for cells in reading.cells:
        scheme.watch([tag for tag in map(parse, cells) if tag is not None])
    labels = {tag.label for tag in map(parse, values) if tag is not None and tag.label}
    beside = {
        other for row in rows for other in row if other not in (tokens, key) and pairs(row, tokens, other)
    }
    return TaggedLayout(
        tokens,
        key,
        reading.names,
        scheme.name,
        spelling,
        reading.names_from,
        tuple(sorted(labels)),
        tuple(sorted(beside)),
        "other-spans" in options.accept or options.spans_field == key,
    )


def _reading(
    rows: Sequence[dict], key: str, path: Path, options: ReadOptions, given: Sequence[str]
) -> _Reading:
    """Read the tags under a key, with the names of their numbers where they are numbers."""
    lists = [row[key] for row in rows if isinstance(row.get(key), list)]
    numbers = tuple(sorted({tag for tags in lists for tag in tags if type(tag) is int}))
    names, source = tuple(given), "the file's ClassLabel"
    if not numbers:
        names, source = (), ""
    elif options.label_names:
        names, source = options.label_names, "--label-names"
    elif not names:
        names, source = nearby_names(path, key)
    cells = [[_name(tag, names) for tag in tags] for tags in lists]
    return _Reading(cells, names, source, () if names else numbers)


def _agree(first: _Reading, second: _Reading) -> bool:
    """Tell whether two keys say the same: equal tags, or one number without a name for each tag."""
    if not second.numbers:
        return first.cells == second.cells
    if [len(cells) for cells in first.cells] != [len(cells) for cells in second.cells]:
        return False
    pairs = {
        pair
        for one, two in zip(first.cells, second.cells, strict=True)
        for pair in zip(one, two, strict=True)
    }
    return len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs})


def _two_readings(rows: Sequence[dict], path: Path, tokens: str, first: str, second: str) -> AnnotationError:
    numbered = [(i, row) for i, row in enumerate(rows, start=1) if row.get(first) or row.get(second)]
    number, row = next(((i, row) for i, row in numbered if row.get(first) != row.get(second)), numbered[0])
    return AnnotationError(
        f"{path}: both `{first}` and `{second}` could be the tags of `{tokens}`: row {number} has "
        f"{short(row.get(tokens))} with {short(row.get(first))} and {short(row.get(second))}; "
        f"choose --spans-field={first} or --spans-field={second}"
    )


def _name(tag: Any, names: Sequence[str]) -> str:
    """Return a tag's name: itself where it is a string; what has none comes as Python writes it, no tag."""
    if isinstance(tag, str):
        return tag
    return names[tag] if type(tag) is int and 0 <= tag < len(names) else f"{tag!r}"


def _beside(row: dict, layout: TaggedLayout) -> dict[str, list]:
    """Return the spans that stand beside a row's tags, by the path of their keys."""
    return find_spans({key: value for key, value in row.items() if key not in (layout.tokens, layout.tags)})


def _other_spans(row: dict, layout: TaggedLayout, source: Source) -> list[Unread]:
    """Return what spans stand beside a row's tags. Raises AnnotationError where these may not be left out."""
    unread = []
    for key, spans in _beside(row, layout).items():
        if not layout.skip_spans:
            raise AnnotationError(
                f"{source}: both `{layout.tags}` and `{key}` hold entities: {short(row.get(layout.tags))} "
                f"and {short(spans)}; choose --spans-field={layout.tags} or --spans-field={key}"
            )
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
    _check_lists(words, tags, layout, source)
    parse = tag_parser(layout.spelling)
    parsed = [parse(_name(tag, layout.names)) for tag in tags]
    if None in parsed:
        tag = tags[parsed.index(None)]
        known = (
            f"the {len(layout.names)} names that {layout.names_from} gives"
            if layout.names
            else "tags such as O, B-PER, I-PER"
        )
        remedy = (
            "name all labels in the order of their numbers with --label-names" if layout.names else "mend it"
        )
        raise AnnotationError(
            f"{source}: {tag!r} in {layout.tags} is none of {known}: {short(tags)}; {remedy}"
        )
    entities, wrong = decode(parsed, layout.scheme)
    faults = [
        Fault(code, source, f"{words[token]!r}: {detail} ({layout.scheme})") for token, code, detail in wrong
    ]
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


def _check_lists(words: Any, tags: Any, layout: TaggedLayout, source: Source) -> None:
    """Raise AnnotationError where tokens and tags are no lists of one length, or a token is none."""
    if (
        not isinstance(words, list)
        or not isinstance(tags, list)
        or len(words) != len(tags)
        or not all(type(word) is str for word in words)
    ):
        raise AnnotationError(
            f"{source}: {layout.tokens} and {layout.tags} must be lists of one length, strings the first, "
            f"not {_sized(words)} and {_sized(tags)}; write a tag for each token"
        )
    if "" in words:
        raise AnnotationError(
            f"{source}: token {words.index('') + 1} is an empty token: {short(words)}; delete it with its tag"
        )
    check_words(words, source)


def count_tagged(row: dict, layout: TaggedLayout) -> Found:
    """Count a row's tokens, and the entities of its tags and of whatever spans stand beside them."""
    tags = row.get(layout.tags) or []
    spans = sum(len(span_fields(span)[2]) for found in _beside(row, layout).values() for span in found)
    return Found(
        len(row.get(layout.tokens) or []),
        count_entities([_name(tag, layout.names) for tag in tags], layout.spelling) + spans,
    )


def describe_tagged(layout: TaggedLayout) -> str:
    """Say which key holds what."""
    names = f"; numbers named by {layout.names_from}" if layout.names else ""
    tags = describe_tags(layout.scheme, layout.spelling, layout.labels)
    return f"tokens = `{layout.tokens}`, tags = `{layout.tags}` ({tags}{names})"


def _sized(value: Any) -> str:
    return f"{len(value)} in {short(value)}" if isinstance(value, list) else f"{short(value)}"
