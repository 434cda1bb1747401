"""spaCy's own `.spacy` files (DocBin), made by `spacy convert` or another program."""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scripts.annotations.raw_file import RawFile
from scripts.annotations.record import AnnotationError, Fault, Record, Span, made_id
from scripts.annotations.registry import Item, ReadOptions, reads
from scripts.annotations.tags import Tag, decode
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


@reads(
    "docbin",
    title="spaCy's `.spacy` files (DocBin)",
    example="(binary)",
    endings=(".spacy",),
    recognise=looks_like_docbin,
    split=split_docs,
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
    tags = [Tag("IIOB"[t.ent_iob], t.ent_type_) if t.ent_type_ and t.ent_iob_ != "O" else Tag("O", "") for t in tokens]  # 0, missing, has no type
    entities, wrong = decode(tags, "IOB2")
    faults = [Fault(code, item.source, f"token {token} {doc[token].text!r}: {detail}") for token, code, detail in wrong]
    missing = sum(not token.ent_iob for token in tokens)
    if missing:
        faults.append(Fault("missing-annotation", item.source, f"{missing} of {len(tokens)} tokens; they are taken for O"))
    own = doc.user_data.get("id")
    id = made_id(item.source) if own is None else str(own)
    if not doc.has_unknown_spaces:
        spans = tuple(Span(doc[start].idx, doc[end - 1].idx + len(doc[end - 1]), label) for start, end, label in entities)
        return Record(id=id, text=doc.text, spans=spans, source=item.source, group=item.file_group, faults=tuple(faults))
    words = [token.text for token in tokens]
    known = doc.has_annotation("SENT_START")
    starts = [i for i, token in enumerate(tokens) if i == 0 or (known and token.is_sent_start)]
    sentences = []
    for start, end in zip(starts, [*starts[1:], len(words)], strict=False):
        sentences.append((words[start:end], None, [(s - start, e - start, label) for s, e, label in entities if start <= s < end]))
    return words_record(item.source, sentences, lang=item.options.lang, id=id, group=item.file_group, faults=faults, sentences_known=known)
