"""Checks of a whole corpus: what no document shows by itself. Functions are called as their checks."""

import re
from collections.abc import Iterator
from itertools import combinations, zip_longest

import numpy

from scripts.checks.catalogue import by_slug
from scripts.checks.stats import CorpusFinding, CorpusStats

FEW_DOCUMENTS = 100
A_HANDFUL = 20
"""Documents of dev or test up to which chance decides which split is larger."""
OUTLIER = 10
"""Times the 95th percentile of documents' lengths."""
LONG = 500
"""Tokens up to which no document is called an outlier."""
FEW_WORDS, FEW_TOKENS = 2, 6
"""Texts of so many words (`Yes.`) come again by themselves; tokens up to which words are counted."""
FEW = 50
"""Entities of a label below which spaCy's debug data warns, too."""
SEPARATORS = re.compile(r"[-_./:\s]+")
SHORTEST = 4
"""Letters of the shortest word in which one other letter may be a mistake: NAM and NOM are two words."""
RARE = 10
"""So many times as often must the right spelling occur."""
SHORT_FORMS = {"person": ("per", "pers"), "location": ("loc",), "miscellaneous": ("misc",)}
SHORT_FORMS |= {
    "product": ("prod",),
    "facility": ("fac",),
    "organization": ("org",),
    "organisation": ("org",),
}
TAG = re.compile(r"[BILUSE]-(.+)")
"""A label that is spelt like a tag of IOB2, BILUO or BIOES."""


def duplicate_text(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find texts that come again, in any split, with the same annotation or not; or nearly so."""
    same, nearly_same = corpus.same_texts()
    for (split, document), other, is_same in same:
        found, is_here = CorpusFinding(split, "", document, other=other), other[0] == split
        if not is_same:
            detail = f"annotated otherwise than {other[0]},"
            yield found._replace(detail=detail, slug="conflicting-annotation")
        if is_here and is_same and not _is_short(corpus, split, document):
            yield found._replace(detail="the same as", slug="duplicate-text")
        if not is_here and not _is_short(corpus, split, document):
            yield found._replace(detail=f"the same text is in {other[0]},", slug="text-in-two-splits")
    for (split, document), other, _ in nearly_same:
        near, slug = "nearly the same as", "near-duplicate"
        if other[0] != split:
            near, slug = f"{near} {other[0]},", f"{slug}-across-splits"
        yield CorpusFinding(split, near, document, other=other, slug=slug)


def _is_short(corpus: CorpusStats, split: str, document: int) -> bool:
    """Say whether a document has only one or two words."""
    if corpus.splits[split].lengths[document] > FEW_TOKENS:
        return False
    words = corpus.view(split, document).words
    return sum(any(map(str.isalnum, word)) for word in words) <= FEW_WORDS


def label_not_in_train(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find labels of dev and test that cannot be learned."""
    trained = corpus.splits["train"].labels
    for split in [name for name in corpus.splits if name != "train"]:
        for label, count in sorted(corpus.splits[split].labels.items()):
            if label not in trained:
                detail = f"{label}: {count} entities in {split}, none in train"
                yield CorpusFinding(split, detail, *corpus.first_of(split, label))


def label_not_held_out(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find labels of train that are not measured."""
    for name, split in corpus.splits.items():
        for label, count in sorted(corpus.splits["train"].labels.items()):
            if name != "train" and split.documents and label not in split.labels:
                yield CorpusFinding(name, f"{label}: {count} entities in train, none in {name}")


def seen_entities(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Tell the share of entities in dev and test that are in train, too."""
    for split, stats in corpus.splits.items():
        known = corpus.splits["train"].names.keys() & stats.names.keys()
        seen, total = sum(stats.names[name][0] for name in known), stats.labels.total()
        if seen and split != "train":
            share = f"{100 * seen / total:.0f} % ({seen:,} of {total:,})"
            yield CorpusFinding(split, f"{share} of the entities in {split} are in train, too")


def two_labels(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find names that have several labels, two of them more than once."""
    for (_, text), labels in corpus.labels_of_names.items():
        if len(labels) > 1 and sorted(count for count, *_ in labels.values())[-2] > 1:
            often_first = sorted(labels.items(), key=lambda item: -item[1][0])
            figures = ", ".join(f"{label} {count}" for label, (count, *_) in often_first)
            _, (split, document), *tokens = min(labels.values(), key=lambda value: value[0])
            yield CorpusFinding(split, f"{text!r} is {figures}", document, tuple(tokens))


def label_typo(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find labels that look like another's misspelling or short form."""
    labels = corpus.labels
    for pair in combinations(sorted(labels) if not corpus.allowed else (), 2):
        rare, other = sorted(pair, key=labels.get)
        is_rare = labels[rare] * RARE <= labels[other]
        if _is_one_word(rare, other, is_rare=is_rare) or _is_short_form(corpus, rare, other):
            split = next(name for name, part in corpus.splits.items() if rare in part.labels)
            detail = f"{rare} ({labels[rare]}) looks like {other} ({labels[other]})"
            yield CorpusFinding(split, detail, *corpus.first_of(split, rare))


def _differing(one: str, two: str) -> tuple[str, str]:
    """Return the only part in which two labels differ; nothing where there are several, or other parts."""
    parts = [SEPARATORS.split(label.casefold()) for label in (one, two)]
    differing = [pair for pair in zip_longest(*parts) if pair[0] != pair[1]]
    return differing[0] if len(differing) == 1 and None not in differing[0] else ("", "")


def _is_one_word(one: str, two: str, *, is_rare: bool) -> bool:
    """Say whether labels are the same but for case and separators; if one is rare, for a letter of a word."""
    if SEPARATORS.sub("", one.casefold()) == SEPARATORS.sub("", two.casefold()):
        return True
    a, b = _differing(one, two)
    return is_rare and min(len(a), len(b)) >= SHORTEST and (a + b).isalpha() and is_one_edit(a, b)


def is_one_edit(a: str, b: str) -> bool:
    """Say whether a letter too many, too few or wrong, or two that changed places, are all the difference."""
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[start:], b[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _is_short_form(corpus: CorpusStats, one: str, two: str) -> bool:
    """Say whether one label is short for the other.

    It is a usual short form; or the first letters, and half of one label's names have the other, too.
    """
    short, long = sorted(_differing(one, two), key=len)
    if short in SHORT_FORMS.get(long, ()):
        return True
    if not 3 <= len(short) <= SHORTEST or not long.startswith(short):
        return False
    labelled = [labels.keys() for labels in corpus.labels_of_names.values()]
    both = sum({one, two} <= labels for labels in labelled)
    return 2 * both >= max(1, min(sum(label in labels for labels in labelled) for label in (one, two)))


def rare_label(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find labels with few entities in train."""
    for label, count in sorted(corpus.splits["train"].labels.items()):
        if count < FEW:
            detail = f"{label}: {count} entities in train"
            yield CorpusFinding("train", detail, *corpus.first_of("train", label))


def empty_split(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find splits without documents or entities."""
    for name, split in corpus.splits.items():
        if not split.labels:
            documents = f"{split.documents} documents without any entity"
            yield CorpusFinding(name, documents if split.documents else "no document")


def no_negatives(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find labels that are in every document of train."""
    train = corpus.splits["train"]
    for label, count in sorted(train.with_label.items()):
        if count == train.documents > 1:
            yield CorpusFinding("train", f"{label} is in all {count} documents")


def length_outlier(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find documents that are many times as long as most."""
    for name, split in corpus.splits.items():
        lengths = numpy.array(split.lengths or [0])
        percentile = 95 if split.documents > 20 else 50
        usual = max(float(numpy.percentile(lengths, percentile)), 1.0)
        for document in numpy.flatnonzero(lengths > max(LONG, OUTLIER * usual)).tolist():
            detail = f"{lengths[document]:,} tokens; most documents have up to {usual:.0f}"
            yield CorpusFinding(name, detail, document)


def few_documents(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Tell if train is small."""
    documents = corpus.splits["train"].documents
    if 0 < documents < FEW_DOCUMENTS:
        yield CorpusFinding("train", f"{documents} documents")


def tag_as_label(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find labels that are spelt like tags and stand for the same types."""
    labels = corpus.labels
    tags = {label: match[1] for label in sorted(labels) if (match := TAG.fullmatch(label))}
    begun = {stem for label, stem in tags.items() if label.startswith("B-")}
    others = {stem for label, stem in tags.items() if not label.startswith("B-")}
    if begun and (begun & others or len(tags) == len(labels) or (len(begun) > 1 and begun <= labels.keys())):
        places = ((name, tag) for name, split in corpus.splits.items() for tag in tags if tag in split.labels)
        split, label = next(places)
        names = ", ".join(f"{label} {labels[label]}" for label in [*tags][:8])
        detail = f"{sum(map(labels.get, tags)):,} of {labels.total():,} entities: {names}"
        yield CorpusFinding(split, detail, *corpus.first_of(split, label))


def larger_than_train(corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Find splits that have more documents and more tokens than train."""
    train = corpus.splits["train"]
    for name, split in corpus.splits.items():
        tokens, trained = sum(split.lengths), sum(train.lengths)
        if split.documents > max(train.documents, A_HANDFUL) and train.documents and tokens > trained:
            counts = f"{split.documents:,} documents, {tokens:,} tokens"
            yield CorpusFinding(name, f"{counts}; train has {train.documents:,} and {trained:,}")


CORPUS_CHECKS = by_slug(globals())
"""By slug; what `duplicate_text` finds has slugs of its own."""
