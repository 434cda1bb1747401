"""What a transformer sees of a document: windows, and the wordpieces in them.

The transformer's real tokeniser runs, no model.
"""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from scripts.checks.doc_view import TokenFinding
from scripts.cli import UserError
from scripts.corpus.hub import require_model

SLUGS = {"wordpiece-overflow", "no-wordpiece", "outside-windows", "unknown-words", "unknown-script"}
MANY = 0.05
"""Share of unknown tokens from which it is told."""
MOST = 0.5
"""Share from which the script is unknown."""


class SeenDoc(NamedTuple):
    """A document as a pipeline sees it. spaces: behind tokens. sentences: begun by these tokens."""

    words: list[str]
    spaces: list[bool]
    sentences: list[int]


def unknown_words(unknown: int, words: int) -> tuple[str, str] | None:
    """Return slug and detail if too many words are unknown to a transformer."""
    share = unknown / max(1, words)
    if share < MANY:
        return None
    figures = f"{100 * share:.0f} % ({unknown:,} of {words:,})"
    slug = "unknown-script" if share >= MOST else "unknown-words"
    return slug, f"{figures} of the words are unknown to the transformer; here the first"


class Windows:
    """A transformer's windows and its tokeniser; torch is not needed for these."""

    def __init__(self, block: dict[str, Any], config: Path) -> None:
        """Load them by a config's [components.transformer.model]. Raises UserError where that fails."""
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that there is no torch is meant
        name, self._getter = block["name"], block["get_spans"]
        require_model(name)
        from transformers import AutoConfig, AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(name, **block.get("tokenizer_config", {}))
            positions = getattr(AutoConfig.from_pretrained(name), "max_position_embeddings", None)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{config}: the tokeniser of {name} cannot be loaded: {reason}") from None
        self._fast = self.tokenizer.backend_tokenizer if self.tokenizer.is_fast else None
        self._unknown = self.tokenizer.unk_token_id
        if self._fast is not None:  # spacy-transformers does neither, whatever the tokeniser's file says
            self._fast.no_truncation()
            self._fast.no_padding()
        self.limit = min(self.tokenizer.model_max_length, positions or self.tokenizer.model_max_length)

    def check(self, doc: SeenDoc) -> tuple[list[TokenFinding], list[int]]:
        """Return the tokens that the transformer does not read, by reason; and those it does not know."""
        found = []
        unread, unknown = self.unread(doc)
        for slug, (is_unread, why) in unread.items():
            if is_unread.any():
                first = int(numpy.argmax(is_unread))
                end = first + int(numpy.argmin(numpy.append(is_unread[first:], False)))
                tokens = f"{is_unread.sum()} of {len(doc.words)} tokens, first {doc.words[first][:80]!r}"
                found.append(TokenFinding(first, end, f"{tokens}: {why}", slug))
        return found, unknown

    def unread(self, doc: SeenDoc) -> tuple[dict[str, tuple[numpy.ndarray, str]], list[int]]:
        """Return by slug which tokens are unread, and why; and the unknown. White space counts as read."""
        read, cut, seen, unknown = numpy.zeros((4, len(doc.words)), dtype=bool)
        most = 0
        for start, end in windows(self._getter, len(doc.words), doc.sentences):
            words, spaces, window = doc.words[start:end], doc.spaces[start:end], slice(start, end)
            text = "".join([word + " " * space for word, space in zip(words, spaces, strict=True)])
            offsets, unknown_offsets = self._offsets(text.removesuffix(" ") if spaces[-1] else text)
            most = max(most, len(offsets))
            seen[window] = True
            kept = _covered(words, spaces, offsets[: self.limit])
            read[window] |= kept
            if unknown_offsets:
                unknown[window] |= _covered(words, spaces, unknown_offsets)
            if len(offsets) > self.limit:
                cut[window] |= _covered(words, spaces, offsets) & ~kept
        if read.all():
            return {}, numpy.flatnonzero(unknown).tolist()
        black = numpy.array([not word.isspace() for word in doc.words])
        overflow = f"its window has {most} wordpieces, the transformer reads {self.limit}"
        no_wordpiece = seen & ~read & ~cut & black
        return {
            "wordpiece-overflow": (cut & ~read, overflow),
            "outside-windows": (~seen & black, "in no window"),
            "no-wordpiece": (no_wordpiece, "the transformer's tokeniser makes no wordpiece of it"),
        }, numpy.flatnonzero(unknown).tolist()

    def _offsets(self, text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the characters that each wordpiece, special ones among them, stands for; and the unknown.

        A slow tokeniser does not tell: each wordpiece stands for all, and none is unknown.
        """
        if self._fast is None:
            return [(0, len(text))] * len(self.tokenizer(text, verbose=False)["input_ids"]), []
        encoding = self._fast.encode(text)  # 100 µs for 18 tokens; by the wrapper 130
        ids, offsets = encoding.ids, encoding.offsets
        return offsets, [offset for id, offset in zip(ids, offsets, strict=True) if id == self._unknown]


def windows(getter: dict[str, Any], total: int, sentences: list[int]) -> list[tuple[int, int]]:
    """Return the windows of a document of so many tokens, as spacy-transformers makes them (span_getters.py).

    A getter that is not spacy-transformers' own is not known: the document counts as one window.
    """
    name = str(getter.get("@span_getters"))
    if not total:
        return []
    if name.startswith("spacy-transformers.sent_spans"):
        return list(pairwise([0, *sentences, total]))
    if not name.startswith("spacy-transformers.strided_spans"):
        return [(0, total)]
    window, stride = getter["window"], getter["stride"]
    found: list[tuple[int, int]] = []
    whole = total // stride * stride  # before it windows are cut; the last takes what is left, however long
    for start in range(0, total, stride):
        found.append((start, min(start + window, total) if start < whole else total))
        if found[-1][1] == total:
            break
    return found


def _covered(words: list[str], spaces: list[bool], offsets: list[tuple[int, int]]) -> numpy.ndarray:
    marks = bytearray(sum(map(len, words)) + sum(spaces))
    for start, end in offsets:
        marks[start:end] = b"\x01" * (end - start)
    covered, at = [], 0
    for word, space in zip(words, spaces, strict=True):
        covered.append(1 in marks[at : at + len(word)])
        at += len(word) + space
    return numpy.array(covered, dtype=bool)
