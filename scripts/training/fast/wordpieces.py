"""The wordpieces that a transformer reads of a document: every word is in some window, however long."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.attrs import IDX
from spacy.tokens import Doc

KEY = "ner_template.wordpieces"
"""Where a document keeps them (`doc.user_data`), and its copies, too."""


@dataclass(frozen=True, slots=True)
class Wordpieces:
    """A document's windows. Sizes: T tokens, W windows, P wordpieces in all windows, A pairs of a token and a
    piece of it.

    ids: P. lengths: pieces of each window, special ones among them, W. counts: pieces of each token, T.
    places: the pieces of the first token, then those of the second, ..., as indexes into ids, A.
    """

    ids: numpy.ndarray
    lengths: numpy.ndarray
    counts: numpy.ndarray
    places: numpy.ndarray

    @property
    def longest(self) -> int:
        """Wordpieces of the longest window."""
        return int(self.lengths.max(initial=0))


class WordpieceReader:
    """Cuts documents into windows as the config's span getter does, and these into pieces; narrower where a
    window has too many pieces.

    spacy-transformers cuts the rest off instead (truncate.py). A word of more pieces than the transformer
    reads at once takes several windows.
    """

    def __init__(self, model: Any) -> None:
        """model: a TransformerModel of spacy-transformers with a fast tokeniser."""
        self._tokenizer = copy.deepcopy(
            model.tokenizer.backend_tokenizer
        )  # whoever else uses it lets it pad and truncate
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._get_spans = model.attrs["get_spans"]
        self.pad = model.tokenizer.pad_token_id or 0
        table = getattr(getattr(model.transformer, "embeddings", None), "position_embeddings", None)
        before_first = getattr(table, "padding_idx", None)
        self.first_position = 0 if before_first is None else before_first + 1  # RoBERTa counts from 2
        positions = getattr(model.transformer.config, "max_position_embeddings", None) or 0  # XLNet says -1
        self.limit = min(
            model.tokenizer.model_max_length,
            positions - self.first_position if positions > 0 else model.tokenizer.model_max_length,
        )

    def __call__(self, docs: list[Doc]) -> list[Wordpieces]:
        """Return what each document keeps, and let it keep it."""
        unread = [doc for doc in docs if KEY not in doc.user_data]
        if unread:
            spans = [[(span.start, span.end) for span in own if len(span)] for own in self._get_spans(unread)]
            texts = [_text(doc, *span) for doc, own in zip(unread, spans, strict=True) for span in own]
            encodings = iter(self._tokenizer.encode_batch(texts))
            for doc, own in zip(unread, spans, strict=True):
                windows = [window for span in own for window in self._windows(doc, *span, next(encodings))]
                doc.user_data[KEY] = _align(doc, windows)
        return [doc.user_data[KEY] for doc in docs]

    def _windows(
        self, doc: Doc, start: int, end: int, encoding: Any
    ) -> Iterator[tuple[int, int, list[int], numpy.ndarray]]:
        """Yield windows that the transformer can read: first token, the one after the last, pieces, and each
        piece's characters.
        """
        offsets = numpy.array(encoding.offsets, dtype=numpy.int64).reshape(-1, 2)
        size = end - start
        if len(encoding.ids) <= self.limit:
            yield start, end, encoding.ids, offsets
        elif size > 1:
            shared = size // 8
            for part in ((start, start + (size + 1) // 2 + shared), (end - (size + 1) // 2 - shared, end)):
                yield from self._windows(doc, *part, self._tokenizer.encode(_text(doc, *part)))
        else:
            special = numpy.array(encoding.special_tokens_mask, dtype=bool)
            inner = numpy.flatnonzero(~special)
            before, after = numpy.arange(inner[0]), numpy.arange(inner[-1] + 1, len(special))
            step = self.limit - len(before) - len(after)
            for first in range(0, len(inner), step):
                chosen = numpy.concatenate([before, inner[first : first + step], after])
                yield start, end, numpy.array(encoding.ids)[chosen], offsets[chosen]


def _text(doc: Doc, start: int, end: int) -> str:
    return doc[start:end].text


def _align(doc: Doc, windows: list[tuple[int, int, Any, numpy.ndarray]]) -> Wordpieces:
    """Align windows with tokens: a piece belongs to each token that it shares a character with
    (spacy_transformers/align.pyx).
    """
    begins = doc.to_array(IDX).astype(numpy.int64) if len(doc) else numpy.zeros(0, dtype=numpy.int64)
    tokens, places, total = [], [], 0
    for start, end, ids, offsets in windows:
        where = numpy.flatnonzero(offsets[:, 1] > offsets[:, 0])
        first, last = (
            numpy.searchsorted(begins[start:end], begins[start] + chars, side="right") - 1
            for chars in (offsets[where, 0], offsets[where, 1] - 1)
        )
        while len(where):
            tokens.append(start + first)
            places.append(total + where)
            more = first < last
            where, first, last = where[more], first[more] + 1, last[more]
        total += len(ids)
    token = numpy.concatenate(tokens) if tokens else numpy.zeros(0, dtype=numpy.int64)
    place = numpy.concatenate(places) if places else numpy.zeros(0, dtype=numpy.int64)
    return Wordpieces(
        ids=numpy.concatenate([numpy.asarray(ids, dtype=numpy.int32) for _, _, ids, _ in windows])
        if windows
        else numpy.zeros(0, dtype=numpy.int32),
        lengths=numpy.array([len(ids) for _, _, ids, _ in windows], dtype=numpy.int32),
        counts=numpy.bincount(token, minlength=len(doc)).astype(numpy.int32),
        places=place[numpy.lexsort((place, token))].astype(numpy.int32),
    )
