"""Find the places of the test set where a variant is wrong, with the text around them, for the page."""

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.corpus.shards import read_shard
from scripts.corpus.stream import find_shards
from scripts.report.matching import KINDS, Entity, Pair, kind, pair_entities
from scripts.report.slices import SEEN, seen_form, train_forms
from scripts.report.texts import with_spaces

INPUT = "gold_tokens"
MOST_PLACES = 20_000
"""So many places are in the page, drawn at random from all: more would not open in a few seconds."""
TOKENS_AROUND, CHARACTERS_AROUND, MOST_CHARACTERS = 15, 150, 600
"""The text of a place: so much before and behind its entities, and so much of all together."""
Type = tuple[int, str, str]
"""A kind of error: the place in KINDS, the gold label, the predicted label; "" for what is not there."""


@dataclass(slots=True)
class Place:
    """Entities of gold and predictions that overlap each other, by characters, `end` exclusive."""

    start: int
    end: int
    pairs: list[tuple[int, Pair]] = field(default_factory=list)
    """The number of a variant, and a pair of it."""


def error_browser(variants: dict[str, list[dict]], corpus: Path, *, most: int = MOST_PLACES) -> dict:
    """Return the places where a variant is wrong; this folder's README.md says what each key means.

    variants: of each, the rows of its predictions. Of more than `most` places, a sample is kept.
    """
    found = [
        (document, place)
        for document, rows in enumerate(zip(*variants.values(), strict=True))
        for place in find_places(rows[0]["gold"], [row[INPUT] for row in rows])
    ]
    counts = Counter((type_of(pair), variant) for _, place in found for variant, pair in place.pairs)
    types = sorted({name for name, _ in counts})
    kept = sorted(random.Random(0).sample(range(len(found)), min(most, len(found))))
    by_document: dict[int, list[Place]] = {}
    for document, place in (found[number] for number in kept):
        by_document.setdefault(document, []).append(place)
    return {
        "variants": [*variants],
        "kinds": KINDS,
        "seen": SEEN,
        "types": [[*name, [counts[name, variant] for variant in range(len(variants))]] for name in types],
        "total": len(found),
        "places": _describe(by_document, [*variants.values()], types, corpus),
    }


def find_places(gold: list[Entity], predictions: list[list[Entity]]) -> list[Place]:
    """Return the places of a document where at least one variant is wrong, from left to right.

    predictions: of each variant. A place has the pairs of all variants: of those that are right there, too.
    """
    if all(predicted == gold for predicted in predictions):
        return []
    pairs = [(i, pair) for i, predicted in enumerate(predictions) for pair in pair_entities(gold, predicted)]
    places: list[Place] = []
    for variant, pair in sorted(pairs, key=lambda each: (*_extent(each[1]), each[0])):
        start, end = _extent(pair)
        if not places or start >= places[-1].end:
            places.append(Place(start, end))
        places[-1].end = max(places[-1].end, end)
        places[-1].pairs.append((variant, pair))
    return [place for place in places if any(kind(pair) != "exact" for _, pair in place.pairs)]


def type_of(pair: Pair) -> Type:
    """Return which kind of error a pair is, or that it is right, with its labels."""
    gold, predicted = (entity[2] if entity else "" for entity in pair)
    return KINDS.index(kind(pair)), gold, predicted


def _extent(pair: Pair) -> tuple[int, int]:
    entities = [entity for entity in pair if entity]
    return min(entity[0] for entity in entities), max(entity[1] for entity in entities)


def _describe(
    by_document: dict[int, list[Place]], variants: list[list[dict]], types: list[Type], corpus: Path
) -> list[dict]:
    """Read the shards, and return what the page shows of each place. by_document: places by row number."""
    forms, number_of = train_forms(find_shards(corpus / "train")), {name: i for i, name in enumerate(types)}
    described = []
    for document, doc in read_documents(corpus, by_document):
        rows, starts = [rows[document] for rows in variants], [token.idx for token in doc]
        text, gold, predicted = doc.text.rstrip(), rows[0]["gold"], [row[INPUT] for row in rows]
        source = rows[0].get("source") or rows[0].get("id") or f"document {document + 1}"
        for place in by_document[document]:
            pairs = []
            for variant, pair in place.pairs:
                start, end, label = pair[0] or pair[1]
                seen = seen_form(text[start:end], label, forms)
                pairs.append([variant, number_of[type_of(pair)], seen])
            shown = in_text(place, text, starts, gold, predicted)
            described.append({"source": source, **shown, "pairs": pairs})
    return described


def read_documents(corpus: Path, numbers: Container[int]) -> Iterator[tuple[int, Doc]]:
    """Yield the number of each wanted test document, and the document with its text."""
    shards = (read_shard(path, Vocab()) for path in find_shards(corpus / "test"))  # each forgets its words
    for number, doc in enumerate(chain.from_iterable(shards)):
        if number in numbers:
            yield number, with_spaces(doc)


def in_text(place: Place, text: str, starts: list[int], gold: list, predicted: list[list]) -> dict:
    """Return the text around a place, and the entities in it. starts: of the document's tokens."""
    first = max(0, bisect_right(starts, place.start) - 1 - TOKENS_AROUND)
    last = bisect_left(starts, place.end) + TOKENS_AROUND
    left = max(starts[first], place.start - CHARACTERS_AROUND)
    right = min(len(text) if last >= len(starts) else starts[last], left + MOST_CHARACTERS)
    right = left + len(text[left : min(right, place.end + CHARACTERS_AROUND)].rstrip())
    return {
        "text": text[left:right],
        "cut": [left > 0, right < len(text)],
        "at": [place.start - left, min(place.end, right) - left],
        "gold": within(gold, left, right),
        "predicted": [within(entities, left, right) for entities in predicted],
    }


def within(entities: list[Entity], left: int, right: int) -> list[list]:
    """Return the entities between two characters, cut and counted from the first. entities: in order."""
    first = bisect_right(entities, left, key=lambda entity: entity[1])
    last = bisect_left(entities, right, key=lambda entity: entity[0])
    return [
        [max(start, left) - left, min(end, right) - left, label] for start, end, label in entities[first:last]
    ]
