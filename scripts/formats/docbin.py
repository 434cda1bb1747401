"""spaCy's own `.spacy` files (DocBin), made by `spacy convert` or another program."""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scripts.formats.doc_annotation import ATTRS, CATS, SPANS, USER_DATA, DocAnnotation
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Fault, Record, Span, Unread, fail, made_id
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.tags import Tag, decode
from scripts.formats.words import words_record

if TYPE_CHECKING:
    from spacy.tokens import Doc

UNREADABLE = (OSError, ValueError, LookupError, TypeError, EOFError, AttributeError, ArithmeticError)


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
    """Look through all documents. Raises AnnotationError where the file cannot be read."""
    docs = _docs(file.path, file.path.stat().st_mtime_ns)
    also = [name for name in ATTRS if any(_has(doc, name) for doc in docs)]
    also += [name for name in (CATS, SPANS, USER_DATA) if any(getattr(doc, name) for doc in docs)]
    return DocBinLayout(any(_has(doc, "ENT_TYPE") for doc in docs), tuple(also))


def _has(doc: "Doc", name: str) -> bool:
    """Tell whether an attribute is set; sentences alone are always known of a first token."""
    return len(doc) > (name == "SENT_START") and doc.has_annotation(name)


def split_docs(file: RawFile, layout: DocBinLayout, options: ReadOptions) -> Iterator[tuple[int, tuple]]:
    """Yield each document's number, from 1. DocBin is no stream: the whole file is held while it is read."""
    written = file.path.stat().st_mtime_ns
    yield from ((n, (file.path, written, n)) for n in range(1, len(_docs(file.path, written)) + 1))


@lru_cache(maxsize=1)
def _docs(path: Path, written: int) -> list["Doc"]:
    """Read all documents of a file; a worker asks for one file's documents one after the other."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        return list(DocBin().from_disk(path).get_docs(Vocab()))
    except UNREADABLE as error:
        what = f"cannot be read as a DocBin ({type(error).__name__}: {error})"
        raise AnnotationError(f"{path}: {what}") from None


def count_entities(item: Item) -> Found:
    """Count what begins an entity by its tag, and the spans of the group that is named."""
    path, written, number = item.data
    begun = 0
    try:
        doc = _docs(path, written)[number - 1]
        if wanted := item.options.spans_field:
            named = {(span.start, span.end, span.label_) for span in doc.spans.get(wanted, ())}
            return Found(entities=len(named | set(_entities(doc)[0])))
        inside, label = False, 0
        for token in doc:
            tagged = token.ent_type != 0 and token.ent_iob != 2
            begun += tagged and (token.ent_iob == 3 or not inside or token.ent_type != label)
            inside, label = tagged, token.ent_type
    except (LookupError, ValueError):  # the reader says so
        return Found()
    return Found(entities=begun)


@reads(
    "docbin",
    title="spaCy's `.spacy` files (DocBin): `doc.ents`, or by `spans_field` a group of `doc.spans`; tags, "
    "parses, categories, groups of spans and user data go to the shards as they are",
    example="(binary)",
    endings=(".spacy",),
    recognise=looks_like_docbin,
    prepare=find_layout,
    split=split_docs,
    found=count_entities,
    describe=lambda layout: f"also carried: {', '.join(layout.also)}" if layout.also else "",
    not_read="`NORM`; spans in `doc.spans` of a file without entities are an error until `spans_field` names "
    "their group or `accept` leaves them spans",
)
def read_docbin(item: Item) -> Record:
    """Read one document: as text with spans where it knows its spaces; else as tokens.

    With annotation for other components tokens are kept, those without annotation of entities too; else these
    are taken for O. Entities are read from the tokens' tags: I without B is a fault, not spaCy's E093.
    """
    path, written, number = item.data
    try:
        return _record(item, _docs(path, written)[number - 1])
    except (LookupError, ValueError) as error:  # a hash that the file has no string for is found only now
        what = f"the document is damaged ({type(error).__name__}: {error})"
        raise AnnotationError(f"{item.source}: {what}") from None


def _record(item: Item, doc: "Doc") -> Record:
    tagged, wrong = _entities(doc)
    entities, unread = _choose(item, doc, tagged)
    annotation = DocAnnotation(doc, entities_known=bool(item.options.spans_field))
    if not item.layout.also or not annotation.says_more:
        annotation = None
    faults = [
        Fault(code, item.source, f"token {token} {doc[token].text!r}: {detail}")
        for token, code, detail in wrong
    ]
    missing = sum(not token.ent_iob for token in doc)
    if missing and annotation is None:
        detail = f"{missing} of {len(doc)} tokens; they are taken for O"
        faults.append(Fault("missing-annotation", item.source, detail))
    given = doc.user_data.get("id")
    id = made_id(item.source) if given is None else str(given)
    if doc.has_unknown_spaces:
        known, sentences = doc.has_annotation("SENT_START"), []
        starts = [token.i for token in doc if token.i == 0 or (known and token.is_sent_start)]
        for start, end in pairwise([*starts, len(doc)]):  # an entity belongs to the sentence where it starts
            inside = [(s - start, e - start, label) for s, e, label in entities if start <= s < end]
            sentences.append(([token.text for token in doc[start:end]], None, inside))
        record = words_record(item.source, sentences, lang=item.options.lang, sentences_known=known)
    else:
        spans = tuple(Span(doc[s].idx, doc[e - 1].idx + len(doc[e - 1]), label) for s, e, label in entities)
        record = Record(id, doc.text, spans, item.source)
    return record._replace(id=id, faults=tuple(faults), unread=unread, annotation=annotation)


def _entities(doc: "Doc") -> tuple[list[tuple[int, int, str]], list[tuple]]:
    """Return a document's entities by its tokens' tags, and the tags that are wrong; 0 is missing."""
    tags = [
        Tag("IIOB"[token.ent_iob], token.ent_type_)
        if token.ent_type_ and token.ent_iob != 2
        else Tag("O", "")
        for token in doc
    ]
    return decode(tags, "IOB2")


def _choose(item: Item, doc: "Doc", entities: list) -> tuple[list, tuple[Unread, ...]]:
    """Return what counts as the entities, the tags' or a named group's, and what is left of the tags'."""
    groups = {
        key: list(dict.fromkeys((span.start, span.end, span.label_) for span in group))
        for key, group in doc.spans.items()
        if len(group)
    }
    wanted = item.options.spans_field
    if wanted and wanted not in doc.spans and groups:
        what = f"doc.spans has no group {wanted!r}, but {', '.join(groups)}"
        fail(item.source, what, "set --spans-field to one of them")
    if wanted:
        chosen = groups.get(wanted, [])
        labels = tuple(label for _, _, label in sorted(set(entities) - set(chosen)))
        detail = "entities of the document beside the spans that are read"
        return chosen, (Unread("other-spans", detail, labels=labels),) if labels else ()
    if groups and not item.layout.has_entities and "other-spans" not in item.options.accept:
        counts = ", ".join(f"{key!r} ({len(spans)} spans)" for key, spans in groups.items())
        what = f"the file has no entities, but doc.spans holds spans: {counts}"
        remedy = f"take a group for the entities by --spans-field={next(iter(groups))}"
        fail(item.source, what, f"{remedy}, or keep them as spans alone by --accept=other-spans")
    return entities, ()
