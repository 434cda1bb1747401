"""What a config's reader hands on of a document, and what training would make of that."""

from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import chain, pairwise, product

import numpy
from spacy.attrs import ORTH
from spacy.tokens import Doc
from spacy.training import Example

from scripts.checks.annotators import learnable
from scripts.checks.catalogue import Finding, Severity
from scripts.checks.doc_view import DocView, First, TokenFinding, add_first
from scripts.checks.training_config import TrainingConfig
from scripts.checks.wordpieces import SLUGS, SeenDoc
from scripts.corpus.config_file import one_line

COLUMNS = ("document", "length", "tokens", "entities")
"""Of each example: its document's number, tokens for the batcher, tokens and entities of the data in it."""


class Reading:
    """What configs that read alike see of some documents of a split.

    rows: the examples, as in COLUMNS. words: how many a config's transformer saw. unknown: those that it
    does not know.
    """

    def __init__(self, name: str, configs: list[TrainingConfig], split: str, checks: frozenset[str]) -> None:
        self.name, self.config, self.split = name, configs[0], split
        self.rows = array("i")
        self.words: Counter[str] = Counter()
        self.unknown: dict[str, First] = {}
        self._checks = checks
        windows = {config.file.name: config.windows for config in configs if checks & SLUGS}
        self._windows = {name: one for name, one in windows.items() if one is not None}
        self._reader = self.config.readers[split]
        self._annotates = "forbidden-entity" in checks and bool(self.config.annotators.splits[split])

    def read(self, view: DocView, number: int) -> list[Finding]:
        """Read one document, the split's `number`-th here; return what is lost or cut on the way."""
        if self._is_simple(view):
            self.rows.extend((number, len(view), len(view), len(view.ents)))
            spaces = [True] * len(view) if view.unknown_spaces else view.spaces
            found, seen = [], [SeenDoc(view.words, spaces, view.sentences())]
        else:
            found, predicted = self._read_as_spacy(view, number)
            seen = []
            for doc in predicted:
                words, spaces = [token.text for token in doc], [bool(token.whitespace_) for token in doc]
                seen.append(SeenDoc(words, spaces, view.sentences() if len(doc) == len(view) else []))
        named = [(self.name, one) for one in found]
        for doc, (name, windows) in product(seen, self._windows.items()):
            unread, unknown = windows.check(doc)
            named += [(name, one) for one in unread]
            self.words[name] += len(doc.words)
            if unknown:
                add_first(self.unknown, name, (len(unknown), number, unknown[0], unknown[0] + 1))
        milder = {} if self.split == "train" else {"forbidden-entity": {"severity": Severity.warning}}
        return [
            view.finding(self.split, one, variant=name, **milder.get(one.slug, {}))
            for name, one in named
            if one.slug in self._checks
        ]

    def _is_simple(self, view: DocView) -> bool:
        """Say whether the reader hands a document on whole, on the data's tokens, and the ner can learn it.

        Most documents are so, and need no Doc, no Example and no alignment: `_read_as_spacy` says the same of
        them in ten times as long (tests compare both).
        """
        reader = self._reader
        is_cut = reader.gold_preproc or 0 < reader.max_length <= len(view)
        if self._annotates or is_cut or not view.is_plain or not len(view):
            return False
        try:
            return view.unknown_spaces or numpy.array_equal(
                self.config.nlp.make_doc(view.text).to_array(ORTH), view.column("orths")
            )
        except Exception:  # of a tokeniser; `_read_as_spacy` tells it
            return False

    def _read_as_spacy(self, view: DocView, number: int) -> tuple[list[TokenFinding], list[Doc]]:
        """Let spaCy's reader have the document; return what is wrong, and what the pipeline will see."""
        found: list[TokenFinding] = []
        reader, nlp = self._reader, self.config.nlp
        make = reader.make_examples_gold_preproc if reader.gold_preproc else reader.make_examples
        try:
            examples = list(make(nlp, [view.shard.doc(view.index, nlp.vocab)]))
        except Exception as error:  # whatever training would die of
            return [_untrainable(view, error)], []
        arrived = 0
        for first, example in zip(self._firsts(view), examples, strict=False):
            entities = 0
            try:
                aligned = learnable(example)
                entities = len(aligned)
                lost = list(_retokenised(example, {(ent.start_char, ent.end_char) for ent in aligned}))
                if not lost and self._annotates:
                    lost = list(self.config.annotators.forbidden(example, self.split))
                found += [one._replace(start=first + one.start, end=first + one.end) for one in lost]
            except Exception as error:  # whatever training would die of
                found.append(_untrainable(view, error))
            arrived += len(example.reference)
            self.rows.extend((number, len(example.predicted), len(example.reference), entities))
        found += self._cuts(view, len(examples), arrived)
        return found, [example.predicted for example in examples]

    def _firsts(self, view: DocView) -> list[int]:
        """Return the first token of each example that the reader makes of a document."""
        gold, most = self._reader.gold_preproc, self._reader.max_length
        if not gold and (most == 0 or len(view) < most):
            return [0]
        sentences = pairwise([0, *view.sentences(), len(view)])
        return [start for start, end in sentences if gold or end - start < most]

    def _cuts(self, view: DocView, examples: int, arrived: int) -> Iterator[TokenFinding]:
        """Yield what a reader's settings do to a document."""
        reader, total = self._reader, len(view)
        setting = "gold_preproc = true" if reader.gold_preproc else f"max_length = {reader.max_length}"
        why = f"{setting} in [{self.config.training[f'{self.split}_corpus']}]"
        if arrived < total:
            detail = f"{arrived} of {total} tokens are handed on: {why}"
            no_sentences = "" if view.sentences() else ", no sentence boundaries"
            yield TokenFinding(0, 0, detail + no_sentences, "dropped-by-reader")
        if examples > 1:
            yield TokenFinding(0, 0, f"{total} tokens in {examples} parts: {why}", "cut-by-reader")
        if examples > 1 or (arrived < total and examples):
            for start, end, label in view.ents:
                if view.sentences(start, end):
                    name = f"tokens {start}–{end} {view.name(start, end)!r} {label}"
                    yield TokenFinding(start, end, f"{name} cross a sentence boundary; {why}", "entity-cut")


def _retokenised(example: Example, kept: set[tuple[int, int]]) -> Iterator[TokenFinding]:
    """Yield the entities that the tokeniser's tokens do not fit. kept: characters of those that they do."""
    if numpy.array_equal(example.predicted.to_array(ORTH), example.reference.to_array(ORTH)):
        return
    for ent in example.reference.ents:
        if (ent.start_char, ent.end_char) not in kept:
            tokens = sorted({int(i) for i in example.alignment.y2x[ent.start : ent.end]})
            there = [example.predicted[i].text for i in tokens]
            detail = f"{ent.text!r} {ent.label_}: the config's tokens there are {there}"
            yield TokenFinding(ent.start, ent.end, detail, "retokenised")


def _untrainable(view: DocView, error: Exception) -> TokenFinding:
    """Return what spaCy dies of in a document, and the tokens that are the likeliest reason."""
    illegal = ((i, i + 1) for i in numpy.flatnonzero(view.column("illegal")).tolist())
    white = ((start, end) for start, end, _ in view.ents if view.column("white")[start:end].any())
    return TokenFinding(*next(chain(illegal, white), (0, 0)), _shortened(error), "untrainable")


def _shortened(error: Exception) -> str:
    text = one_line(error)
    return f"{type(error).__name__}: {text[:200]}{'…' * (len(text) > 200)}"


def read_whole(config: TrainingConfig, split: str) -> tuple[array, list[TokenFinding]]:
    """Run a reader that is not spaCy's Corpus, in one go.

    Returns its examples as `Reading.rows`, numbered as they come, and what training would die of.
    """
    rows, found = array("i"), []
    name = config.training[f"{split}_corpus"]
    try:
        for number, example in enumerate(config.read(split)):
            entities, place = 0, f"example {number} of [{name}], {example.reference.text[:80]!r}"
            try:
                entities = len(learnable(example))
                kept_from = config.annotators.forbidden(example, split) if split == "train" else ()
                found += [TokenFinding(0, 0, f"{place}: {one.detail}", one.slug) for one in kept_from]
            except Exception as error:
                found.append(TokenFinding(0, 0, f"{place}: {_shortened(error)}", "untrainable"))
            rows.extend((number, len(example.predicted), len(example.reference), entities))
    except Exception as error:
        detail = f"[{name}] fails after {len(rows) // len(COLUMNS)} examples: {_shortened(error)}"
        found.append(TokenFinding(0, 0, detail, "untrainable"))
    return rows, found
