"""Checks of a corpus's labels: what each has, and which are not what they seem."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from scripts.checks.catalogue import Severity, check
from scripts.checks.collected import Corpus, Spot
from scripts.corpus.splits import SPLITS

FEW = 50
"""Entities of a label below which spaCy's debug data warns, too."""
SEPARATORS = re.compile(r"[-_./:\s]+")
SHORTEST = 4
"""Letters of the shortest word in which one other letter is taken for a mistake: NAM and NOM are two words."""
RARE = 10
"""So many times as often must the right spelling occur."""
SHORT_FORMS = {
    "per": ("person",),
    "pers": ("person",),
    "org": ("organization", "organisation"),
    "loc": ("location",),
    "misc": ("miscellaneous",),
    "prod": ("product",),
    "fac": ("facility",),
}
TAG = re.compile(r"[BILUSE]-(.+)")
"""A label that is spelt like a tag of IOB2, BILUO or BIOES."""


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
                    yield Spot(
                        split,
                        f"{label}: {count} entities in {split}, none in train",
                        *corpus.first_of(split, label),
                    )


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
            counts = ", ".join(
                f"{label} {count}"
                for label, (count, *_) in sorted(labels.items(), key=lambda item: -item[1][0])
            )
            _, split, document, start, end = min(labels.values(), key=lambda value: value[0])
            yield Spot(split, f"{text!r} is {counts}", document, (start, end))


@check(
    "NER211",
    "label-typo",
    Severity.warning,
    remedy="make them one label, or allow both by vars.labels",
    bad="train: Ana/B-PERSON met/O Bo/B-Person",
    good="train: Ana/B-PER.NAM met/O her/B-PER.NOM",
)
def label_typo(corpus: Corpus) -> Iterator[Spot]:
    """Two labels look like one: in other case, with one letter wrong in the rare one, or one short for the other.

    `PER` and `PERSON` become two entity types, each learned from a part of the data, and predictions of one
    count as misses of the other. Short forms other than the usual are told only where both labels stand for the
    same names.
    """
    if corpus.allowed:
        return
    labels = _counts(corpus)
    for pair in combinations(sorted(labels), 2):
        rare, other = sorted(pair, key=lambda label: labels[label])
        is_rare = labels[rare] * RARE <= labels[other]
        if _is_one_word(rare, other, is_rare=is_rare) or _is_short_form(corpus, rare, other):
            split = next(
                name for name in SPLITS if name in corpus.splits and rare in corpus.splits[name].labels
            )
            yield Spot(
                split,
                f"{rare} ({labels[rare]}) looks like {other} ({labels[other]})",
                *corpus.first_of(split, rare),
            )


@check(
    "NER217",
    "tag-as-label",
    Severity.error,
    remedy="make one span of each B and the I's behind it, labelled without the prefix; or give a column file",
    bad='{"text": "Ana Pilar went home", "spans": [[0, 3, "B-PER"], [4, 9, "I-PER"]]}',
    good='{"text": "Ana Pilar went home", "spans": [[0, 9, "PER"]]}',
)
def tag_as_label(corpus: Corpus) -> Iterator[Spot]:
    """Labels are spelt like tags (B-PER, I-PER): a tool wrote each token's tag as a span.

    The first and the further words of a name are then entities of two types, and no name of several words is
    ever whole.
    """
    labels = _counts(corpus)
    tags = {label: match[1] for label in labels if (match := TAG.fullmatch(label))}
    begun = {stem for label, stem in tags.items() if label.startswith("B-")}
    others = {stem for label, stem in tags.items() if not label.startswith("B-")}
    if begun and (begun & others or len(tags) == len(labels) or (len(begun) > 1 and begun <= labels.keys())):
        split, label = next(
            (name, label)
            for name in corpus.splits
            for label in sorted(tags)
            if label in corpus.splits[name].labels
        )
        names = ", ".join(f"{label} {labels[label]}" for label in sorted(tags)[:8])
        total = sum(labels[label] for label in tags)
        yield Spot(
            split, f"{total:,} of {labels.total():,} entities: {names}", *corpus.first_of(split, label)
        )


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


def _counts(corpus: Corpus) -> Counter[str]:
    """Return how many entities each label has in all splits."""
    labels: Counter[str] = Counter()
    for split in corpus.splits.values():
        labels += split.labels
    return labels


def _differing(one: str, two: str) -> tuple[str, str]:
    """Return the only part in which two labels differ; nothing where there are several, or other parts."""
    parts = [SEPARATORS.split(label.casefold()) for label in (one, two)]
    if len(parts[0]) != len(parts[1]):
        return "", ""
    differing = [pair for pair in zip(*parts, strict=True) if pair[0] != pair[1]]
    return differing[0] if len(differing) == 1 else ("", "")


def _is_one_word(one: str, two: str, *, is_rare: bool) -> bool:
    """Say whether labels are the same but for case and separators, or, if one is rare, for a letter of a word."""
    if SEPARATORS.sub("", one.casefold()) == SEPARATORS.sub("", two.casefold()):
        return True
    a, b = _differing(one, two)
    return is_rare and min(len(a), len(b)) >= SHORTEST and (a + b).isalpha() and _is_one_edit(a, b)


def _is_one_edit(a: str, b: str) -> bool:
    """Say whether a letter too many, too few or wrong, or two that changed places, are all the difference."""
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[start:], b[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _is_short_form(corpus: Corpus, one: str, two: str) -> bool:
    """Say whether one label is short for the other.

    It is a usual short form, or the first letters, and at least half of one label's names have the other, too.
    """
    short, long = sorted(_differing(one, two), key=len)
    if long in SHORT_FORMS.get(short, ()):
        return True
    if not 3 <= len(short) <= SHORTEST or not long.startswith(short):
        return False
    labelled = [{label for _, label in counts} for counts in corpus.surfaces.values()]
    both = sum({one, two} <= labels for labels in labelled)
    return 2 * both >= max(1, min(sum(label in labels for labels in labelled) for label in (one, two)))
