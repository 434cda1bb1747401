"""What a transformer sees of a document: its windows, and the word pieces in them. The real tokeniser runs, no model."""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy

from scripts.checks.catalogue import BY_SLUG, Severity, declare
from scripts.checks.unknown import Unknown
from scripts.cli import UserError
from scripts.corpus.hub import require_model

declare(
    "NER406",
    "wordpiece-overflow",
    Severity.warning,
    """Words are cut off before the trained pipeline's transformer reads them.
    A window of a document has more word pieces than the model can read (512 as a rule); spacy-transformers cuts the rest off the window's end
    (`truncate_oversize_splits`), and these words get no representation. Long codes, web addresses and unknown scripts do it. Training here narrows
    the window for that document and reads every word; `spacy train`, `--exact` and the pipeline that spaCy loads in the end do not.""",
    remedy="make window and stride in [components.transformer.model.get_spans] smaller",
    bad='[components.transformer.model.get_spans]\n@span_getters = "spacy-transformers.doc_spans.v1"\n\nsupercalifragilistic/O **200',
    good="[components.transformer.model.get_spans]\nwindow = 64\nstride = 48\n\nsupercalifragilistic/O **200",
)
declare(
    "NER407",
    "no-wordpiece",
    Severity.warning,
    """The transformer's tokeniser makes nothing of a word.
    It drops control characters, and some drop rare scripts; the token gets a vector of zeros.""",
    remedy="delete the characters, or choose a transformer that knows them",
    bad="[components.transformer]\n\nShe/O saw/O \ufe0f/O Cork/B-LOC",
    good="[components.transformer]\n\nShe/O saw/O Cork/B-LOC",
)
declare(
    "NER408",
    "outside-windows",
    Severity.error,
    """Words lie in no window, so that the transformer never reads them.
    The stride is larger than the window.""",
    remedy="set stride to at most window in [components.transformer.model.get_spans]",
    bad="[components.transformer.model.get_spans]\nwindow = 3\nstride = 5\n\nShe/O saw/O Cork/B-LOC and/O left/O again/O for/O Leeds/B-LOC",
    good="[components.transformer.model.get_spans]\nwindow = 5\nstride = 3\n\nShe/O saw/O Cork/B-LOC and/O left/O again/O for/O Leeds/B-LOC",
)

WORDPIECE_CHECKS = {slug: BY_SLUG[slug] for slug in ("wordpiece-overflow", "no-wordpiece", "outside-windows")}


class Windows:
    """A transformer's windows and its tokeniser; torch is not needed for these."""

    def __init__(self, block: dict[str, Any], config: Path) -> None:
        """Load them, from a config's [components.transformer.model] block. Raises UserError where the tokeniser cannot be had."""
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that there is no torch is meant
        name, self._getter = block["name"], block["get_spans"]
        require_model(name)
        from transformers import AutoConfig, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, **block.get("tokenizer_config", {}))
            positions = getattr(AutoConfig.from_pretrained(name), "max_position_embeddings", None)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{config}: the tokeniser of {name} cannot be loaded: {str(error).splitlines()[0]}"
            ) from None
        if self._tokenizer.is_fast:  # spacy-transformers does neither, whatever the tokeniser's file says
            self._tokenizer.backend_tokenizer.no_truncation()
            self._tokenizer.backend_tokenizer.no_padding()
        self.limit = min(self._tokenizer.model_max_length, positions or self._tokenizer.model_max_length)

    def look(
        self, words: list[str], spaces: list[bool], sentences: list[int]
    ) -> tuple[list[tuple[str, int, int, str]], Unknown]:
        """Return the tokens of a document that the transformer does not read, and count those it does not know.

        Of the former: slug, first, the one after the last, detail.

        spaces: whether a space follows each token. sentences: the tokens but the first that begin one.
        """
        found = []
        missing, unknown = self._read(words, spaces, sentences)
        for slug, (missed, why) in missing.items():
            where = numpy.flatnonzero(missed)
            if len(where):
                start = int(where[0])
                end = start + int(numpy.argmin(numpy.append(missed[start:], False)))
                found.append(
                    (
                        slug,
                        start,
                        end,
                        f"{len(where)} of {len(words)} tokens, first {words[start][:80]!r}: {why}",
                    )
                )
        if not unknown:
            return found, Unknown(len(words))
        return found, Unknown(len(words), len(unknown), 0, min(unknown), words[min(unknown)])

    def unread(
        self, words: list[str], spaces: list[bool], sentences: list[int]
    ) -> dict[str, tuple[numpy.ndarray, str]]:
        """Return by slug whether each token is not read for that reason, and the reason in words. White space counts as read."""
        return self._read(words, spaces, sentences)[0]

    def _read(
        self, words: list[str], spaces: list[bool], sentences: list[int]
    ) -> tuple[dict[str, tuple[numpy.ndarray, str]], set[int]]:
        """Return what `unread` does, and the tokens with a word piece that stands for the unknown."""
        total = len(words)
        read = numpy.zeros(total, dtype=bool)
        cut, seen = read.copy(), read.copy()
        unknown: set[int] = set()
        most = 0
        for start, end in windows(self._getter, total, sentences):
            text = "".join(
                [word + " " * space for word, space in zip(words[start:end], spaces[start:end], strict=True)]
            )
            offsets, unknown_offsets = self._offsets(text.removesuffix(" ") if spaces[end - 1] else text)
            most = max(most, len(offsets))
            seen[start:end] = True
            kept = _covered(words[start:end], spaces[start:end], offsets[: self.limit])
            read[start:end] |= kept
            if unknown_offsets:
                covered = _covered(words[start:end], spaces[start:end], unknown_offsets)
                unknown.update((start + numpy.flatnonzero(covered)).tolist())
            if len(offsets) > self.limit:
                cut[start:end] |= _covered(words[start:end], spaces[start:end], offsets) & ~kept
        if read.all():
            return {}, unknown
        black = numpy.array([not word.isspace() for word in words])
        return {
            "wordpiece-overflow": (
                cut & ~read,
                f"its window has {most} word pieces, the transformer reads {self.limit}",
            ),
            "outside-windows": (~seen & black, "in no window"),
            "no-wordpiece": (
                seen & ~read & ~cut & black,
                "the transformer's tokeniser makes no word piece of it",
            ),
        }, unknown

    def _offsets(self, text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the characters that each word piece, special ones among them, stands for; and the unknown ones'.

        A slow tokeniser does not tell: each piece stands for all, and none is unknown.
        """
        if not self._tokenizer.is_fast:
            return [(0, len(text))] * len(self._tokenizer(text, verbose=False)["input_ids"]), []
        encoding = self._tokenizer.backend_tokenizer.encode(
            text
        )  # 100 µs a text of 18 tokens; by the wrapper 130
        ids, unknown = encoding.ids, self._tokenizer.unk_token_id
        if unknown not in ids:
            return encoding.offsets, []
        offsets = encoding.offsets
        return offsets, [offset for id, offset in zip(ids, offsets, strict=True) if id == unknown]


def windows(getter: dict[str, Any], total: int, sentences: list[int]) -> list[tuple[int, int]]:
    """Return the windows of a document of so many tokens, as spacy-transformers' span getters make them (span_getters.py).

    A getter that is not spacy-transformers' own is not known: the document counts as one window.
    """
    name = str(getter.get("@span_getters"))
    if name.startswith("spacy-transformers.sent_spans"):
        return list(pairwise([0, *sentences, total])) if total else []
    if not name.startswith("spacy-transformers.strided_spans"):
        return [(0, total)] if total else []
    window, stride = getter["window"], getter["stride"]
    found = []
    start = 0
    for _ in range(total // stride):
        found.append((start, min(start + window, total)))
        if start + window >= total:
            return found
        start += stride
    return [*found, (start, total)] if start < total else found


def _covered(words: list[str], spaces: list[bool], offsets: list[tuple[int, int]]) -> numpy.ndarray:
    """Say which tokens have a word piece."""
    ends = numpy.cumsum([len(word) + space for word, space in zip(words, spaces, strict=True)])
    lengths = numpy.array([len(word) for word in words])
    starts = ends - lengths - spaces
    marks = numpy.zeros(ends[-1] + 2, dtype=numpy.int32)
    pieces = numpy.array([offset for offset in offsets if offset[1] > offset[0]], dtype=numpy.int64).reshape(
        -1, 2
    )
    numpy.add.at(marks, pieces[:, 0], 1)
    numpy.add.at(marks, pieces[:, 1], -1)
    inside = numpy.concatenate(([0], numpy.cumsum(numpy.cumsum(marks) > 0)))
    return inside[starts + lengths] > inside[starts]
