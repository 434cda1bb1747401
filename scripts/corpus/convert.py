"""Turn a record into a spaCy Doc, and say what could not come along."""

from dataclasses import dataclass

from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from spacy.tokens import Span as DocSpan

from scripts.annotations.record import Record, Span


@dataclass(frozen=True, slots=True)
class Loss:
    """An entity that did not reach the document. `code` names the check that explains it."""

    code: str
    span: Span
    detail: str


def to_doc(record: Record, tokenizer: Tokenizer) -> tuple[Doc, list[Loss]]:
    """Make a Doc with the record's entities; the id and the place go into `doc.user_data`.

    Token-level records keep their words and sentence starts, and their spaces stay unknown: spaCy then trains on
    these tokens. Character-level records are tokenised; a span must begin and end at token edges.
    Of spans that overlap, the longest stays (the first of equals). What cannot be kept is returned as losses.
    """
    if record.words is None:
        doc = tokenizer(record.text)
    else:
        sent_starts = None if record.sent_starts is None else list(record.sent_starts)
        doc = Doc(tokenizer.vocab, words=list(record.words), sent_starts=sent_starts)
    doc.user_data = {"id": record.id, "source": str(record.source)}
    losses: list[Loss] = []
    kept: list[DocSpan] = []
    taken: dict[int, Span] = {}
    for span in sorted(record.spans, key=lambda span: (span.start - span.end, span.start)):
        ent = _to_ent(doc, record, span)
        if isinstance(ent, Loss):
            losses.append(ent)
            continue
        rival = next((taken[i] for i in range(ent.start, ent.end) if i in taken), None)
        if rival is not None:
            detail = f"it shares tokens with {record.text[rival.start : rival.end]!r} {rival.label} ({rival.start}–{rival.end})"
            losses.append(Loss("overlap", span, detail))
            continue
        taken.update(dict.fromkeys(range(ent.start, ent.end), span))
        kept.append(ent)
    doc.ents = sorted(kept, key=lambda ent: ent.start)
    return doc, losses


def _to_ent(doc: Doc, record: Record, span: Span) -> DocSpan | Loss:
    """Find the tokens of a span, or say why it has none."""
    if not 0 <= span.start < span.end <= len(record.text):
        return Loss("bad-offsets", span, f"a span needs 0 ≤ start < end ≤ {len(record.text)} (the text's length)")
    if not span.label.strip():
        return Loss("empty-label", span, "the label is empty")
    surface = record.text[span.start : span.end]
    if surface != surface.strip():
        return Loss("whitespace-edge", span, "the span begins or ends with white space")
    ent = doc.char_span(span.start, span.end, label=span.label)
    if ent is None:
        tokens = [token.text for token in doc if token.idx < span.end and token.idx + len(token) > span.start]
        return Loss("misaligned", span, f"the tokens there are {tokens}")
    return ent
