"""Decide which column of a column file holds the tokens, which the tags, and what the others are."""

import re

from scripts.formats.evidence import (
    Column,
    flat,
    is_surface_form,
    is_word_numbers,
    keys_of_tags,
    look,
    misc_items,
    plain_columns,
    richness,
    role,
    value_of,
)
from scripts.formats.record import AnnotationError
from scripts.formats.roles import (
    KINDS,
    Roles,
    Sample,
    ambiguous,
    columns_option,
    names_error,
    shown_labels,
    why_unused,
)
from scripts.formats.tags import PREFIXES, Scheme, Spelling, tag_parser

CONLLU_WIDTH = 10
LANGUAGE = r"[a-z]{2,3}(?:-[a-z]+)*:"
WITH_PLACE = r"(.)\d"
ONLY_WORDS = ("constant", "numbered", "features", "chunks", "outside")
"""Kinds that are words where there is no other column beside the tags."""


def find_roles(sample: Sample) -> Roles:
    """Tell the columns apart by their names and by what the sampled rows hold.

    Raises AnnotationError where no column can be the token or the tag, or where several can.
    """
    names, width = sample.names, sample.width
    roles = [role(name.partition("=")[0]) for name in names]
    if sample.given and not {"token", "tag"} <= set(roles):
        raise AnnotationError(f"{sample.path}: {names_error(names)}")
    _see_sentences(sample)
    id = _word_numbers(sample)
    if id is not None:
        sample = _without_surface_forms(sample, id)
    columns = [look(i, sample.sentences) for i in range(width)]
    tag = _tag_column(sample, columns, roles)
    if tag is None:
        column, key = _misc_key(sample, columns, roles)
        tag = column.index
    else:
        column, key = _spelt(sample, columns[tag])
    _one_outside_mark(sample, column, key)
    token = _token_column(sample, columns, roles, column)
    named = next((i for i, known in enumerate(roles) if known == "space"), None)
    space = next((c.index for c in columns if c.kind == "spaces" and c.index not in (token, tag)), named)
    if key is not None and any(
        key_ == "SpaceAfter" for cell in columns[tag].values for key_, _ in misc_items(cell)
    ):
        space = tag
    used = {token, tag, space, id}
    spelling = column.spelling or Spelling()
    return Roles(
        width=width,
        token=token,
        tag=tag,
        key=key,
        space=space,
        id=id,
        spelling=spelling,
        scheme=_scheme(sample, tag, key, spelling),
        labels=column.labels,
        affix=_affix(sample, token),
        outside=()
        if names
        else tuple(c.index for c in columns if c.kind == "outside" and c.index not in used),
        unused=tuple((c.index, why_unused(c, names)) for c in columns if c.index not in used),
    )


def _see_sentences(sample: Sample) -> None:
    """Raise AnnotationError where a column, and no blank line, tells the sentences apart."""
    if len(sample.sentences) != 1:
        return
    for i, name in enumerate(sample.names):
        if (
            name.lower().startswith("sent")
            and len({row[i].strip() for row in sample.sentences[0]} - {""}) > 1
        ):
            raise AnnotationError(
                f"{sample.path}: no blank line ends a sentence, but column {i + 1} ({name}) says where each "
                "begins:"
                f"{sample.shown()}\nread it as a table: --format=table"
            )


def _word_numbers(sample: Sample) -> int | None:
    """Return the column of CoNLL-U's word numbers: named `id`, but by no header; or the first of ten."""
    if sample.names:
        named = [name.strip().lower() for name in sample.names]
        return named.index("id") if "id" in named and not sample.header else None
    rows = flat(sample.sentences)
    return 0 if sample.width >= CONLLU_WIDTH and is_word_numbers([row[0] for row in rows]) else None


def _without_surface_forms(sample: Sample, id: int) -> Sample:
    kept = [[not is_surface_form(row[id]) for row in sentence] for sentence in sample.sentences]

    def filtered(sentences):
        return [
            [x for x, keep in zip(s, k, strict=True) if keep] for s, k in zip(sentences, kept, strict=True)
        ]

    sentences, numbers = filtered(sample.sentences), filtered(sample.numbers)
    return Sample(sample.path, sentences, numbers, sample.names, sample.header, sample.given)


def _tag_column(sample: Sample, columns: list[Column], roles: list[str]) -> int | None:
    """Return the tags' column, or None where tags can only stand in a column of keys and values."""
    named = [columns[i] for i, known in enumerate(roles) if known == "tag"]
    if named:
        if sample.given:
            return named[0].index
        real = [column for column in named if column.kind in ("tags", "doubtful")]
        return _only(sample, real or named[:1])
    real = [column for column in columns if column.kind in ("tags", "doubtful")] or plain_columns(
        columns, "Oo0"
    )
    outside = [column for column in columns if column.kind == "outside"]
    if real:
        nested = [column for column in outside if column.index > real[0].index]
        return _only(sample, real if sample.names else real + nested)
    if any(
        keys_of_tags(column) for column in columns if column.kind in ("features", "words", "spaces", "blank")
    ):
        return None
    if outside:
        return _only(sample, [outside[-1], *plain_columns(columns, "_-")])
    chunks = [column for column in columns if column.kind == "chunks"]
    blank = [
        column for column in columns if chunks and column.kind == "blank" and column.index > chunks[0].index
    ]
    found = plain_columns(columns, "_-") or chunks + blank
    if found:
        return _only(sample, found)
    if sample.names and not {"token", "tag"} <= set(roles):
        raise AnnotationError(f"{sample.path}: {names_error(sample.names)}")
    _no_tag(sample)
    return None


def _no_tag(sample: Sample) -> None:
    """Raise the error of a file without a column of tags; it names the last column's first that is none."""
    parse = tag_parser(Spelling())
    for number, row in sample.numbered():
        if parse(row[-1].strip()) is None:
            names = f"mend the tag, or name the columns: --columns={columns_option(sample.width, 0, -1)}"
            bare = f"write a label behind each, as in {row[-1]}-PER"
            raise AnnotationError(
                f"{sample.path}:{number}: {row[-1]!r} is no tag such as O, B-PER, I-PER, L-PER or S-PER, "
                "and no column holds tags "
                f"alone:{sample.shown()}\n{bare if row[-1].strip() in [*PREFIXES] else names}"
            )
    raise AnnotationError(
        f"{sample.path}: no column holds tags such as O, B-PER or I-PER; name one: --columns=token,tag"
    )


def _only(sample: Sample, found: list[Column]) -> int:
    """Return the only column that could be the tags; those that are alike in each row count as one."""
    rows = flat(sample.sentences)
    first = found[0]
    if all([row[first.index] for row in rows] == [row[other.index] for row in rows] for other in found[1:]):
        return found[-1].index
    tags = {column.index for column in found}
    token = next((i for i, name in enumerate(sample.names) if role(name) == "token"), None)
    if token is None:
        rest = [i for i in range(sample.width) if i not in tags and look(i, sample.sentences).kind == "words"]
        token = rest[0] if rest else 0
    readings = [
        f"column {column.index + 1} ({shown_labels(column.labels)}): "
        f"--columns={columns_option(sample.width, token, column.index)}"
        for column in found
    ]
    raise AnnotationError(ambiguous(sample, "tag", [column.index for column in found], readings))


def _spelt(sample: Sample, column: Column) -> tuple[Column, str | None]:
    """Return a tag column with its spelling, and its key where `--columns=token,tag=NER` names one."""
    key = sample.names[column.index].partition("=")[2] if sample.given else ""
    if key:
        known = keys_of_tags(column)
        if key not in known:
            raise AnnotationError(
                f"{sample.path}: column {column.index + 1} has no key {key!r} whose values are tags, but "
                f"{', '.join(filter(None, known)) or 'none at all'}; name one of these, as in "
                "--columns=token,tag=NER"
            )
        return known[key], key
    if column.spelling is None:
        words = Column(column.index, column.values, "words", None)
        return next(iter(plain_columns([words], "Oo0_-")), column), None
    return column, None


def _misc_key(sample: Sample, columns: list[Column], roles: list[str]) -> tuple[Column, str]:
    """Return the column and key under which tags stand as `NER=B-PER`."""
    found = [
        (key, one) for column in columns for key, one in keys_of_tags(column).items() if column.kind != "tags"
    ]
    first_key, first = found[0]
    for key, other in found[1:]:
        if other.index != first.index or any(
            value_of(cell, key) != value_of(cell, first_key) for cell in columns[first.index].values
        ):
            token = _token_column(sample, columns, roles, first)
            readings = [
                f"column {one.index + 1}, {name or 'values without a key'} ({shown_labels(one.labels)}): "
                f"--columns={columns_option(sample.width, token, one.index, name)}"
                for name, one in found
            ]
            raise AnnotationError(ambiguous(sample, "tag", sorted({first.index, other.index}), readings))
    return first, first_key


def _one_outside_mark(sample: Sample, column: Column, key: str | None) -> None:
    """Raise AnnotationError where tags that are O are written in several ways."""
    if column.spelling is None or len(column.marks) < 2:
        return
    places = {}
    for number, row in sample.numbered():
        places.setdefault(value_of(row[column.index], key), number)
    marks = " and ".join(f"{mark!r} (line {places.get(mark, '?')})" for mark in column.marks)
    raise AnnotationError(
        f"{sample.path}: column {column.index + 1} has several marks for no entity: {marks}; write O for "
        "what is none, "
        "and delete the rows that nobody annotated"
    )


def _token_column(sample: Sample, columns: list[Column], roles: list[str], tag: Column) -> int:
    named = next((i for i, known in enumerate(roles) if known == "token"), None)
    if named is not None:
        return named
    if (
        not sample.names
        and sample.width == CONLLU_WIDTH
        and is_word_numbers([row[0] for row in flat(sample.sentences)])
    ):
        return 1
    others = [column for column in columns if column.index != tag.index]
    rest = [column for column in others if column.kind == "words"]
    rest = rest or [column for column in others if column.kind == "pos"]
    if not rest and len(others) == 1 and (others[0].kind in ONLY_WORDS or others[0].values.keys() == {""}):
        rest = others
    if not rest:
        kinds = "; ".join(
            f"column {column.index + 1}: {KINDS.get(column.kind, column.kind)}" for column in others
        )
        option = columns_option(sample.width, others[0].index if others else 0, tag.index)
        raise AnnotationError(
            f"{sample.path}: no column holds words ({kinds}):{sample.shown()}\nname it: --columns={option}"
        )
    for column in rest[1:]:
        if len(column.values) > 1 and richness(column) > richness(rest[0]):
            readings = [
                f"column {one.index + 1} ({len(one.values)} different values): "
                f"--columns={columns_option(sample.width, one.index, tag.index)}"
                for one in (rest[0], column)
            ]
            raise AnnotationError(ambiguous(sample, "token", [rest[0].index, column.index], readings))
    return rest[0].index


def _affix(sample: Sample, token: int) -> str:
    """Return the pattern of tokens nearly all of which begin with one language's code (`en:Ana`, WikiANN), or
    are a character with its place in the word (`科0`, Weibo); else nothing.
    """
    words = [row[token].strip() for row in flat(sample.sentences)]
    most = max(2, 0.9 * len(words))
    code = re.match(LANGUAGE, words[0])
    if code and sum(word.startswith(code[0]) for word in words) > most:
        return f"{code[0]}(.*)"
    placed = [word for word in words if re.fullmatch(WITH_PLACE, word)]
    return WITH_PLACE if len(placed) > most and 2 * sum(not word.isascii() for word in placed) > most else ""


def _scheme(sample: Sample, tag: int, key: str | None, spelling: Spelling) -> str:
    scheme, parse = Scheme(), tag_parser(spelling)
    for sentence in sample.sentences:
        cells = [value_of(row[tag], key, spelling.outside) for row in sentence]
        scheme.watch(filter(None, map(parse, cells)))
    return scheme.name
