"""Score apart what train has shown and what it hasn't, short and long entities and documents, and groups."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from pathlib import Path

import numpy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.corpus.shards import read_shard
from scripts.corpus.stream import find_shards
from scripts.report.counts import FN, FP, TP, as_json
from scripts.report.matching import Entity, Pair, kind

SEEN = ("seen with this label", "seen with another label", "never seen")
GROUPS = 20
"""So many groups are scored, those with the most entities."""
Uses = dict[str, Counter[str]]
"""How often train has a surface form with each label; "" is outside entities."""


def count_forms(train: Path, outside: Container[str] = (), *, tokens: int = 8) -> Uses | None:
    """Count the surface forms of train's entities; outside of them, those of `outside` of up to `tokens`.

    train: the folder of its shards; None is returned where there is none.
    """
    if not train.exists():
        return None
    uses = defaultdict(Counter)
    for doc in (doc for path in find_shards(train) for doc in read_shard(path, Vocab())):  # each forgets
        for ent in doc.ents:
            uses[surface_form(ent.text)][ent.label_] += 1
        words = [one.text if one.ent_iob_ == "O" else " " for one in doc if one.text.strip()]
        for size in range(1, tokens + 1) if outside else ():
            for form in map("".join, zip(*(words[first:] for first in range(size)), strict=False)):
                if form in outside:
                    uses[form][""] += 1
    return dict(uses)


def surface_form(text: str) -> str:
    """Return a text without white space, which is a guess where the data gave tokens only."""
    return "".join(text.split())


def seen_form(text: str, label: str, uses: Uses) -> int:
    """Return the place in SEEN of what train shows of an entity. uses: of train's forms."""
    labels = uses.get(surface_form(text), {}).keys() - {""}
    return 0 if label in labels else 1 if labels else 2


def score_slices(docs: list[Doc], documents: list[list[Pair]], uses: Uses | None) -> dict[str, dict]:
    """Score slices of the entities by the exact rule: by form, lengths in gold tokens, and group if known.

    docs: the gold documents. documents: of each, its pairs. uses: of train's forms, if there is one. A missed
    entity counts in the slice of the gold entity, one that is predicted and wrong in the prediction's.
    """
    counts = defaultdict(lambda: numpy.zeros(3, dtype=numpy.int64))
    for doc, pair in ((doc, pair) for doc, pairs in zip(docs, documents, strict=True) for pair in pairs):
        for what, entity in ((TP, pair[0]),) if kind(pair) == "exact" else ((FN, pair[0]), (FP, pair[1])):
            for key in _keys(doc, entity, uses) if entity else ():
                counts[key][what] += 1
    groups = sorted(
        (key for key in counts if key[0] == "group"), key=lambda key: -counts[key][[TP, FN]].sum()
    )
    slices: dict[str, dict] = defaultdict(dict)
    for key in sorted(counts.keys() - {*groups[GROUPS:]}):
        slices[key[0]][key[2]] = as_json(counts[key])
    return dict(slices)


def _keys(doc: Doc, entity: Entity, uses: Uses | None) -> Iterator[tuple[str, int, str]]:
    """Yield what is sliced, a place in the order of its slices, and the slice's name."""
    start, end, label = entity
    if uses is not None:
        seen = seen_form(doc.text[start:end], label, uses)
        yield "surface form", seen, SEEN[seen]
    tokens = doc.char_span(start, end, alignment_mode="expand")
    for what, length in (("entity length", len(tokens)), ("document length", len(doc))):
        most = 1 << (length - 1).bit_length()
        yield what, most, f"{most // 2 + 1}–{most}" if most > 2 else str(most)
    if doc.user_data.get("group") is not None:
        yield "group", 0, str(doc.user_data["group"])
