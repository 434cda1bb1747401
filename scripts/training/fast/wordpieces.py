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
EMPTY = numpy.zeros(0, dtype=numpy.int32)
Window = tuple[int, int, Any, numpy.ndarray]
"""The first token, the one after the last, wordpieces, and each wordpiece's characters from the first on."""


@dataclass(frozen=True, slots=True)
class Wordpieces:
    """A document's windows: T tokens, W windows, P wordpieces in them, A pairs of a token and its wordpiece.

    ids: P. lengths: wordpieces of each window, special ones among them, W. counts: wordpieces of each token,
    T. places: those of the first token, then those of the second, ..., as indexes into ids, A.
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
    """Cuts documents into windows as the config's span getter does, and these again where they are too long.

    spacy-transformers cuts the rest off instead (truncate.py). A long word may take several windows.
    """

    def __init__(self, model: Any) -> None:
        """model: a TransformerModel of spacy-transformers with a fast tokeniser."""
        # a copy, as whoever else uses the tokeniser lets it pad and truncate
        self._tokenizer = copy.deepcopy(model.tokenizer.backend_tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._get_spans = model.attrs["get_spans"]
        self.pad = model.tokenizer.pad_token_id or 0
        table = getattr(getattr(model.transformer, "embeddings", None), "position_embeddings", None)
        before_first = getattr(table, "padding_idx", None)
        self.first_position = 0 if before_first is None else before_first + 1  # RoBERTa counts from 2
        self.limit = model.tokenizer.model_max_length
        positions = getattr(model.transformer.config, "max_position_embeddings", None) or 0  # XLNet says -1
        if positions > 0:
            self.limit = min(self.limit, positions - self.first_position)

    def __call__(self, docs: list[Doc]) -> list[Wordpieces]:
        """Return what each document keeps, and let it keep it."""
        unread = [doc for doc in docs if KEY not in doc.user_data]
        if unread:
            spans = [[(span.start, span.end) for span in own if len(span)] for own in self._get_spans(unread)]
            texts = [doc[a:b].text for doc, own in zip(unread, spans, strict=True) for a, b in own]
            encodings = iter(self._tokenizer.encode_batch(texts))
            for doc, own in zip(unread, spans, strict=True):
                windows = [window for span in own for window in self._windows(doc, *span, next(encodings))]
                doc.user_data[KEY] = _align(doc, windows)
        return [doc.user_data[KEY] for doc in docs]

    def _windows(self, doc: Doc, start: int, end: int, encoding: Any) -> Iterator[Window]:
        """Yield windows that the transformer can read."""
        offsets = numpy.array(encoding.offsets, dtype=numpy.int64).reshape(-1, 2)
        size = end - start
        if len(encoding.ids) <= self.limit:
            yield start, end, encoding.ids, offsets
        elif size > 1:
            reach = (size + 1) // 2 + size // 8  # the halves overlap
            for a, b in ((start, start + reach), (end - reach, end)):
                yield from self._windows(doc, a, b, self._tokenizer.encode(doc[a:b].text))
        else:
            special = numpy.array(encoding.special_tokens_mask, dtype=bool)
            inner = numpy.flatnonzero(~special)
            before, after = numpy.arange(inner[0]), numpy.arange(inner[-1] + 1, len(special))
            step = self.limit - len(before) - len(after)
            for first in range(0, len(inner), step):
                chosen = numpy.concatenate([before, inner[first : first + step], after])
                yield start, end, numpy.array(encoding.ids)[chosen], offsets[chosen]


def _align(doc: Doc, windows: list[Window]) -> Wordpieces:
    """Give each token the wordpieces that it shares a character with (spacy_transformers/align.pyx)."""
    begins = doc.to_array(IDX).astype(numpy.int64) if len(doc) else EMPTY
    tokens, places, total = [EMPTY], [EMPTY], 0
    for start, end, ids, offsets in windows:
        place = numpy.flatnonzero(offsets[:, 1] > offsets[:, 0])
        first, last = (
            numpy.searchsorted(begins[start:end], begins[start] + chars, side="right") - 1
            for chars in (offsets[place, 0], offsets[place, 1] - 1)
        )
        while len(place):
            tokens.append(start + first)
            places.append(total + place)
            more = first < last
            place, first, last = place[more], first[more] + 1, last[more]
        total += len(ids)
    token, place = numpy.concatenate(tokens), numpy.concatenate(places)
    ids = [numpy.asarray(ids, dtype=numpy.int32) for _, _, ids, _ in windows]
    return Wordpieces(
        ids=numpy.concatenate([EMPTY, *ids]),
        lengths=numpy.array([len(own) for own in ids], dtype=numpy.int32),
        counts=numpy.bincount(token, minlength=len(doc)).astype(numpy.int32),
        places=place[numpy.lexsort((place, token))].astype(numpy.int32),
    )
