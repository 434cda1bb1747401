"""Find the places of the test set where a variant is wrong, with the text around them, for the page."""

import random
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

from spacy.vocab import Vocab

from scripts.corpus.exports import as_jsonl, with_spaces
from scripts.corpus.shards import read_shard
from scripts.corpus.stream import find_shards
from scripts.report.matching import KINDS, Entity, Pair, kind
from scripts.report.predictions import Run, confidences
from scripts.report.slices import SEEN, Uses, seen_form

INPUT = "gold_tokens"
MOST_PLACES = 20_000
"""So many places are in the page, drawn at random from all: more would not open in a few seconds."""
TOKENS_AROUND, CHARACTERS_AROUND, MOST_CHARACTERS = 15, 150, 600
"""The text of a place: so much before and behind its entities, and so much of all together."""


class Text(NamedTuple):
    """A test document: its text, where its tokens start, and as `scripts.export` writes it."""

    text: str
    starts: array
    row: str


@dataclass(slots=True)
class Place:
    """Entities of gold and predictions that overlap each other, by characters, `end` exclusive."""

    document: int
    start: int
    end: int
    pairs: list[tuple[int, Pair]] = field(default_factory=list)
    """The number of a run, and a pair of it."""


def read_texts(corpus: Path, numbers: Container[int]) -> dict[int, Text]:
    """Read the test shards once, and return what the report shows of the documents with these numbers."""
    found = {}
    shards = (read_shard(path, Vocab()) for path in find_shards(corpus / "test"))  # each forgets its words
    for number, doc in enumerate(chain.from_iterable(shards)):
        if number in numbers:
            text = with_spaces(doc)
            starts = array("I", (token.idx for token in text))
            found[number] = Text(text.text.rstrip(), starts, as_jsonl(text))
    return found


def worst_documents(rows: list[dict], corpus: Path, most: int = 100) -> list[dict]:
    """Return source, text, gold and predicted entities of the test documents with the most wrong entities."""
    wrong = {i: {*map(tuple, row["gold"])} ^ {*map(tuple, row[INPUT])} for i, row in enumerate(rows)}
    worst = sorted(filter(wrong.get, wrong), key=lambda i: -len(wrong[i]))[:most]
    texts, keys = read_texts(corpus, worst), ("source", "gold", INPUT)
    return [{key: rows[i].get(key) for key in keys} | {"text": texts[i].text} for i in worst]


def find_places(runs: list[Run]) -> Iterator[Place]:
    """Yield the places where at least one run is wrong, from left to right, with the pairs of all runs."""
    for document, pairs in enumerate(zip(*(run.pairs[INPUT] for run in runs), strict=True)):
        places: list[Place] = []
        found = [(*_extent(pair), run, pair) for run, each in enumerate(pairs) for pair in each]
        for start, end, run, pair in sorted(found, key=itemgetter(0, 1, 2)):
            if not places or start >= places[-1].end:
                places.append(Place(document, start, end))
            places[-1].end = max(places[-1].end, end)
            places[-1].pairs.append((run, pair))
        for place in places:
            if any(gold != predicted for _, (gold, predicted) in place.pairs):
                yield place


def _extent(pair: Pair) -> tuple[int, int]:
    starts, ends, _ = zip(*filter(None, pair), strict=True)
    return min(starts), max(ends)


def draw_places(places: list[Place], most: int = MOST_PLACES) -> list[Place]:
    """Return so many places, drawn at random, in their order."""
    kept = random.Random(0).sample(places, min(most, len(places)))
    return sorted(kept, key=attrgetter("document", "start"))


def type_of(pair: Pair) -> tuple[int, str, str]:
    """Return a pair's kind, as its place in KINDS, and its labels; "" for what is not there."""
    gold, predicted = (entity[2] if entity else "" for entity in pair)
    return KINDS.index(kind(pair)), gold, predicted


def error_browser(
    runs: dict[str, Run], places: list[Place], kept: list[Place], texts: dict[int, Text], uses: Uses | None
) -> dict:
    """Return what the page shows of errors; this folder's README.md says what each key means.

    runs: by variant. places: all, of which the page has those that are `kept`. uses: of train's forms.
    """
    counts = Counter((type_of(pair), variant) for place in places for variant, pair in place.pairs)
    types = sorted({name for name, _ in counts})
    described, number_of = [], {name: i for i, name in enumerate(types)}
    for place in kept:
        rows, text = [run.rows[place.document] for run in runs.values()], texts[place.document]
        sure, pairs = [confidences(row) for row in rows], []
        for variant, pair in place.pairs:
            start, end, label = pair[0] or pair[1]
            seen = None if uses is None else seen_form(text.text[start:end], label, uses)
            pairs.append([variant, number_of[type_of(pair)], seen, sure[variant].get(pair[1])])
        shown = in_text(place, text, rows[0]["gold"], [row[INPUT] for row in rows])
        described.append({"source": rows[0]["source"], **shown, "pairs": pairs})
    return {
        "variants": [*runs],
        "kinds": KINDS,
        "seen": SEEN if uses is not None else (),
        "types": [[*name, [counts[name, i] for i in range(len(runs))]] for name in types],
        "total": len(places),
        "places": described,
    }


def in_text(place: Place, document: Text, gold: list, predicted: list[list]) -> dict:
    """Return the text around a place, and the entities in it."""
    text, starts, _ = document
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
