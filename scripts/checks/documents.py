"""Checks of a document's entities and tags, as spaCy reads them from a shard."""

from collections.abc import Iterator

import numpy
from spacy.pipeline import Sentencizer

from scripts.checks.catalogue import Severity, check
from scripts.checks.characters import EDGES, is_unspaced, odd_edge
from scripts.checks.shard import Hit, View
from scripts.corpus.shards import BEGIN, OUTSIDE

LONG_ENTITY, LONG_NAME = 20, 200
"""Tokens, and characters, from which an entity is worth a look."""
ENDS = frozenset(Sentencizer.default_punct_chars) - {"."}
"""What spaCy's sentencizer takes for a sentence's end, but for the full stop, which many names hold."""


@check(
    "NER101",
    "i-without-b",
    Severity.error,
    tags=True,
    error="E093",
    remedy="write B (or U) for the entity's first token, or make the tag before it part of the entity",
    fix="safe",
    bad="She/O saw/O Cork/I-LOC harbour/I-LOC ./O",
    good="She/O saw/O Cork/B-LOC harbour/I-LOC ./O",
)
def i_without_b(view: View) -> Iterator[Hit]:
    """A token is tagged I (inside) and no B (begin) of its label comes before it.

    spaCy stops with E093 once it reads the document's entities, which may be an hour into training. In columns and DocBin files that
    are preprocessed, such a tag begins a new entity and this is told; in a DocBin file that is trained on as it is, nothing mends it.
    """
    for i in numpy.flatnonzero(view.column("illegal")).tolist():
        yield i, i + 1, f"token {i} {view.words[i]!r} is {view.tag(i)} after {view.tag(i - 1)}"


@check(
    "NER107",
    "empty-label",
    Severity.error,
    tags=True,
    remedy="give the entity a label",
    fix="unsafe",
    bad='{"text": "Ana went home", "spans": [[0, 3, ""]]}',
    good='{"text": "Ana went home", "spans": [[0, 3, "PERSON"]]}',
)
def empty_label(view: View) -> Iterator[Hit]:
    """An entity has no label.

    It cannot be learned: preprocessing drops it, and in a DocBin file a B tag without a type teaches the ner an entity that has no name.
    """
    for i in numpy.flatnonzero((view.column("iob") == BEGIN) & (view.column("types") == 0)).tolist():
        yield i, i + 1, f"token {i} {view.words[i]!r} begins an entity without a label"


@check(
    "NER112",
    "outside-with-label",
    Severity.error,
    tags=True,
    remedy="give the token its B or I, or take the label away",
    fix="unsafe",
    bad="She/O saw/O Cork/O-LOC ./O",
    good="She/O saw/O Cork/B-LOC ./O",
)
def outside_with_label(view: View) -> Iterator[Hit]:
    """A token has an entity label but is tagged O (outside) or not at all.

    spaCy does not take it for an entity, so the label is lost without a word. A tool that sets labels and forgets the tags makes such files.
    """
    iob = view.column("iob")
    for i in numpy.flatnonzero((view.column("types") != 0) & ((iob == OUTSIDE) | (iob == 0))).tolist():
        yield i, i + 1, f"token {i} {view.words[i]!r} is {view.tag(i)}"


@check(
    "NER113",
    "whitespace-edge",
    Severity.error,
    tags=True,
    error="E024",
    remedy="trim the span, or set vars.trim",
    fix="safe",
    bad='{"text": "Ana went home", "spans": [[3, 8, "LOC"]]}',
    good='{"text": "Ana went home", "spans": [[4, 8, "LOC"]]}',
)
def whitespace_edge(view: View) -> Iterator[Hit]:
    """An entity begins or ends with white space.

    spaCy's ner cannot begin an entity at a white-space token: training stops with E024, often many steps in, and names no document.
    At its end white space is learned as part of names, so that predictions get it too.
    """
    for start, end, label in view.ents:
        if view.words[start].isspace() or view.words[end - 1].isspace():
            yield start, end, f"{view.surface(start, end)!r} {label}"


@check(
    "NER114",
    "punctuation-edge",
    Severity.warning,
    remedy="leave the mark out of the entity (or the bracket's partner in)",
    bad="She/O saw/O Cork/B-LOC ,/I-LOC too/O",
    good="She/O saw/O Cork/B-LOC ,/O too/O",
)
def punctuation_edge(view: View) -> Iterator[Hit]:
    """An entity begins or ends with a comma, a lone quote or half a pair of brackets.

    Nothing fails, but the ner learns that such marks belong to names, and a right prediction without the mark
    counts as wrong. Names in quotes or brackets of their own, whatever the language's, are left alone.
    """
    words = view.words
    for start, end, label in view.ents:
        if end - start == 1 or (words[start] not in EDGES and words[end - 1] not in EDGES):
            continue
        name = view.name(start, end)
        if odd_edge(name, words[start - 1] if start else "", words[end] if end < len(words) else ""):
            yield start, end, f"{name!r} {label}"


@check(
    "NER115",
    "inside-word",
    Severity.warning,
    remedy="move the entity's ends to the word's",
    bad="She/O met/O un+/O American/B-LOC ./O",
    good="She/O met/O un/O American/B-LOC ./O",
)
def inside_word(view: View) -> Iterator[Hit]:
    """An entity begins or ends in the middle of a written word.

    The tokens allow it because somebody split the word, but spaCy's tokeniser will not split it in use: the entity cannot be found in raw text.
    Scripts that put no spaces between words (Chinese, Japanese, Thai) are left alone: neighbours are other words.
    """
    if view.unknown_spaces:
        return
    words, spaces = view.words, view.spaces
    for start, end, label in view.ents:
        left = start > 0 and not spaces[start - 1] and _is_one_word(words[start - 1], words[start])
        right = end < len(words) and not spaces[end - 1] and _is_one_word(words[end - 1], words[end])
        right = right and words[end][0].isalpha()
        if left or right:
            yield (
                start,
                end,
                f"{view.name(start, end)!r} {label} is part of {view.name(start - left, end + right)!r}",
            )


def _is_one_word(left: str, right: str) -> bool:
    """Say whether two tokens without a space between them look like parts of one word."""
    edges = left[-1], right[0]
    return all(map(str.isalnum, edges)) and not any(map(is_unspaced, edges))


@check(
    "NER116",
    "across-sentences",
    Severity.warning,
    remedy="nothing, unless you change the reader; or mend the sentence boundary",
    bad="They/O sued/O Yip/B-ORG !/I-ORG | Inc./I-ORG yesterday/O",
    good="They/O sued/O Yip/B-ORG !/I-ORG Inc./I-ORG yesterday/O | Today/O too/O",
)
def across_sentences(view: View) -> Iterator[Hit]:
    """An entity holds a sentence's end.

    A reader that cuts documents into sentences (max_length, gold_preproc) cuts the entity in two: with E093 in spaCy 3.0, without a word since
    3.1. The configs here do not cut. Where the data has no sentences, a `!` or `?` inside the entity counts.
    """
    for start, end, label in view.ents:
        if end - start == 1:
            continue
        if view.crossed(start, end):
            yield start, end, f"{view.name(start, end)!r} {label} holds a sentence's end"
        elif not view.sentences_known and any(word in ENDS for word in view.words[start : end - 1]):
            yield start, end, f"{view.name(start, end)!r} {label} looks as if it held a sentence's end"


@check(
    "NER117",
    "long-entity",
    Severity.warning,
    remedy="see whether the tags after the first are meant",
    bad=" ".join(["In/O", "the/B-WORK", *["long/I-WORK"] * 20, "run/I-WORK"]),
    good="In/O the/B-WORK long/I-WORK run/I-WORK",
)
def long_entity(view: View) -> Iterator[Hit]:
    """An entity has more than 20 tokens, or more than 200 characters.

    Names are seldom so long: often a closing tag was lost, and the ner would learn to run on.
    """
    for start, end, label in view.ents:
        if end - start > LONG_ENTITY:
            yield start, end, f"{end - start} tokens {label}"
        elif sum(map(len, view.words[start:end])) > LONG_NAME:
            yield start, end, f"{len(view.name(start, end))} characters {label}"


@check(
    "NER118",
    "unknown-label",
    Severity.error,
    remedy="mend the label, or add it to vars.labels",
    bad="labels: LOC,ORG,PERSON\nShe/O saw/O Cork/B-LCO ./O",
    good="labels: LOC,ORG,PERSON\nShe/O saw/O Cork/B-LOC ./O",
)
def unknown_label(view: View) -> Iterator[Hit]:
    """A label is none of those that vars.labels allows.

    A typing error would become an entity type of its own: trained, scored and predicted.
    """
    if view.labels:
        for start, end, label in view.ents:
            if label and label not in view.labels:
                yield start, end, f"{label!r} is none of {', '.join(sorted(view.labels))}"


@check(
    "NER122",
    "missing-annotation",
    Severity.warning,
    tags=True,
    remedy="annotate these tokens: O, if there is no entity",
    fix="unsafe",
    bad="Ana/B-PERSON saw/- Cork/- ./O",
    good="Ana/B-PERSON saw/O Cork/B-LOC ./O",
)
def missing_annotation(view: View) -> Iterator[Hit]:
    """Tokens are tagged `-` (missing): neither as an entity nor as none.

    The ner learns nothing from them, and the scorer ignores every prediction that touches them, so that scores on such data are too good.
    """
    missing = numpy.flatnonzero((view.column("iob") == 0) & (view.column("types") == 0))
    if len(missing):
        yield int(missing[0]), int(missing[0]) + 1, f"{len(missing)} of {len(view)} tokens"
