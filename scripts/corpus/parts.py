"""What one unit gives to one split: documents for its shards, the ledger of them, and rows of what was left out or mended."""

import sys
from collections import Counter
from typing import TYPE_CHECKING

from scripts.corpus.ledger import Ledger
from scripts.corpus.settings import Settings
from scripts.corpus.shards import Document, ShardWriter
from scripts.formats.doc_annotation import SPANS, USER_DATA, describe_counts
from scripts.formats.record import Record, Source, Span
from scripts.formats.registry import Item

if TYPE_CHECKING:  # imported where they are used: the process that leads a build does without spaCy
    from scripts.corpus.convert import Note, Tokens
    from scripts.corpus.tokenizer import Tokeniser

EXCERPT = 100
"""Characters on each side of a span, in rejects.jsonl."""
LARGEST_EXCERPT = 10_000
LOST_BY_CUTS = {
    "DEP": ("head-cut", "the head stands in another piece of the document"),
    SPANS: ("span-cut", "the span reaches into another piece of the document"),
    USER_DATA: ("user-data-cut", "it may point to characters, and the document was cut in pieces"),
}
"""What a cut between two sentences or, where none starts in time, two tokens can take away: reason and explanation."""


class Part:
    """What one unit gives to one split: documents for the shards, the ledger of them, and rejects."""

    def __init__(self, split: str, writer: ShardWriter, tokenizer: "Tokeniser", settings: Settings) -> None:
        from scripts.corpus.convert import align, cut, cuts_inside

        self.split = split
        self.writer = writer
        self.ledger = Ledger()
        self.rejects: list[dict] = []
        self.mends: list[dict] = []
        self.spaces = {"original": 0, "given": 0, "rebuilt": 0}
        self._tokenizer = tokenizer
        self._settings = settings
        self._max_tokens = settings.max_tokens or sys.maxsize
        self._align, self._cut, self._cuts_inside = align, cut, cuts_inside
        self._read, self._aligned = self.ledger.stages["read"], self.ledger.stages["aligned"]
        self._labels_read: list[str] = []  # counted when all are there
        self._labels_aligned: list[str] = []

    def reject_unreadable(self, item: Item, error: str) -> None:
        """Count and keep a document that could not be read."""
        self._read.documents += 1
        self.ledger.note("losses", "aligned", "unreadable", str(item.source), documents=1)
        self.rejects.append(
            {
                "split": self.split,
                "source": str(item.source),
                "reason": "unreadable",
                "detail": error,
                "text": _raw_text(item),
            }
        )

    def add(self, record: Record, tokens: "Tokens | None") -> None:
        """Align a record with its tokens and give its documents to the writer; what does not come along goes to ledger and rejects."""
        labels = [span.label for span in record.spans]
        if record.faults:
            labels += [fault.span.label for fault in record.faults if fault.span is not None]
        known_tokens = None if record.words is None else len(record.words)
        self._read.documents += 1
        self._read.tokens = (
            None if known_tokens is None or self._read.tokens is None else self._read.tokens + known_tokens
        )
        self._labels_read += labels
        other = None if record.annotation is None else +record.annotation.whole.counts
        if other:
            self._read.other.update(other)
        if record.unread:
            self._note_unread(record)
        if tokens is None or not record.text:
            reason = record.excluded or "empty text"
            place = f"{record.source} ({record.id})"
            self.ledger.note(
                "losses",
                "aligned",
                reason,
                place,
                documents=1,
                tokens=known_tokens,
                labels=labels,
                other=other,
            )
            self.rejects.append(
                {
                    "split": self.split,
                    "source": str(record.source),
                    "id": record.id,
                    "reason": reason,
                    "text": record.text,
                }
            )
            return
        losses, mends = self._align(record, tokens, self._settings)
        if losses or mends or record.faults:
            self._note(record, losses, mends)
        self._aligned.documents += 1
        self._aligned.tokens += len(tokens)
        self._labels_aligned += [label for _, _, label in tokens.ents]
        if other:
            self._aligned.other.update(other)
        self.spaces[
            "original" if record.words is None else "given" if record.spaces_given else "rebuilt"
        ] += 1
        if len(tokens) <= self._max_tokens:
            self.writer.add(
                Document(tokens, 0, len(tokens), record.id, str(record.source), record.words is not None)
            )
            return
        pieces = self._cut(tokens, self._settings.max_tokens, self._tokenizer)
        detail = f"{record.source} ({record.id}): {len(tokens):,} tokens in {len(pieces)} pieces"
        more = self._note_lost_by_cuts(record, pieces) if tokens.annotation is not None else None
        self.ledger.note("additions", "sharded", "cut", detail, documents=len(pieces) - 1, other=more)
        for token in self._cuts_inside(tokens, pieces, self._tokenizer):
            words = f"between {' '.join(tokens.words(token - 3, token))!r} and {' '.join(tokens.words(token, token + 3))!r}"
            why = f"{words}: no sentence starts within {self._settings.max_tokens:,} tokens"
            self.ledger.note("mends", "sharded", "cut-in-sentence", f"{record.source} ({record.id}): {why}")
            self.mends.append(
                {
                    "split": self.split,
                    "source": str(record.source),
                    "id": record.id,
                    "reason": "cut-in-sentence",
                    "detail": why,
                }
            )
        for number, (start, end) in enumerate(pieces, start=1):
            self.writer.add(
                Document(
                    tokens, start, end, f"{record.id}#{number}", str(record.source), record.words is not None
                )
            )

    def close(self) -> None:
        """Write what is left, and see that the ledger balances."""
        self.writer.close()
        self._read.labels.update(self._labels_read)
        self._aligned.labels.update(self._labels_aligned)
        self.ledger.stages["sharded"] = self.writer.count
        self.ledger.check()

    def _note_lost_by_cuts(self, record: Record, pieces: list[tuple[int, int]]) -> Counter[str]:
        """Put what cuts take away of other annotation into ledger and rejects; return what there is more of: each piece has the categories."""
        whole = record.annotation.whole.counts
        left = sum((record.annotation.of(*piece).counts for piece in pieces), Counter())
        for kind, number in (whole - left).items():
            reason, detail = LOST_BY_CUTS[kind]
            lost = describe_counts({kind: number})
            self.ledger.note(
                "losses", "sharded", reason, f"{record.source} ({record.id}): {lost}", other={kind: number}
            )
            row = {"split": self.split, "source": str(record.source), "id": record.id, "reason": reason}
            self.rejects.append(row | {"detail": f"{lost}: {detail}"})
        return left - whole

    def _note_unread(self, record: Record) -> None:
        """Put what stands in the data and was not read into the ledger, and annotations among it into the rejects."""
        for unread in record.unread:
            place = f"{record.source} ({record.id}): {unread.detail}"
            self.ledger.note(
                "losses", "read", unread.reason, place, tokens=unread.tokens, labels=unread.labels
            )
            row = {
                "split": self.split,
                "source": str(record.source),
                "id": record.id,
                "reason": unread.reason,
                "detail": unread.detail,
            }
            if not record.excluded:  # its row among the rejects tells all of it
                self.rejects += [row | {"label": label} for label in unread.labels]

    def _note(self, record: Record, losses: "list[Note]", mends: "list[Note]") -> None:
        where = {"split": self.split, "source": str(record.source), "id": record.id}
        lines = record.line_of
        for fault in record.faults:
            if fault.span is None:
                self.ledger.note(
                    "mends", "aligned", fault.code, f"{fault.source} ({record.id}): {fault.detail}"
                )
                self.mends.append(
                    where | {"source": str(fault.source), "reason": fault.code, "detail": fault.detail}
                )
        for kind, notes, rows in (("losses", losses, self.rejects), ("mends", mends, self.mends)):
            for note in notes:
                surface = record.text[max(0, note.span.start) : max(0, note.span.end)]
                line = next(
                    (fault.source.line for fault in record.faults if fault.span is note.span),
                    lines.get(id(note.span)),
                )
                source = record.source if line is None else Source(record.source.path, line)
                detail = (
                    f"{surface[:80]!r} {note.span.label} ({note.span.start}–{note.span.end}): {note.detail}"
                )
                self.ledger.note(
                    kind, "aligned", note.code, f"{source} ({record.id}): {detail}", labels=[note.span.label]
                )
                span = note.span._asdict() | {"text": surface}
                place = {"source": str(source), "reason": note.code, "detail": note.detail}
                rows.append(where | place | {"span": span, "text": _excerpt(record.text, note.span)})


def _raw_text(item: Item) -> str:
    parts = item.data if isinstance(item.data, tuple) else (item.data,)
    text = "\n".join(
        [part.decode("utf-8", "backslashreplace") if isinstance(part, bytes) else str(part) for part in parts]
    )
    return text if len(text) <= LARGEST_EXCERPT else text[:LARGEST_EXCERPT] + "…"


def _excerpt(text: str, span: Span) -> str:
    return text[max(0, span.start - EXCERPT) : max(0, min(span.end, span.start + LARGEST_EXCERPT) + EXCERPT)]
