"""Checks of a corpus: texts that occur again."""

from collections.abc import Iterator

from scripts.checks.catalogue import Severity, check
from scripts.checks.collected import Corpus, Spot

FEW_WORDS = 2
"""Texts of so many words (`Yes.`, `Thank you`) come again by themselves."""
FEW_TOKENS = 6
"""Tokens up to which words are counted."""


@check(
    "NER201",
    "text-in-two-splits",
    Severity.warning,
    remedy="take it out of one of the splits; vars.group_by keeps what belongs together on one side",
    fix="unsafe",
    bad="train: Ana/B-PERSON left/O Cork/B-LOC\ndev: Ana/B-PERSON left/O Cork/B-LOC",
    good="train: Ana/B-PERSON left/O Cork/B-LOC\ndev: Bo/B-PERSON never/O saw/O it/O",
)
def text_in_two_splits(corpus: Corpus) -> Iterator[Spot]:
    """The same text is in two splits.

    The scores are too good: the text was trained on, or chosen by, and then tested on. White space does not
    count, nor do texts of one or two words.
    """
    for split, document, other, first in corpus.equal_texts():
        if other != split and not _is_short(corpus, split, document):
            yield Spot(split, f"the same text is in {other},", document, other=(other, first))


@check(
    "NER204",
    "duplicate-text",
    Severity.warning,
    remedy="delete all but one",
    fix="safe",
    bad="train: Ana/B-PERSON left/O Cork/B-LOC\ntrain: Ana/B-PERSON left/O Cork/B-LOC",
    good="train: Ana/B-PERSON left/O Cork/B-LOC\ntrain: Bo/B-PERSON left/O Leeds/B-LOC",
)
def duplicate_text(corpus: Corpus) -> Iterator[Spot]:
    """The same text occurs again in a split, with the same annotation.

    In train it counts double; in dev and test a lucky hit or a miss does. Texts of one or two words do not
    count.
    """
    for split, document, other, first in corpus.equal_texts():
        same = other == split and corpus.same_annotation(split, document, other, first)
        if same and not _is_short(corpus, split, document):
            yield Spot(split, "the same as", document, other=(other, first))


@check(
    "NER205",
    "conflicting-annotation",
    Severity.warning,
    remedy="decide which is right, and write the rule into the guidelines",
    bad="train: Ana/B-PERSON left/O Cork/B-LOC\ntrain: Ana/B-PERSON left/O Cork/O",
    good="train: Ana/B-PERSON left/O Cork/B-LOC\ntrain: Ana/B-PERSON left/O Cork/B-LOC",
)
def conflicting_annotation(corpus: Corpus) -> Iterator[Spot]:
    """The same text is annotated in two ways, in one split or in two.

    Whatever the ner learns from one is wrong for the other.
    """
    for split, document, other, first in corpus.equal_texts():
        if not corpus.same_annotation(split, document, other, first):
            yield Spot(split, f"annotated otherwise than {other},", document, other=(other, first))


@check(
    "NER206",
    "near-duplicate",
    Severity.note,
    remedy="see whether both are needed",
    bad="train: {words}/O one/O\ntrain: {words}/O two/O",
    good="train: {words}/O one/O\ntrain: other/O things/O altogether/O",
)
def near_duplicate(corpus: Corpus) -> Iterator[Spot]:
    """A text is nearly that of another document of the split: four fifths of all three-word runs of both are in both.

    Templates and reposts weigh more than they should. Named is the first document of such a row: where the second is
    nearly the third, the first and the third may be less alike.
    """
    for split, document, other, first in corpus.near_texts():
        if other == split:
            yield Spot(split, "nearly the same as", document, other=(other, first))


@check(
    "NER207",
    "near-duplicate-across-splits",
    Severity.warning,
    remedy="keep such documents in one split (vars.group_by), or let the splits be drawn: drawn splits keep them together",
    bad="train: {words}/O one/O\ndev: {words}/O two/O",
    good="train: {words}/O one/O\ndev: other/O things/O altogether/O",
)
def near_duplicate_across_splits(corpus: Corpus) -> Iterator[Spot]:
    """A text is nearly that of a document of another split.

    The scores are too good, as with the very same text.
    """
    for split, document, other, first in corpus.near_texts():
        if other != split:
            yield Spot(split, f"nearly the same as {other},", document, other=(other, first))


def _is_short(corpus: Corpus, split: str, document: int) -> bool:
    """Say whether a document has only one or two words."""
    if corpus.splits[split].lengths[document] > FEW_TOKENS:
        return False
    words = corpus.find(split, document).words
    return sum(any(map(str.isalnum, word)) for word in words) <= FEW_WORDS
