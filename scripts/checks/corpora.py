"""Checks of a whole corpus: what no document shows by itself."""

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations

import numpy

from scripts.checks.catalogue import Severity, check, declare
from scripts.checks.collected import Corpus, Spot
from scripts.corpus.splits import SPLITS

FEW = 50
"""Entities of a label below which spaCy's debug data warns, too."""
FEW_DOCUMENTS = 100
OUTLIER = 10
"""Times the 95th percentile of documents' lengths."""
LONG = 500
"""Tokens up to which no document is called an outlier."""
ALIKE = 0.8
"""Likeness (difflib) from which two labels may be one."""
OFTEN = 3
"""So often must a name be labelled before its unlabelled occurrences count."""

declare(
    "NER301",
    "damaged-shard",
    Severity.error,
    """A shard is missing, damaged, or not the file that was written.
    spaCy would train on something else than what was checked.""",
    remedy="build the corpus again: python -m spacy project run preprocess . --force",
    bad="shard: rubbish",
    good="She/O saw/O Cork/B-LOC ./O",
)
declare(
    "NER302",
    "ledger",
    Severity.error,
    """The shards do not hold what the ledger says.
    Documents, tokens or entities were lost between two steps.""",
    remedy="build the corpus again: python -m spacy project run preprocess . --force",
    bad='ledger: 1\n{"text": "Ana went home", "spans": [[0, 3, "PERSON"]]}',
    good='ledger: 0\n{"text": "Ana went home", "spans": [[0, 3, "PERSON"]]}',
)


@check(
    "NER202",
    "label-not-in-train",
    Severity.warning,
    remedy="annotate some in train",
    bad="train: Ana/B-PERSON left/O\ndev: Cork/B-LOC waited/O",
    good="train: Ana/B-PERSON left/O Leeds/B-LOC\ndev: Cork/B-LOC waited/O",
)
def label_not_in_train(corpus: Corpus) -> Iterator[Spot]:
    """A label of dev or test is not in train.

    The pipelines cannot learn it, and lose its entities in the scores.
    """
    trained = corpus.splits["train"].labels
    for split in ("dev", "test"):
        if split in corpus.splits:
            for label, count in sorted(corpus.splits[split].labels.items()):
                if label not in trained:
                    yield Spot(split, f"{label}: {count} entities in {split}, none in train", *corpus.first_of(split, label))


@check(
    "NER203",
    "label-not-held-out",
    Severity.warning,
    remedy="annotate some in dev and test",
    bad="train: Ana/B-PERSON left/O Cork/B-LOC\ndev: Bo/B-PERSON waited/O",
    good="train: Ana/B-PERSON left/O Cork/B-LOC\ndev: Bo/B-PERSON waited/O in/O Leeds/B-LOC",
)
def label_not_held_out(corpus: Corpus) -> Iterator[Spot]:
    """A label of train is not in dev or test.

    Nothing measures how well it is learned.
    """
    for split in ("dev", "test"):
        if split in corpus.splits and corpus.splits[split].documents:
            for label, count in sorted(corpus.splits["train"].labels.items()):
                if label not in corpus.splits[split].labels:
                    yield Spot(split, f"{label}: {count} entities in train, none in {split}")


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
            yield Spot(split, f"{100 * seen / total:.0f} % ({seen:,} of {total:,}) of the entities in {split} are in train, too")


@check(
    "NER209",
    "labelled-elsewhere",
    Severity.warning,
    remedy="annotate these occurrences, or say in the guidelines when the name is none",
    bad="train: Cork/B-LOC won/O\ntrain: She/O saw/O Cork/B-LOC\ntrain: Cork/B-LOC lost/O\ntrain: They/O like/O Cork/O too/O",
    good="train: Cork/B-LOC won/O\ntrain: She/O saw/O Cork/B-LOC\ntrain: Cork/B-LOC lost/O\ntrain: They/O like/O Cork/B-LOC too/O",
)
def labelled_elsewhere(corpus: Corpus) -> Iterator[Spot]:
    """A name is an entity in most places (three at least) and unlabelled in others.

    Each place that was overlooked teaches the opposite of the others; in dev and test it turns right predictions into mistakes.
    """
    for (text, labelled), (count, split, document, start, end) in corpus.unlabelled.items():
        if labelled >= OFTEN and labelled > count:
            yield Spot(split, f"{text!r} is labelled in {labelled} places and not in {count}", document, (start, end))


@check(
    "NER210",
    "two-labels",
    Severity.warning,
    remedy="decide which is right, and write the rule into the guidelines",
    bad="train: Cork/B-LOC won/O *2\ntrain: Cork/B-ORG lost/O *2",
    good="train: Cork/B-LOC won/O *2\ntrain: Cork/B-LOC lost/O *2",
)
def two_labels(corpus: Corpus) -> Iterator[Spot]:
    """A name has one label here and another there, each more than once.

    Some names are both (Cork, the team and the town); where annotators disagree, the ner cannot learn either.
    """
    for text, labels in corpus.labels_of_surfaces():
        if len(labels) > 1 and sorted(count for count, *_ in labels.values())[-2] > 1:
            counts = ", ".join(f"{label} {count}" for label, (count, *_) in sorted(labels.items(), key=lambda item: -item[1][0]))
            _, split, document, start, end = min(labels.values(), key=lambda value: value[0])
            yield Spot(split, f"{text!r} is {counts}", document, (start, end))


@check(
    "NER211",
    "label-typo",
    Severity.warning,
    remedy="make them one label, or allow both by vars.labels",
    bad="train: Ana/B-PERSON met/O Bo/B-Person",
    good="train: Ana/B-PERSON met/O Bo/B-PERSON",
)
def label_typo(corpus: Corpus) -> Iterator[Spot]:
    """Two labels look like one: they differ in case, one begins with the other, or nearly all letters are the same.

    `PER` and `PERSON` become two entity types, each learned from a part of the data, and predictions of one count as misses of the other.
    """
    labels = Counter()
    for split in corpus.splits.values():
        labels += split.labels
    for one, two in combinations(sorted(labels), 2):
        a, b = one.casefold(), two.casefold()
        shorter = min(len(a), len(b))
        if a == b or (shorter >= 3 and (a.startswith(b) or b.startswith(a) or SequenceMatcher(None, a, b).ratio() >= ALIKE)):
            rare, other = sorted((one, two), key=lambda label: labels[label])
            if not corpus.allowed:
                split = next(name for name in SPLITS if name in corpus.splits and rare in corpus.splits[name].labels)
                yield Spot(split, f"{rare} ({labels[rare]}) looks like {other} ({labels[other]})", *corpus.first_of(split, rare))


@check(
    "NER212",
    "rare-label",
    Severity.warning,
    remedy="annotate more, or merge the label with another",
    bad="train: Ana/B-PERSON left/O",
    good="train: Ana/B-PERSON left/O *60",
)
def rare_label(corpus: Corpus) -> Iterator[Spot]:
    """A label has fewer than 50 entities in train.

    That is too little to learn it, and to trust its score.
    """
    for label, count in sorted(corpus.splits["train"].labels.items()):
        if count < FEW:
            yield Spot("train", f"{label}: {count} entities in train", *corpus.first_of("train", label))


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
            yield Spot(name, f"{split.documents} documents without any entity" if split.documents else "no document")


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
            usual = max(float(numpy.percentile(split.lengths, 95)) if split.documents > 20 else float(numpy.median(split.lengths)), 1.0)
            for document in numpy.flatnonzero(split.lengths > max(LONG, OUTLIER * usual)).tolist():
                yield Spot(name, f"{split.lengths[document]:,} tokens; most documents have up to {usual:.0f}", document)


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
