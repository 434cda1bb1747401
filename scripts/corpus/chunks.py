"""Chunks: some raw documents that are read, converted and written together, whatever process does it."""

import gc
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from spacy.tokenizer import Tokenizer

from scripts.corpus.convert import align, cut, make_doc, sentence_starts
from scripts.corpus.ledger import Ledger
from scripts.corpus.settings import Settings
from scripts.corpus.shards import Document, write_shards
from scripts.corpus.tokenizer import cached_tokenizer
from scripts.formats.doc_annotation import SPANS, USER_DATA, describe_counts
from scripts.formats.offsets import settle, weigh
from scripts.formats.record import AnnotationError, Fault, Record, Source
from scripts.formats.registry import Item, Opened, formats, items, records_of

CHUNK_DOCUMENTS = 2000
CHUNK_BYTES = 4 * 2**20
"""A chunk ends with the document that reaches one of these: small in memory, and worth sending elsewhere."""
EXCERPT = 100
"""Characters on each side of a span, in rejects.jsonl."""
LARGEST_EXCERPT = 10_000
LOST_BY_CUTS = {
    "DEP": ("head-cut", "the head stands in another part of the document"),
    SPANS: ("span-cut", "the span reaches into another part of the document"),
    USER_DATA: ("user-data-cut", "it may point to characters, and the document was cut"),
}
"""What a cut can take away: reason and explanation."""

Evidence = dict[str, Counter[str]]
"""What the spans of each file say of the units that they are counted in (`offsets.weigh`)."""


class Chunk(NamedTuple):
    """Some raw documents of one split, in order, each with the name of its format.

    read: how many bytes of the split's files are read with it.
    """

    index: int
    split: str
    documents: list[tuple[str, Item]]
    read: int

    def records(self, settings: Settings, evidence: Evidence) -> list[tuple[Item, Record | AnnotationError]]:
        """Return each document as it stands in its file, with its record or why it cannot be read.

        Raises AnnotationError where there is one of those, unless such are rejected.
        """
        found: list[tuple[Item, Record | AnnotationError]] = []
        for name, item in self.documents:
            format, path = formats()[name], item.source.path
            together = Path(path).parent.as_posix() if format.beside else path
            try:
                records = records_of(item, format)
            except AnnotationError as error:
                found.append((item, error))
                continue
            for record in records:
                if settings.offsets == "auto" and record.spans and record.words is None:
                    weigh(record, evidence.setdefault(together, Counter()))
                found.append((item, settle(record, settings.offsets)))
        errors = [error for _, error in found if isinstance(error, AnnotationError)]
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
                size += sum(len(part) for part in _parts(item) if isinstance(part, bytes))
                if len(documents) == CHUNK_DOCUMENTS or size >= CHUNK_BYTES:
                    yield Chunk(index, split, documents, done + read)
                    index, documents, size = index + 1, [], 0
            if item is None:
                why = "holds no document; write one, or leave the variable empty"
                raise AnnotationError(f"{file.path}: {why}")
            done += file.path.stat().st_size
        if documents:
            yield Chunk(index, split, documents, done)
            index += 1


@dataclass(slots=True)
class Part:
    """What one chunk gives to one split. rejects, repairs: lines of JSON. spaces: where they are from."""

    split: str
    settings: Settings
    ledger: Ledger = field(default_factory=Ledger)
    shards: list[dict] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    spaces: Counter[str] = field(default_factory=lambda: Counter(original=0, given=0, rebuilt=0))
    documents: list[Document] = field(default_factory=list)

    def note(
        self,
        kind: str,
        stage: str,
        reason: str,
        source: Source | str,
        id: str | None = None,
        detail: str = "",
        *,
        shown: str = "",
        rows: Iterable[dict] = ({},),
        **counts,
    ) -> None:
        """Note a change in the ledger, and in a row of rejects or repairs each of the fields in `rows`.

        shown: what stands in the ledger for the detail. counts: see `Ledger.note`.
        """
        place = f"{source}" if id is None else f"{source} ({id})"
        self.ledger.note(kind, stage, reason, f"{place}: {shown or detail}" if detail else place, **counts)
        row = {"split": self.split, "source": str(source), "id": id, "reason": reason, "detail": detail}
        row = {key: value for key, value in row.items() if value}
        lines = [json.dumps(row | further, ensure_ascii=False) + "\n" for further in rows]
        if kind != "additions":
            (self.rejects if kind == "losses" else self.repairs).extend(lines)

    def reject_unreadable(self, item: Item, error: AnnotationError) -> None:
        """Count and keep a document that could not be read."""
        self.ledger.stages["read"].documents += 1
        text = "\n".join(
            part.decode("utf-8", "backslashreplace") if isinstance(part, bytes) else str(part)
            for part in _parts(item)
        )
        text = text if len(text) <= LARGEST_EXCERPT else f"{text[:LARGEST_EXCERPT]}…"
        row = {"detail": str(error), "text": text}
        self.note("losses", "aligned", "unreadable", item.source, rows=[row], documents=1)

    def add(self, record: Record, tokenizer: Tokenizer) -> None:
        """Convert a record; what does not come along is noted."""
        faulty = [fault.span.label for fault in record.faults if fault.span is not None]
        read = {"labels": [*(span.label for span in record.spans), *faulty]}
        read["tokens"] = None if record.words is None else len(record.words)
        read["other"] = other = None if record.annotation is None else +record.annotation.whole.counts
        self.ledger.stages["read"].add(**read)
        for reason, detail, tokens, labels in record.unread:
            rows = [] if record.excluded else [{"label": label} for label in labels]  # else its row tells all
            place = (record.source, record.id, detail)
            self.note("losses", "read", reason, *place, rows=rows, tokens=tokens, labels=labels)
        if record.excluded or not record.text:
            reason, row = record.excluded or "empty text", {"text": record.text}
            self.note("losses", "aligned", reason, record.source, record.id, rows=[row], documents=1, **read)
            return
        doc = make_doc(record, tokenizer)
        spans, losses, repairs = align(record, doc, self.settings)
        self._note_faults(record, "losses", losses)
        self._note_faults(record, "repairs", repairs)
        self.ledger.stages["aligned"].add(tokens=len(doc), labels=[span.label for span in spans], other=other)
        spaces = "original" if record.words is None else "given" if record.spaces_given else "rebuilt"
        self.spaces[spaces] += 1
        line_of = record.line_of if record.words is None else {}
        lines = tuple(line_of[id(span)] for span in spans) if line_of else ()
        place = (0, len(doc), record.id, str(record.source), record.words is not None, record.group)
        document = Document(doc, *place, sentence_starts(record), lines, record.annotation)
        if 0 < self.settings.max_tokens < len(doc):
            self._add_cut(record, document)
        else:
            self.documents.append(document)

    def _add_cut(self, record: Record, document: Document) -> None:
        """Cut a document, and note it."""
        doc, max_tokens = document.doc, self.settings.max_tokens
        ranges, inside = cut(doc, max_tokens, document.sent_starts)
        more = self._note_lost_by_cuts(record, ranges)
        what, new = f"{len(doc):,} tokens in {len(ranges)} parts", len(ranges) - 1
        self.note("additions", "sharded", "cut", record.source, record.id, what, documents=new, other=more)
        for token in inside:
            around = (doc[max(0, token - 3) : token], doc[token : token + 3])
            before, after = (" ".join(word.text for word in words) for words in around)
            why = f"between {before!r} and {after!r}: no sentence starts within {max_tokens:,} tokens"
            self.note("repairs", "sharded", "cut-in-sentence", record.source, record.id, why)
        for number, (start, end) in enumerate(ranges, start=1):
            self.documents.append(document._replace(start=start, end=end, id=f"{record.id}#{number}"))

    def _note_lost_by_cuts(self, record: Record, ranges: list[tuple[int, int]]) -> Counter[str]:
        """Note what cuts take away of other annotation; return what there is more of, categories."""
        if record.annotation is None:
            return Counter()
        whole = record.annotation.whole.counts
        left = sum((record.annotation.of(*tokens).counts for tokens in ranges), Counter())
        for kind, number in (whole - left).items():
            (reason, why), other = LOST_BY_CUTS[kind], {kind: number}
            lost = describe_counts(other)
            place = (record.source, record.id, f"{lost}: {why}")
            self.note("losses", "sharded", reason, *place, shown=lost, other=other)
        return left - whole

    def _note_faults(self, record: Record, kind: str, faults: list[Fault]) -> None:
        """Note what happened to spans, or is wrong beside them."""
        for fault in faults:
            more = {}
            if fault.span is not None:
                start, end, label = fault.span
                surface = record.text[max(0, start) : max(0, end)]
                around = slice(max(0, start - EXCERPT), max(0, min(end, start + LARGEST_EXCERPT) + EXCERPT))
                row = {"span": fault.span._asdict() | {"text": surface}, "text": record.text[around]}
                shown = f"{surface[:80]!r} {label} ({start}–{end}): {fault.detail}"
                more = {"shown": shown, "rows": [row], "labels": [label]}
            self.note(kind, "aligned", fault.code, fault.source, record.id, fault.detail, **more)


class Converted(NamedTuple):
    """What became of a chunk. ids: each document's place and id."""

    split: str
    parts: list[Part]
    ids: list[tuple[Source, str]]
    evidence: Evidence


def convert_chunk(
    chunk: Chunk, drawn: bytes | None, splits: tuple[str, ...], folder: Path, settings: Settings
) -> Converted:
    """Convert a chunk's documents and write their shards.

    drawn: for each document the index in `splits` of where it goes; None: to the first.
    Raises AnnotationError where a record cannot be read and `settings.on_error` is `stop`.
    """
    tokenizer = cached_tokenizer(settings.lang)
    converted = Converted(chunk.split, [Part(split, settings) for split in splits], [], {})
    gc.disable()  # it would look for cycles among thousands of documents, a seventh of the time; none has one
    try:
        records = chunk.records(settings, converted.evidence)
        for (item, record), index in zip(records, drawn or bytes(len(records)), strict=True):
            part = converted.parts[index]
            if isinstance(record, AnnotationError):
                part.reject_unreadable(item, record)
            else:
                part.add(record, tokenizer)
                converted.ids.append((item.source, record.id))
        for part in converted.parts:
            written = write_shards(folder / part.split, chunk.index, part.documents)
            part.shards, part.ledger.stages["sharded"] = written
            part.ledger.check()
            part.documents = []
    finally:
        gc.enable()
    return converted


def _parts(item: Item) -> tuple:
    return item.data if isinstance(item.data, tuple) else (item.data,)
