"""spaCy's own `.spacy` files (DocBin), made by `spacy convert` or another program."""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scripts.annotations.raw_file import RawFile
from scripts.annotations.record import AnnotationError, Fault, Record, Span, Unread, made_id
from scripts.annotations.registry import Found, Item, ReadOptions, reads
from scripts.annotations.tags import Tag, Wrong, decode
from scripts.annotations.words import words_record

if TYPE_CHECKING:
    from spacy.tokens import Doc


def looks_like_docbin(head: bytes) -> bool:
    """Tell whether a file is zlib-packed msgpack that begins with DocBin's keys."""
    try:
        return b"version" in zlib.decompressobj().decompress(head, 64)
    except zlib.error:
        return False


def split_docs(file: RawFile, layout: Any, options: ReadOptions) -> Iterator[tuple[int, tuple[str, int, int]]]:
    """Yield the number of each document, from 1. DocBin is no stream: the file is held in memory while it is read."""
    path = str(file.path)
    written = file.path.stat().st_mtime_ns
    yield from ((number, (path, written, number)) for number in range(1, len(_docs(path, written)) + 1))


@lru_cache(maxsize=1)
def _docs(path: str, written: int) -> list:
    """Read all documents of a file; a worker asks for one file's documents one after the other."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        return list(DocBin().from_disk(path).get_docs(Vocab()))
    except (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError, ArithmeticError) as error:
        raise AnnotationError(f"{path}: cannot be read as a DocBin ({type(error).__name__}: {error})") from None


def count_entities(item: Item) -> Found:
    """Count what begins an entity by its tag, and the spans of `doc.spans` that are no entity."""
    path, written, number = item.data
    try:
        doc = _docs(path, written)[number - 1]
        begun, before = 0, ("O", 0)
        for token in doc:
            tag = ("IIOB"[token.ent_iob], token.ent_type) if token.ent_type else ("O", 0)
            begun += tag[0] == "B" or (tag[0] == "I" and (before[0] == "O" or before[1] != tag[1]))
            before = tag
        others = {(span.start, span.end, span.label_) for group in doc.spans.values() for span in group}
        others -= {tuple(entity) for entity in _entities(doc)[0]}
    except (LookupError, ValueError):  # the reader says so
        return Found()
    return Found(entities=begun + len(others))


@reads(
    "docbin",
    title="spaCy's `.spacy` files (DocBin): `doc.ents`, or by `spans_field` a group of `doc.spans`",
    example="(binary)",
    endings=(".spacy",),
    recognise=looks_like_docbin,
    split=split_docs,
    found=count_entities,
    not_read="tags, parses and categories; spans in `doc.spans` are an error until `spans_field` names their group or `accept` leaves them out",
)
def read_docbin(item: Item) -> Record:
    """Read one document. Where it knows its spaces it is taken as text with spans, as spaCy's trainer takes it; else as tokens.

    Entities are read from the tokens' tags: I without B is a fault, not spaCy's E093.
    """
    path, written, number = item.data
    try:
        return _record(item, _docs(path, written)[number - 1])
    except (LookupError, ValueError) as error:  # a hash that the file has no string for is found only now
        raise AnnotationError(f"{item.source}: the document is damaged ({type(error).__name__}: {error})") from None


def _record(item: Item, doc: "Doc") -> Record:
    tokens = list(doc)
    entities, wrong = _entities(doc)
    entities, unread = _choose(item, doc, entities)
    faults = [Fault(code, item.source, f"token {token} {doc[token].text!r}: {detail}") for token, code, detail in wrong]
    missing = sum(not token.ent_iob for token in tokens)
    if missing:
        faults.append(Fault("missing-annotation", item.source, f"{missing} of {len(tokens)} tokens; they are taken for O"))
    own = doc.user_data.get("id")
    id = made_id(item.source) if own is None else str(own)
    if not doc.has_unknown_spaces:
        spans = tuple(Span(doc[start].idx, doc[end - 1].idx + len(doc[end - 1]), label) for start, end, label in entities)
        return Record(id=id, text=doc.text, spans=spans, source=item.source, group=item.file_group, faults=tuple(faults), unread=unread)
    words = [token.text for token in tokens]
    known = doc.has_annotation("SENT_START")
    starts = [i for i, token in enumerate(tokens) if i == 0 or (known and token.is_sent_start)]
    sentences = []
    for start, end in zip(starts, [*starts[1:], len(words)], strict=False):
        sentences.append((words[start:end], None, [(s - start, e - start, label) for s, e, label in entities if start <= s < end]))
    record = words_record(item.source, sentences, lang=item.options.lang, id=id, group=item.file_group, faults=faults, sentences_known=known)
    return record._replace(unread=unread)


def _entities(doc: "Doc") -> tuple[list[tuple[int, int, str]], list[Wrong]]:
    """Return a document's entities by its tokens' tags, and the tags that are wrong; 0, missing, has no type."""
    return decode([Tag("IIOB"[t.ent_iob], t.ent_type_) if t.ent_type_ and t.ent_iob_ != "O" else Tag("O", "") for t in doc], "IOB2")


def _choose(item: Item, doc: "Doc", entities: list[tuple[int, int, str]]) -> tuple[list[tuple[int, int, str]], tuple[Unread, ...]]:
    """Return what counts as the entities: the tags', or those of the group that is named; and what else is in `doc.spans`.

    Raises AnnotationError where other spans are there and nothing says what counts.
    """
    groups = {key: list(dict.fromkeys((span.start, span.end, span.label_) for span in group)) for key, group in doc.spans.items() if len(group)}
    wanted = item.options.spans_field
    if wanted and wanted not in doc.spans and groups:
        raise AnnotationError(f"{item.source}: doc.spans has no group {wanted!r}, but {', '.join(groups)}; set --spans-field to one of them")
    chosen = groups.get(wanted, []) if wanted else entities
    others = {span for spans in (*groups.values(), entities) for span in spans} - set(chosen)
    if others and not wanted and "other-spans" not in item.options.accept:
        counts = ", ".join(f"{key!r} ({len(spans)} spans)" for key, spans in groups.items())
        raise AnnotationError(
            f"{item.source}: doc.spans holds spans that are no entities of the document: {counts}; take a group for the entities by "
            f"--spans-field={next(iter(groups))}, or leave them out by --accept=other-spans"
        )
    labels = tuple(label for _, _, label in sorted(others))
    return chosen, (Unread("other-spans", "spans of the document beside those that are read", labels=labels),) if labels else ()
