"""What a recipe's reader hands on of a document, and what training would make of that."""

import re
from itertools import pairwise

import numpy
from spacy.attrs import ORTH
from spacy.tokens import Doc
from spacy.training import Example

from scripts.checks.annotating import learnable
from scripts.checks.catalogue import Finding, Severity, declare, finding
from scripts.checks.shard import View
from scripts.checks.training_config import TrainingConfig
from scripts.checks.unknown import UNKNOWN_CHECKS, Unknown, vector_keys, without_vector
from scripts.checks.wordpieces import WORDPIECE_CHECKS

declare(
    "NER401",
    "dropped-by-reader",
    Severity.error,
    """The config's reader does not hand a document on, or only a part of it.
    `max_length` drops documents that are longer and have no sentence boundaries, and sentences that are longer themselves. Nothing says so.""",
    remedy="set max_length = 0 in [corpora.train] and [corpora.dev], or cut long documents (vars.max_tokens)",
    bad="[corpora.train]\nmax_length = 5\n\nShe/O saw/O Cork/B-LOC and/O left/O again/O ./O",
    good="[corpora.train]\nmax_length = 0\n\nShe/O saw/O Cork/B-LOC and/O left/O again/O ./O",
)
declare(
    "NER402",
    "cut-by-reader",
    Severity.warning,
    """The config's reader cuts a document into its sentences.
    `max_length` and `gold_preproc` do. The pipeline learns from sentences by themselves and is used on whole texts.""",
    remedy="set max_length = 0 and gold_preproc = false",
    bad="[corpora.train]\nmax_length = 5\n\nShe/O saw/O Cork/B-LOC | Then/O she/O left/O",
    good="[corpora.train]\nmax_length = 0\n\nShe/O saw/O Cork/B-LOC | Then/O she/O left/O",
)
declare(
    "NER403",
    "entity-cut",
    Severity.error,
    """The config's reader cuts an entity in two.
    The entity crosses a sentence boundary at which `max_length` or `gold_preproc` cuts the document. In spaCy 3.0 its second half began with I and
    training stopped with E093; since 3.1 both halves silently become missing annotation.""",
    error="E093",
    remedy="set max_length = 0 and gold_preproc = false, or mend the sentence boundary inside the entity",
    bad="[corpora.train]\nmax_length = 5\n\nThey/O sued/O Yip/B-ORG !/I-ORG | Inc./I-ORG yesterday/O",
    good="[corpora.train]\nmax_length = 5\n\nThey/O sued/O Yip/B-ORG | Inc./O did/O yesterday/O",
)
declare(
    "NER404",
    "retokenised",
    Severity.error,
    """The config's tokeniser splits the text in other places than the data, so that an entity's ends lie inside tokens.
    spaCy aligns both and leaves such entities out (missing annotation) without a word. It happens where a corpus was made with another
    language, another version or a changed tokeniser.""",
    error="W030",
    remedy="build the corpus with the config's language and tokeniser, or give the config the corpus's tokeniser",
    bad="She/O saw/O Leeds+/B-LOC based/O firms/O",
    good="She/O saw/O Leeds/B-LOC based/O firms/O",
)
declare(
    "NER405",
    "untrainable",
    Severity.error,
    """spaCy's own code fails on this document.
    Every document that is not plain is given to the ner's transition system as training would do it. It raises E093 for I without B, E024 where no
    sequence of actions leads to the annotation; `spacy train` would do so when the document's turn comes, and name none.""",
    error="E024, E093",
    remedy="mend what the other findings on this document say",
    bad="She/O saw/O \\n/B-LOC Cork/I-LOC ./O",
    good="She/O saw/O \\n/O Cork/B-LOC ./O",
)

COLUMNS = ("document", "length", "tokens", "entities")
"""Of each example: its document's number, its tokens for the batcher, and the tokens and entities of the data in it."""


class Reading:
    """What recipes that read alike see of some documents of a split."""

    def __init__(self, name: str, recipes: list[TrainingConfig], split: str, checks: frozenset[str]) -> None:
        self.name = name
        self.recipe = recipes[0]
        self.split = split
        self.rows: list[tuple[int, int, int, int]] = []
        self._checks = checks
        self.unknown: dict[
            tuple[str, str], Unknown
        ] = {}  # by recipe and its part, `transformer` or `vectors`
        readers = recipes if checks & (WORDPIECE_CHECKS.keys() | UNKNOWN_CHECKS.keys()) else ()
        self._windows = {recipe.file.name: recipe.windows for recipe in readers if recipe.transformer}
        keys = {
            recipe.file.name: vector_keys(recipe.config)
            for recipe in recipes
            if checks & UNKNOWN_CHECKS.keys()
        }
        self._vectors = {name: known for name, known in keys.items() if known}
        self._reader = self.recipe.reader(split)
        self._annotates = bool(checks & {"forbidden-entity"} and getattr(self.recipe.annotators, split))

    def take(self, view: View, number: int) -> list[Finding]:
        """Read one document, the split's `number`-th here; return what is lost or cut on the way."""
        seen: list[tuple[list[str], list[bool], list[int]]] = []
        found: list[tuple[str, int, int, str]] = []
        if self._is_simple(view):
            self.rows.append((number, len(view), len(view), len(view.ents)))
            if self._windows or self._vectors:
                seen.append(
                    (view.words, [True] * len(view) if view.unknown_spaces else view.spaces, view.sentences)
                )
        else:
            found, predicted = self._read(view, number)
            for doc in predicted:
                sentences = view.sentences if len(doc) == len(view) else []
                seen.append(
                    ([token.text for token in doc], [bool(token.whitespace_) for token in doc], sentences)
                )
        unread = [one for document in seen for one in self._look(document, number)]
        milder = {"forbidden-entity": {"severity": Severity.warning}} if self.split != "train" else {}
        return [
            finding(
                slug,
                self.split,
                detail,
                **view.place(start, end),
                **view.marked(start, end),
                variant=name,
                **milder.get(slug, {}),
            )
            for name, slug, start, end, detail in [*((self.name, *one) for one in found), *unread]
            if slug in self._checks
        ]

    def _look(
        self, document: tuple[list[str], list[bool], list[int]], number: int
    ) -> list[tuple[str, str, int, int, str]]:
        """Return what transformers do not read of a document, with the recipe's name first; count the unknown."""
        found = []
        for name, windows in self._windows.items():
            missed, unknown = windows.look(*document)
            found += [(name, *one) for one in missed]
            self._count((name, "transformer"), unknown, number)
        for name, keys in self._vectors.items():
            self._count((name, "vectors"), without_vector(document[0], keys), number)
        return found

    def _count(self, source: tuple[str, str], unknown: Unknown, number: int) -> None:
        self.unknown[source] = self.unknown.get(source, Unknown()).plus(unknown, number)

    def _is_simple(self, view: View) -> bool:
        """Say whether the reader hands a document on whole, on the data's own tokens, with nothing in it that could trouble the ner.

        Most documents are so, and need no Doc, no Example and no alignment: `_read` says the same of them in ten times as long (tests
        compare both).
        """
        reader = self._reader
        if (
            self._annotates
            or not view.is_plain
            or reader.gold_preproc
            or (reader.max_length and len(view) >= reader.max_length)
            or not len(view)
        ):
            return False
        try:
            return view.unknown_spaces or numpy.array_equal(
                self.recipe.nlp.make_doc(view.text).to_array(ORTH), view.column("orths")
            )
        except Exception:  # of a tokeniser; `_read` tells it
            return False

    def _read(self, view: View, number: int) -> tuple[list[tuple[str, int, int, str]], list[Doc]]:
        """Let spaCy's reader have the document; return what is wrong, and what the pipeline will see."""
        found: list[tuple[str, int, int, str]] = []
        try:
            examples = list(self.recipe.examples(self.split, view.doc(self.recipe.nlp.vocab)))
        except Exception as error:  # whatever training would die of
            return [("untrainable", *_where(view), _told(error))], []
        arrived = 0
        for first, example in zip(self._firsts(view), examples, strict=False):
            entities, lost = self._entities(view, example, first)
            found += lost or self._forbidden(view, example, first)
            arrived += len(example.reference)
            self.rows.append((number, len(example.predicted), len(example.reference), entities))
        return found + self._cuts(view, len(examples), arrived), [example.predicted for example in examples]

    def table(self) -> numpy.ndarray:
        """Return the examples, one a row, with the values that COLUMNS names."""
        return numpy.array(self.rows, dtype=numpy.int32).reshape(-1, len(COLUMNS))

    def _firsts(self, view: View) -> list[int]:
        """Return the first token of each example that the reader makes of a document."""
        gold, most = self._reader.gold_preproc, self._reader.max_length
        if not gold and (most == 0 or len(view) < most):
            return [0]
        return [
            start for start, end in pairwise([0, *view.sentences, len(view)]) if gold or end - start < most
        ]

    def _entities(
        self, view: View, example: Example, first: int
    ) -> tuple[int, list[tuple[str, int, int, str]]]:
        """Return how many entities of an example, which begins at a document's token `first`, the ner can learn, and what is wrong with others."""
        same = numpy.array_equal(example.predicted.to_array(ORTH), example.reference.to_array(ORTH))
        if same and view.is_plain and len(example.reference) == len(view):
            return len(view.ents), []
        try:
            aligned = learnable(example)
        except Exception as error:  # whatever training would die of
            return 0, [("untrainable", *_where(view), _told(error))]
        if same:
            return len(aligned), []
        kept = {(ent.start_char, ent.end_char) for ent in aligned}
        lost = [ent for ent in example.reference.ents if (ent.start_char, ent.end_char) not in kept]
        words = [token.text for token in example.predicted]
        found = []
        for ent in lost:
            there = [words[i] for i in sorted({int(i) for i in example.alignment.y2x[ent.start : ent.end]})]
            found.append(
                (
                    "retokenised",
                    first + ent.start,
                    first + ent.end,
                    f"{ent.text!r} {ent.label_}: the config's tokens there are {there}",
                )
            )
        return len(aligned), found

    def _forbidden(self, view: View, example: Example, first: int) -> list[tuple[str, int, int, str]]:
        """Return the entities of an example that components before the ner keep it from."""
        if not self._annotates:
            return []
        try:
            kept_from = list(self.recipe.annotators.forbidden(example, self.split))
        except Exception as error:  # of somebody's component
            return [("untrainable", *_where(view), _told(error))]
        return [("forbidden-entity", first + start, first + end, detail) for start, end, detail in kept_from]

    def _cuts(self, view: View, examples: int, arrived: int) -> list[tuple[str, int, int, str]]:
        """Say what a reader's settings do to a document."""
        total = len(view)
        why = f"gold_preproc = true in [{self.recipe.training[f'{self.split}_corpus']}]"
        if not self._reader.gold_preproc:
            why = (
                f"max_length = {self._reader.max_length} in [{self.recipe.training[f'{self.split}_corpus']}]"
            )
        found = []
        if arrived < total:
            no_sentences = "" if view.sentences else ", no sentence boundaries"
            found.append(
                ("dropped-by-reader", 0, 0, f"{arrived} of {total} tokens are handed on: {why}{no_sentences}")
            )
        if examples > 1:
            found.append(("cut-by-reader", 0, 0, f"{total} tokens in {examples} pieces: {why}"))
        if examples > 1 or (arrived < total and examples):
            for start, end, label in view.ents:
                if view.crossed(start, end):
                    detail = f"tokens {start}–{end} {view.name(start, end)!r} {label} cross a sentence boundary; {why}"
                    found.append(("entity-cut", start, end, detail))
        return found


def read_whole(recipe: TrainingConfig, split: str) -> tuple[numpy.ndarray, list[tuple[str, str]]]:
    """Run a reader that is not spaCy's Corpus, in one go.

    Returns its examples as `Reading.table` does, numbered as they come, and what training would die of: check and detail.
    """
    rows, failures = [], []
    name = recipe.training[f"{split}_corpus"]
    try:
        for number, example in enumerate(recipe.read(split)):
            entities, where = 0, f"example {number} of [{name}], {example.reference.text[:80]!r}"
            try:
                entities = len(learnable(example))
                kept_from = recipe.annotators.forbidden(example, split) if split == "train" else ()
                failures += [("forbidden-entity", f"{where}: {detail}") for _, _, detail in kept_from]
            except Exception as error:
                failures.append(("untrainable", f"{where}: {_told(error)}"))
            rows.append((number, len(example.predicted), len(example.reference), entities))
    except Exception as error:
        failures.append(("untrainable", f"[{name}] fails after {len(rows)} examples: {_told(error)}"))
    return numpy.array(rows, dtype=numpy.int32).reshape(-1, len(COLUMNS)), failures


def _where(view: View) -> tuple[int, int]:
    """Return the tokens that are the likeliest reason why spaCy fails on a document."""
    illegal = numpy.flatnonzero(view.column("illegal")).tolist()
    if illegal:
        return illegal[0], illegal[0] + 1
    return next(
        ((start, end) for start, end, _ in view.ents if view.column("white")[start:end].any()), (0, 0)
    )


def _told(error: Exception) -> str:
    """Return spaCy's message on one line, shortened."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {re.sub(r'(?<=.{200}).+', '…', text)}"
