"""Chunks: some raw documents that are read, converted and written together, whatever process does it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spacy.tokenizer import Tokenizer

from scripts.corpus.convert import Note, align, cut, make_doc
from scripts.corpus.ledger import Ledger
from scripts.corpus.settings import Settings
from scripts.corpus.shards import Document, ShardWriter
from scripts.corpus.tokenizer import cached_tokenizer
from scripts.formats.doc_annotation import SPANS, USER_DATA, describe_counts
from scripts.formats.offsets import Offsets, settle, weigh
from scripts.formats.record import AnnotationError, Record, Source, Span
from scripts.formats.registry import Item, Opened, formats, items, records_of

CHUNK_DOCUMENTS = 2000
CHUNK_BYTES = 4 * 2**20
"""A chunk ends with the document that reaches one of these: small enough to hold in memory, large enough to be worth sending."""
WEIGHED = 200
"""So many documents of a chunk tell whether offsets count from 1 or to an inclusive end; where characters, bytes and line ends may count
otherwise, every document is asked."""
EXCERPT = 100
"""Characters on each side of a span, in rejects.jsonl."""
LARGEST_EXCERPT = 10_000
LOST_BY_CUTS = {
    "DEP": ("head-cut", "the head stands in another part of the document"),
    SPANS: ("span-cut", "the span reaches into another part of the document"),
    USER_DATA: ("user-data-cut", "it may point to characters, and the document was cut"),
}
"""What a cut between two sentences or, where none starts in time, two tokens can take away: reason and explanation."""

Evidence = dict[str, Counter[str]]
"""What the spans of each file say of the units that they are counted in (`offsets.weigh`)."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some raw documents of one split, in order, each with the name of its format.

    read: how many bytes of the split's files are read with it.
    """

    index: int
    split: str
    documents: list[tuple[str, Item]]
    read: int

    def records(
        self, settings: Settings, evidence: Evidence | None = None
    ) -> Iterator[tuple[Item, Record | AnnotationError]]:
        """Yield each document as its format's reader wants it, with its record or the error where it cannot be read."""
        weighed = 0 if evidence is not None and settings.offsets is Offsets.auto else None
        for name, item in self.documents:
            format, path = formats()[name], item.source.path
            together = Path(path).parent.as_posix() if format.beside else path
            try:
                records = records_of(item, format)
            except AnnotationError as error:
                yield item, error
                continue
            for record in records:
                if weighed is not None and record.spans and record.words is None:
                    if weighed < WEIGHED or not record.text.isascii() or "\r" in record.text:
                        weigh(record, evidence.setdefault(together, Counter()))
                    weighed += 1
                yield item, settle(record, settings.offsets)

    def readable(
        self, settings: Settings, evidence: Evidence | None = None
    ) -> list[tuple[Item, Record | AnnotationError]]:
        """Return `records`. Raises AnnotationError where one cannot be read, unless the settings let such be rejected."""
        found = list(self.records(settings, evidence))
        errors = [record for _, record in found if isinstance(record, AnnotationError)]
        if errors and settings.on_error == "stop":
            also = f" (and {len(errors) - 1} more near it)" if len(errors) > 1 else ""
            raise AnnotationError(f"{errors[0]}{also}. To go on without such records set --on-error=reject")
        return found


def cut_into_chunks(files: dict[str, list[Opened]], settings: Settings) -> Iterator[Chunk]:
    """Cut raw files into chunks; where the cuts are depends on the files alone.

    Raises AnnotationError where a file cannot be read or holds no document.
    """
    index = 0
    for split, opened in files.items():
        documents: list[tuple[str, Item]] = []
        size = done = 0
        for file in opened:
            item = None
            for item, read in items(file, settings.read_options):
                documents.append((file.format.name, item))
                data = item.data if isinstance(item.data, tuple) else (item.data,)
                size += sum(len(part) for part in data if isinstance(part, bytes))
                if len(documents) == CHUNK_DOCUMENTS or size >= CHUNK_BYTES:
                    yield Chunk(index, split, documents, done + read)
                    index, documents, size = index + 1, [], 0
            if item is None:
                raise AnnotationError(
                    f"{file.path}: holds no document; write one, or leave the variable empty"
                )
            done += file.path.stat().st_size
        if documents:
            yield Chunk(index, split, documents, done)
            index += 1


@dataclass(slots=True)
class Part:
    """What one chunk gives to one split: shards, the ledger of them, rows of rejects and repairs, and where spaces are from."""

    split: str
    ledger: Ledger = field(default_factory=Ledger)
    shards: list[dict] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    spaces: dict[str, int] = field(default_factory=lambda: {"original": 0, "given": 0, "rebuilt": 0})

    def row(self, kind: str, reason: str, source: Source, id: str | None = None, **further: object) -> None:
        """Write a line of rejects or repairs."""
        row = (
            {"split": self.split, "source": str(source)}
            | ({} if id is None else {"id": id})
            | {"reason": reason}
        )
        getattr(self, kind).append(json.dumps(row | further, ensure_ascii=False) + "\n")


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a chunk. ids: each document's place and id."""

    split: str
    parts: list[Part]
    ids: list[tuple[Source, str]]
    evidence: Evidence


def convert_chunk(
    chunk: Chunk, drawn: bytes | None, splits: tuple[str, ...], folder: Path, settings: Settings
) -> Converted:
    """Convert a chunk's documents and write their shards.

    drawn: for each document the index in `splits` of where it goes; None: all go to the chunk's split.
    Raises AnnotationError where a record cannot be read and `settings.on_error` is `stop`.
    """
    tokenizer = cached_tokenizer(settings.lang)
    converters = {
        split: _Converter(split, ShardWriter(folder / split, chunk.index), settings) for split in splits
    }
    evidence: Evidence = {}
    ids = []
    for i, (item, record) in enumerate(chunk.readable(settings, evidence)):
        converter = converters[splits[drawn[i]] if drawn is not None else chunk.split]
        if isinstance(record, AnnotationError):
            converter.reject_unreadable(item, record)
        else:
            converter.add(record, tokenizer)
            ids.append((item.source, record.id))
    return Converted(chunk.split, [converter.close() for converter in converters.values()], ids, evidence)


class _Converter:
    """Converts records, writes their documents, and notes in a Part what does not come along."""

    def __init__(self, split: str, writer: ShardWriter, settings: Settings) -> None:
        self._part = Part(split)
        self._writer = writer
        self._settings = settings

    def close(self) -> Part:
        """Write what is left; return the part, whose ledger balances."""
        self._writer.close()
        self._part.ledger.stages["sharded"] = self._writer.count
        self._part.ledger.check()
        self._part.shards = self._writer.shards
        return self._part

    def reject_unreadable(self, item: Item, error: AnnotationError) -> None:
        """Count and keep a document that could not be read."""
        self._part.ledger.stages["read"].documents += 1
        self._part.ledger.note("losses", "aligned", "unreadable", str(item.source), documents=1)
        self._part.row("rejects", "unreadable", item.source, detail=str(error), text=_raw_text(item))

    def add(self, record: Record, tokenizer: Tokenizer) -> None:
        """Convert a record; what does not come along goes to ledger and rejects."""
        part, ledger = self._part, self._part.ledger
        labels = [span.label for span in record.spans]
        labels += [fault.span.label for fault in record.faults if fault.span is not None]
        tokens = None if record.words is None else len(record.words)
        other = None if record.annotation is None else +record.annotation.whole.counts
        ledger.stages["read"].add(tokens=tokens, labels=labels, other=other)
        self._note_unread(record)
        if record.excluded or not record.text:
            reason, place = record.excluded or "empty text", f"{record.source} ({record.id})"
            ledger.note(
                "losses", "aligned", reason, place, documents=1, tokens=tokens, labels=labels, other=other
            )
            part.row("rejects", reason, record.source, record.id, text=record.text)
            return
        doc = make_doc(record, tokenizer)
        spans, losses, repairs = align(record, doc, self._settings)
        self._note(record, losses, repairs)
        ledger.stages["aligned"].add(tokens=len(doc), labels=[span.label for span in spans], other=other)
        part.spaces[
            "original" if record.words is None else "given" if record.spaces_given else "rebuilt"
        ] += 1
        line_of = record.line_of if record.words is None else {}
        lines = tuple(line_of[id(span)] for span in spans) if line_of else ()
        document = Document(
            doc,
            0,
            len(doc),
            record.id,
            str(record.source),
            record.words is not None,
            record.group,
            lines,
            record.annotation,
        )
        if not 0 < self._settings.max_tokens < len(doc):
            self._writer.add(document)
        else:
            self._add_cut(record, document)

    def _add_cut(self, record: Record, document: Document) -> None:
        """Cut a document, and note it."""
        doc, ledger, max_tokens = document.doc, self._part.ledger, self._settings.max_tokens
        ranges, inside = cut(doc, max_tokens)
        place = f"{record.source} ({record.id})"
        more = None if record.annotation is None else self._note_lost_by_cuts(record, ranges)
        what = f"{place}: {len(doc):,} tokens in {len(ranges)} parts"
        ledger.note("additions", "sharded", "cut", what, documents=len(ranges) - 1, other=more)
        for token in inside:
            around = (doc[max(0, token - 3) : token], doc[token : token + 3])
            before, after = (" ".join(word.text for word in words) for words in around)
            why = f"between {before!r} and {after!r}: no sentence starts within {max_tokens:,} tokens"
            ledger.note("repairs", "sharded", "cut-in-sentence", f"{place}: {why}")
            self._part.row("repairs", "cut-in-sentence", record.source, record.id, detail=why)
        for number, (start, end) in enumerate(ranges, start=1):
            self._writer.add(document._replace(start=start, end=end, id=f"{record.id}#{number}"))

    def _note_lost_by_cuts(self, record: Record, ranges: list[tuple[int, int]]) -> Counter[str]:
        """Note what cuts take away of other annotation; return what there is more of: each part has the categories."""
        whole = record.annotation.whole.counts
        left = sum((record.annotation.of(*tokens).counts for tokens in ranges), Counter())
        for kind, number in (whole - left).items():
            reason, detail = LOST_BY_CUTS[kind]
            lost = describe_counts({kind: number})
            place = f"{record.source} ({record.id}): {lost}"
            self._part.ledger.note("losses", "sharded", reason, place, other={kind: number})
            self._part.row("rejects", reason, record.source, record.id, detail=f"{lost}: {detail}")
        return left - whole

    def _note_unread(self, record: Record) -> None:
        """Note what stands in the data and was not read; annotations among it go to the rejects."""
        for unread in record.unread:
            place = f"{record.source} ({record.id}): {unread.detail}"
            self._part.ledger.note(
                "losses", "read", unread.reason, place, tokens=unread.tokens, labels=unread.labels
            )
            for label in (
                () if record.excluded else unread.labels
            ):  # its row among the rejects tells all of it
                self._part.row(
                    "rejects", unread.reason, record.source, record.id, detail=unread.detail, label=label
                )

    def _note(self, record: Record, losses: list[Note], repairs: list[Note]) -> None:
        """Note what happened to spans, and faults of the record in which nothing was lost."""
        part = self._part
        for fault in record.faults:
            if fault.span is None:
                place = f"{fault.source} ({record.id}): {fault.detail}"
                part.ledger.note("repairs", "aligned", fault.code, place)
                part.row("repairs", fault.code, fault.source, record.id, detail=fault.detail)
        if not (losses or repairs):
            return
        lines = record.line_of | {id(f.span): f.source.line for f in record.faults if f.span is not None}
        for kind, rows, notes in (("losses", "rejects", losses), ("repairs", "repairs", repairs)):
            for note in notes:
                start, end, label = note.span
                surface = record.text[max(0, start) : max(0, end)]
                line = lines.get(id(note.span))
                source = record.source if line is None else Source(record.source.path, line)
                place = f"{source} ({record.id}): {surface[:80]!r} {label} ({start}–{end}): {note.detail}"
                part.ledger.note(kind, "aligned", note.code, place, labels=[label])
                span = note.span._asdict() | {"text": surface}
                excerpt = _excerpt(record.text, note.span)
                part.row(rows, note.code, source, record.id, detail=note.detail, span=span, text=excerpt)


def _raw_text(item: Item) -> str:
    parts = item.data if isinstance(item.data, tuple) else (item.data,)
    text = "\n".join(
        part.decode("utf-8", "backslashreplace") if isinstance(part, bytes) else str(part) for part in parts
    )
    return text if len(text) <= LARGEST_EXCERPT else text[:LARGEST_EXCERPT] + "…"


def _excerpt(text: str, span: Span) -> str:
    return text[max(0, span.start - EXCERPT) : max(0, min(span.end, span.start + LARGEST_EXCERPT) + EXCERPT)]
