"""What a spaCy document says beside its entities: annotation for a tagger, a parser, a text classifier."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy

if TYPE_CHECKING:  # the process that leads a build does without spaCy
    from spacy.tokens import Doc

ATTRS = ("TAG", "POS", "MORPH", "LEMMA", "DEP", "HEAD", "SENT_START", "ENT_KB_ID", "ENT_ID")
"""What DocBin stores of a token beside text and entity; NORM is left to the vocabulary, which knows it."""
STRINGS = frozenset({"TAG", "MORPH", "LEMMA", "DEP", "ENT_KB_ID", "ENT_ID"})
CATS, SPANS, USER_DATA = "cats", "spans", "user_data"
WHAT = dict.fromkeys(ATTRS, "tokens") | {CATS: "documents", SPANS: "", USER_DATA: "documents"}
"""What is counted of each."""


class Annotated(NamedTuple):
    """The annotation of some tokens of a document, as a DocBin stores it.

    columns: values by attribute, one a token. missing: which tokens say nothing of entities. strings: what
    hashes stand for. counts: tokens with each attribute (HEAD goes with DEP); spans; documents with the rest.
    """

    columns: dict[str, numpy.ndarray]
    missing: numpy.ndarray
    cats: dict[str, float]
    span_groups: bytes
    user_data: bytes | None
    strings: frozenset[str]
    counts: Counter[str]


@dataclass(frozen=True)
class DocAnnotation:
    """A document whose tokens are the record's. entities_known: its entities come from elsewhere, for all."""

    doc: "Doc"
    entities_known: bool = False

    @cached_property
    def whole(self) -> Annotated:
        """The annotation of all tokens. Raises LookupError where a hash stands for no string."""
        return self._annotated(0, len(self.doc))

    @property
    def says_more(self) -> bool:
        """Whether there is any. Sentences alone are none where spaces are unknown: tokens bring them."""
        if self.whole.counts.keys() - {"SENT_START"}:
            return True
        sents = any(token.is_sent_start is not None for token in self.doc[1:])
        return sents and not self.doc.has_unknown_spaces

    def of(self, start: int, end: int) -> Annotated:
        """Return the annotation of some tokens: heads and spans inside, and user data if these are all."""
        return self.whole if (start, end) == (0, len(self.doc)) else self._annotated(start, end)

    def _annotated(self, start: int, end: int) -> Annotated:
        import srsly

        doc, all_tokens = self.doc, end - start == len(self.doc)
        table = doc.to_array([*ATTRS, "ENT_IOB", "ENT_TYPE"])[start:end]
        columns = dict(zip(ATTRS, table.T, strict=False))
        heads = columns["HEAD"].view(numpy.int64) + numpy.arange(end - start)
        for name in ("DEP", "HEAD"):
            columns[name] = numpy.where((heads >= 0) & (heads < end - start), columns[name], 0)
        if not columns["DEP"].any():
            del columns["HEAD"]  # 0 is its value for a root, too
        columns = {name: values for name, values in columns.items() if values.any()}
        counts = Counter(
            {name: int(numpy.count_nonzero(columns[name])) for name in columns if name != "HEAD"}
        )
        hashes = {hash for name in columns.keys() & STRINGS for hash in numpy.unique(columns[name]).tolist()}
        strings = {doc.vocab.strings[hash] for hash in hashes if hash}
        span_groups, user_data = b"", None
        if len(doc.spans):
            holder = doc if all_tokens else _with_spans_inside(doc, start, end)
            found = [span for group in holder.spans.values() for span in group]
            strings.update(text for span in found for text in (span.label_, span.kb_id_, span.id_) if text)
            counts[SPANS], span_groups = len(found), holder.spans.to_bytes()
        if doc.cats:
            counts[CATS] = 1
        if all_tokens and doc.user_data.keys() - {"id"}:  # an id the record has
            counts[USER_DATA], user_data = 1, srsly.msgpack_dumps(doc.user_data)
        missing = (table[:, -2] == 0) & (table[:, -1] == 0) & (not self.entities_known)
        return Annotated(columns, missing, doc.cats, span_groups, user_data, frozenset(strings), counts)


def _with_spans_inside(doc: "Doc", start: int, end: int) -> "Doc":
    """Return a document of some tokens with the groups of the spans that lie within them."""
    from spacy.tokens import Doc, Span, SpanGroup

    tokens = list(doc[start:end])
    inner = Doc(doc.vocab, [token.text for token in tokens], [bool(token.whitespace_) for token in tokens])
    for key, group in doc.spans.items():
        inside = [span for span in group if start <= span.start and span.end <= end]
        places = [(span.start - start, span.end - start, span.label) for span in inside]
        spans = [
            Span(inner, *place, kb_id=span.kb_id, span_id=span.id)
            for place, span in zip(places, inside, strict=True)
        ]
        inner.spans[key] = SpanGroup(inner, name=group.name, attrs=group.attrs, spans=spans)
    return inner


def describe_counts(counts: dict[str, int]) -> str:
    """Say how much of each kind there is: `TAG of 12 tokens, cats of 3 documents, 4 spans`."""
    parts = ((name, counts[name], what) for name, what in WHAT.items() if counts.get(name))
    return ", ".join(
        f"{name} of {number:,} {what}" if what else f"{number:,} {name}" for name, number, what in parts
    )
