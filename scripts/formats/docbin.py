"""spaCy's own `.spacy` files (DocBin), made by `spacy convert` or another program."""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from scripts.formats.doc_annotation import ATTRS, CATS, SPANS, USER_DATA, DocAnnotation
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Fault, Record, Span, Unread, made_id
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.tags import Tag, Wrong, decode
from scripts.formats.words import words_record

if TYPE_CHECKING:
    from spacy.tokens import Doc, DocBin

NOTHING = (None, {}, b"", b"\x80", b"\x90")
"""How a DocBin stores that a document has no categories, spans or user data."""


class DocBinLayout(NamedTuple):
    """What a file holds: whether any entity, and which annotation for other components."""

    has_entities: bool
    also: tuple[str, ...]


def looks_like_docbin(head: bytes) -> bool:
    """Tell whether a file is zlib-packed msgpack that begins with DocBin's keys."""
    try:
        return b"version" in zlib.decompressobj().decompress(head, 64)
    except zlib.error:
        return False


def find_layout(file: RawFile, options: ReadOptions) -> DocBinLayout:
    """Look through the arrays of a file. Raises AnnotationError where it cannot be read."""
    import numpy
    from spacy.attrs import IDS

    whole = _open(str(file.path))
    if not whole.tokens:
        return DocBinLayout(False, ())
    in_all, after_first = (
        numpy.concatenate([tokens[first:] for tokens in whole.tokens]).any(axis=0) for first in (0, 1)
    )
    filled = {attr for attr, any_set in zip(whole.attrs, in_all, strict=True) if any_set}
    if IDS["SENT_START"] in filled and not after_first[whole.attrs.index(IDS["SENT_START"])]:
        filled.remove(IDS["SENT_START"])  # of a first token it is always known
    also = [name for name in ATTRS if IDS[name] in filled]
    beside = ((CATS, whole.cats), (SPANS, whole.span_groups), (USER_DATA, whole.user_data))
    also += [kind for kind, values in beside if any(value not in NOTHING for value in values)]
    return DocBinLayout(IDS["ENT_TYPE"] in filled, tuple(also))


def describe(layout: DocBinLayout) -> str:
    """Say what there is beside the entities."""
    return f"also carried: {', '.join(layout.also)}" if layout.also else ""


def split_docs(
    file: RawFile, layout: DocBinLayout, options: ReadOptions
) -> Iterator[tuple[int, tuple[str, int, int]]]:
    """Yield the number of each document, from 1. DocBin is no stream: the file is held in memory while it is read."""
    path = str(file.path)
    written = file.path.stat().st_mtime_ns
    yield from ((number, (path, written, number)) for number in range(1, len(_docs(path, written)) + 1))


@lru_cache(maxsize=1)
def _docs(path: str, written: int) -> list:
    """Read all documents of a file; a worker asks for one file's documents one after the other."""
    from spacy.vocab import Vocab

    whole = _open(path)
    try:
        return list(whole.get_docs(Vocab()))
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def _open(path: str) -> "DocBin":
    from spacy.tokens import DocBin

    try:
        return DocBin().from_disk(path)
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError, ArithmeticError)


def _unreadable(path: str, error: Exception) -> AnnotationError:
    return AnnotationError(f"{path}: cannot be read as a DocBin ({type(error).__name__}: {error})")


def count_entities(item: Item) -> Found:
    """Count what begins an entity by its tag, or the spans of a group that is named and entities beside them."""
    path, written, number = item.data
    try:
        doc = _docs(path, written)[number - 1]
        wanted = item.options.spans_field
        if wanted:
            named = {(span.start, span.end, span.label_) for span in doc.spans.get(wanted, ())}
            return Found(entities=len(named | set(_entities(doc)[0])))
        begun, before = 0, ("O", 0)
        for token in doc:
            tag = ("IIOB"[token.ent_iob], token.ent_type) if token.ent_type else ("O", 0)
            begun += tag[0] == "B" or (tag[0] == "I" and (before[0] == "O" or before[1] != tag[1]))
            before = tag
    except (LookupError, ValueError):  # the reader says so
        return Found()
    return Found(entities=begun)


@reads(
    "docbin",
    title="spaCy's `.spacy` files (DocBin): `doc.ents`, or by `spans_field` a group of `doc.spans`; tags, parses, categories, groups of spans and "
    "user data go to the shards as they are",
    example="(binary)",
    endings=(".spacy",),
    recognise=looks_like_docbin,
    prepare=find_layout,
    split=split_docs,
    found=count_entities,
    describe=describe,
    not_read="`NORM`; spans in `doc.spans` of a file without entities are an error until `spans_field` names their group or "
    "`accept` leaves them spans",
)
def read_docbin(item: Item) -> Record:
    """Read one document. Where it knows its spaces it is taken as text with spans, as spaCy's trainer takes it; else as tokens.

    Where it holds annotation for other components, that comes along and its tokens are kept: tags cannot be put
    on others. Tokens that say nothing of entities then stay so, as it may have been annotated for something else;
    in a document of entities alone they are taken for O.
    Entities are read from the tokens' tags: I without B is a fault, not spaCy's E093.
    """
    path, written, number = item.data
    try:
        return _record(item, _docs(path, written)[number - 1])
    except (LookupError, ValueError) as error:  # a hash that the file has no string for is found only now
        raise AnnotationError(
            f"{item.source}: the document is damaged ({type(error).__name__}: {error})"
        ) from None


def _record(item: Item, doc: "Doc") -> Record:
    tokens = list(doc)
    entities, wrong = _entities(doc)
    entities, unread = _choose(item, doc, entities)
    annotation = DocAnnotation(doc, entities_known=bool(item.options.spans_field))
    if not item.layout.also or not annotation.says_more:
        annotation = None
    faults = [
        Fault(code, item.source, f"token {token} {doc[token].text!r}: {detail}")
        for token, code, detail in wrong
    ]
    missing = sum(not token.ent_iob for token in tokens)
    if missing and annotation is None:
        faults.append(
            Fault(
                "missing-annotation", item.source, f"{missing} of {len(tokens)} tokens; they are taken for O"
            )
        )
    own = doc.user_data.get("id")
    id = made_id(item.source) if own is None else str(own)
    if not doc.has_unknown_spaces:
        spans = tuple(
            Span(doc[start].idx, doc[end - 1].idx + len(doc[end - 1]), label)
            for start, end, label in entities
        )
        whole = {
            "group": item.file_group,
            "faults": tuple(faults),
            "unread": unread,
            "annotation": annotation,
        }
        return Record(id=id, text=doc.text, spans=spans, source=item.source, **whole)
    words = [token.text for token in tokens]
    known = doc.has_annotation("SENT_START")
    starts = [i for i, token in enumerate(tokens) if i == 0 or (known and token.is_sent_start)]
    sentences = []
    for start, end in zip(starts, [*starts[1:], len(words)], strict=False):
        sentences.append(
            (
                words[start:end],
                None,
                [(s - start, e - start, label) for s, e, label in entities if start <= s < end],
            )
        )
    record = words_record(
        item.source,
        sentences,
        lang=item.options.lang,
        id=id,
        group=item.file_group,
        faults=faults,
        sentences_known=known,
    )
    return record._replace(unread=unread, annotation=annotation)


def _entities(doc: "Doc") -> tuple[list[tuple[int, int, str]], list[Wrong]]:
    """Return a document's entities by its tokens' tags, and the tags that are wrong; 0, missing, has no type."""
    return decode(
        [
            Tag("IIOB"[t.ent_iob], t.ent_type_) if t.ent_type_ and t.ent_iob_ != "O" else Tag("O", "")
            for t in doc
        ],
        "IOB2",
    )


def _choose(
    item: Item, doc: "Doc", entities: list[tuple[int, int, str]]
) -> tuple[list[tuple[int, int, str]], tuple[Unread, ...]]:
    """Return what counts as the entities: the tags', or those of a group that is named; and what then is left of the tags'.

    Raises AnnotationError where that group is missing, and where a file with spans and no entities leaves in doubt what counts.
    """
    groups = {
        key: list(dict.fromkeys((span.start, span.end, span.label_) for span in group))
        for key, group in doc.spans.items()
        if len(group)
    }
    wanted = item.options.spans_field
    if wanted:
        if wanted not in doc.spans and groups:
            raise AnnotationError(
                f"{item.source}: doc.spans has no group {wanted!r}, but {', '.join(groups)}; set --spans-field to one of them"
            )
        chosen = groups.get(wanted, [])
        labels = tuple(label for _, _, label in sorted(set(entities) - set(chosen)))
        return chosen, (
            Unread("other-spans", "entities of the document beside the spans that are read", labels=labels),
        ) if labels else ()
    if groups and not item.layout.has_entities and "other-spans" not in item.options.accept:
        counts = ", ".join(f"{key!r} ({len(spans)} spans)" for key, spans in groups.items())
        raise AnnotationError(
            f"{item.source}: the file has no entities, but doc.spans holds spans: {counts}; take a group for the entities by "
            f"--spans-field={next(iter(groups))}, or keep them as spans alone by --accept=other-spans"
        )
    return entities, ()
