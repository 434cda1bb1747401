"""Checks of a whole corpus: what no document shows by itself."""

from collections.abc import Iterator

import numpy

from scripts.checks.catalogue import Severity, check, declare
from scripts.checks.collected import OFTEN, Corpus, Spot

FEW_DOCUMENTS = 100
A_HANDFUL = 20
"""Documents of dev or test up to which chance decides which split is larger."""
OUTLIER = 10
"""Times the 95th percentile of documents' lengths."""
LONG = 500
"""Tokens up to which no document is called an outlier."""

declare(
    "NER301",
    "damaged-shard",
    Severity.error,
    """A shard is missing, damaged, or not the file that was written.
    spaCy would train on something else than what was checked.""",
    remedy="build the corpus again: python -m spacy project run corpus . --force",
    bad="shard: rubbish",
    good="She/O saw/O Cork/B-LOC ./O",
)
declare(
    "NER302",
    "ledger",
    Severity.error,
    """The shards do not hold what the ledger says.
    Documents, tokens or entities were lost between two steps.""",
    remedy="build the corpus again: python -m spacy project run corpus . --force",
    bad='ledger: 1\n{"text": "Ana went home", "spans": [[0, 3, "PERSON"]]}',
    good='ledger: 0\n{"text": "Ana went home", "spans": [[0, 3, "PERSON"]]}',
)


@check(
    "NER208",
    "seen-entities",
    Severity.note,
    remedy="nothing; to measure new names, hold out documents with names that train does not have",
    bad="train: Ana/B-PERSON left/O\ndev: Ana/B-PERSON waited/O",
    good="train: Ana/B-PERSON left/O\ndev: Bo/B-PERSON waited/O",
)
def seen_entities(corpus: Corpus) -> Iterator[Spot]:
    """Entities of dev or test are in train with the same words and label.

    A pipeline can know them by heart. The share says what the scores measure: memory, or reading of the context.
    """
    for split in ("dev", "test"):
        total = seen = 0
        for counts in corpus.surfaces.values():
            for (where, label), (count, *_) in counts.items():
                if where == split:
                    total += count
                    seen += count if ("train", label) in counts else 0
        if seen:
            yield Spot(
                split,
                f"{100 * seen / total:.0f} % ({seen:,} of {total:,}) of the entities in {split} are in train, too",
            )


@check(
    "NER209",
    "labelled-elsewhere",
    Severity.warning,
    remedy="annotate these occurrences, or say in the guidelines when the name is none",
    bad="train: Cork/B-LOC won/O\ntrain: She/O saw/O Cork/B-LOC\ntrain: Cork/B-LOC lost/O\ntrain: They/O like/O Cork/O too/O",
    good="train: Cork/B-LOC won/O\ntrain: She/O saw/O Cork/B-LOC\ntrain: Cork/B-LOC lost/O\ntrain: They/O like/O Cork/B-LOC too/O",
)
def labelled_elsewhere(corpus: Corpus) -> Iterator[Spot]:
    """A name is an entity in three places or more, and unlabelled in others, at most half as many.

    Each place that was overlooked teaches the opposite of the others; in dev and test it turns right predictions
    into mistakes. Left alone are places where a reason shows: the name is a part of a longer one, or a word with
    a capital at a sentence's start.
    """
    for (text, labelled), (count, split, document, start, end) in corpus.unlabelled.items():
        if labelled >= max(OFTEN, 2 * count):
            yield Spot(
                split, f"{text!r} is labelled in {labelled} places and not in {count}", document, (start, end)
            )


@check(
    "NER213",
    "empty-split",
    Severity.error,
    error="E986",
    remedy="give the split documents with entities",
    bad="train: Ana/B-PERSON left/O\ndev: She/O left/O",
    good="train: Ana/B-PERSON left/O\ndev: Bo/B-PERSON left/O",
)
def empty_split(corpus: Corpus) -> Iterator[Spot]:
    """A split has no document, or no entity.

    Without them there is nothing to train on, to choose the best state by, or to test on: every score is 0 or undefined.
    """
    for name, split in corpus.splits.items():
        if not split.labels:
            yield Spot(
                name, f"{split.documents} documents without any entity" if split.documents else "no document"
            )


@check(
    "NER214",
    "no-negatives",
    Severity.warning,
    remedy="add documents without entities of the label, as they come in use",
    bad="train: Ana/B-PERSON left/O\ntrain: Bo/B-PERSON came/O",
    good="train: Ana/B-PERSON left/O\ntrain: Nobody/O came/O",
)
def no_negatives(corpus: Corpus) -> Iterator[Spot]:
    """Every document of train holds an entity of the label.

    The ner learns that there always is one, and finds it in texts that have none.
    """
    train = corpus.splits["train"]
    for label, count in sorted(train.with_label.items()):
        if count == train.documents > 1:
            yield Spot("train", f"{label} is in all {count} documents")


@check(
    "NER215",
    "length-outlier",
    Severity.warning,
    remedy="see whether document marks are missing; cut long documents (vars.max_tokens)",
    bad="train: She/O left/O *9\ntrain: long/O **2000",
    good="train: She/O left/O *9\ntrain: long/O **20",
)
def length_outlier(corpus: Corpus) -> Iterator[Spot]:
    """A document is ten times as long as all but the longest twentieth, and over 500 tokens.

    Often a mark between documents was overlooked: `spacy convert` makes one document of 46,630 tokens of WNUT17, because a blank line holds a tab.
    Batches are as large as their longest document, memory grows with it, and some batchers drop it.
    """
    for name, split in corpus.splits.items():
        if split.documents:
            usual = max(
                float(numpy.percentile(split.lengths, 95))
                if split.documents > 20
                else float(numpy.median(split.lengths)),
                1.0,
            )
            for document in numpy.flatnonzero(split.lengths > max(LONG, OUTLIER * usual)).tolist():
                yield Spot(
                    name,
                    f"{split.lengths[document]:,} tokens; most documents have up to {usual:.0f}",
                    document,
                )


@check(
    "NER216",
    "few-documents",
    Severity.warning,
    remedy="annotate more; some hundred documents, better two thousand",
    bad="train: Ana/B-PERSON left/O",
    good="train: Ana/B-PERSON left/O *100",
)
def few_documents(corpus: Corpus) -> Iterator[Spot]:
    """Train has fewer than 100 documents.

    What is learned from so few is chance, and another seed gives another pipeline.
    """
    documents = corpus.splits["train"].documents
    if 0 < documents < FEW_DOCUMENTS:
        yield Spot("train", f"{documents} documents")


@check(
    "NER218",
    "larger-than-train",
    Severity.warning,
    remedy="give train the larger part, or let the splits be drawn from one file (vars.dev and vars.test empty)",
    bad="train: Ana/B-PERSON left/O *20\ndev: Bo/B-PERSON came/O *21",
    good="train: Ana/B-PERSON left/O *21\ndev: Bo/B-PERSON came/O *20",
)
def larger_than_train(corpus: Corpus) -> Iterator[Spot]:
    """Dev or test has more documents and more tokens than train.

    What could teach is spent on scoring; often the files were given in the wrong order.
    """
    train = corpus.splits["train"]
    for name, split in corpus.splits.items():
        tokens, trained = int(split.lengths.sum()), int(train.lengths.sum())
        if split.documents > max(train.documents, A_HANDFUL) and train.documents and tokens > trained:
            counts = f"{split.documents:,} documents, {tokens:,} tokens; train has {train.documents:,} and {trained:,}"
            yield Spot(name, counts)
