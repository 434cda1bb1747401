"""Random entities for tests: of token ends, as `doc.ents` has them, without overlaps; errors of given ones."""

from pathlib import Path

import numpy

from scripts.report.errors import MOST_PLACES, draw_places, error_browser, find_places, read_texts
from scripts.report.predictions import Run
from scripts.report.slices import count_forms

LABELS = ("LOC", "ORG", "PER")
TOKENS = 24
"""Of each document; each has two characters and a space behind it."""


def draw_entities(rng: numpy.random.Generator, tokens: int = TOKENS) -> list[tuple[int, int, str]]:
    """Entities by tokens, end exclusive."""
    found, at = [], int(rng.integers(3))
    while at < tokens:
        end = min(tokens, at + int(rng.integers(1, 4)))
        if rng.random() < 0.6:
            found.append((at, end, LABELS[rng.integers(len(LABELS))]))
        at = end + int(rng.integers(3))
    return found


def disturb(rng: numpy.random.Generator, gold: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Predictions that are often right, and wrong in every way."""
    taken, found = set(), []
    for start, end, label in [*gold, *draw_entities(rng)]:
        how = rng.random()
        start, end = (start, min(TOKENS, end + 1)) if how < 0.15 else (start, end)
        label = LABELS[rng.integers(len(LABELS))] if how > 0.85 else label
        if taken.isdisjoint(range(start, end)) and rng.random() < 0.8:
            taken |= {*range(start, end)}
            found.append((start, end, label))
    return found


def draw_corpus(seed: int, documents: int) -> tuple[list[list], list[list]]:
    """Gold entities and predictions of documents."""
    rng = numpy.random.default_rng(seed)
    gold = [draw_entities(rng) for _ in range(documents)]
    return gold, [disturb(rng, entities) for entities in gold]


def browse_errors(variants: dict[str, list[dict]], corpus: Path, *, most: int = MOST_PLACES) -> dict:
    """What the page shows of the errors in the rows of variants."""
    runs = {name: Run({}, rows) for name, rows in variants.items()}
    places = [*find_places([*runs.values()])]
    kept = draw_places(places, most)
    texts = read_texts(corpus, {place.document for place in kept})
    return error_browser(runs, places, kept, texts, count_forms(corpus / "train"))
