"""Score apart what train has shown and what it hasn't, short and long entities and documents, and groups."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.corpus.shards import read_shard
from scripts.report.counts import FN, FP, TP, as_json
from scripts.report.matching import Entity, Pair, kind

SEEN = ("seen with this label", "seen with another label", "never seen")
GROUPS = 20
"""So many groups are scored, those with the most entities."""


def train_forms(shards: Iterable[Path]) -> dict[str, set[str]]:
    """Return the labels of each surface form that train has; each shard's words are then forgotten."""
    forms = defaultdict(set)
    for doc in (doc for path in shards for doc in read_shard(path, Vocab())):
        for ent in doc.ents:
            forms[surface_form(ent.text)].add(ent.label_)
    return dict(forms)


def count_forms(shards: Iterable[Path], forms: set[str], *, tokens: int = 8) -> Counter[tuple[str, str]]:
    """Count surface forms of train by label; outside entities ("") those of `forms` of up to `tokens`."""
    counts = Counter()
    for doc in (doc for path in shards for doc in read_shard(path, Vocab())):
        counts.update((surface_form(ent.text), ent.label_) for ent in doc.ents)
        words = [one.text if one.ent_iob_ == "O" else " " for one in doc if one.text.strip()]
        for size in range(1, tokens + 1):
            found = map("".join, zip(*(words[first:] for first in range(size)), strict=False))
            counts.update((form, "") for form in found if form in forms)
    return counts


def surface_form(text: str) -> str:
    """Return a text without white space, which is a guess where the data gave tokens only."""
    return "".join(text.split())


def seen_form(text: str, label: str, forms: dict[str, set[str]]) -> int:
    """Return the place in SEEN of what train shows of an entity. forms: of train."""
    labels = forms.get(surface_form(text), ())
    return 0 if label in labels else 1 if labels else 2


def score_slices(docs: list[Doc], documents: list[list[Pair]], forms: dict[str, set[str]]) -> dict[str, dict]:
    """Score slices of the entities by the exact rule: by form, lengths in gold tokens, and group if known.

    docs: the gold documents. documents: of each, its pairs. forms: of train. A missed entity counts in the
    slice of the gold entity, one that is predicted and wrong in the prediction's.
    """
    counts = defaultdict(lambda: numpy.zeros(3, dtype=numpy.int64))
    for doc, pair in ((doc, pair) for doc, pairs in zip(docs, documents, strict=True) for pair in pairs):
        for what, entity in ((TP, pair[0]),) if kind(pair) == "exact" else ((FN, pair[0]), (FP, pair[1])):
            for key in _keys(doc, entity, forms) if entity else ():
                counts[key][what] += 1
    groups = sorted(
        (key for key in counts if key[0] == "group"), key=lambda key: -counts[key][[TP, FN]].sum()
    )
    slices: dict[str, dict] = defaultdict(dict)
    for key in sorted(counts.keys() - {*groups[GROUPS:]}):
        slices[key[0]][key[2]] = as_json(counts[key])
    return dict(slices)


def _keys(doc: Doc, entity: Entity, forms: dict[str, set[str]]) -> Iterator[tuple[str, int, str]]:
    """Yield what is sliced, a place in the order of its slices, and the slice's name."""
    start, end, label = entity
    seen = seen_form(doc.text[start:end], label, forms)
    yield "surface form", seen, SEEN[seen]
    tokens = doc.char_span(start, end, alignment_mode="expand")
    for what, length in (("entity length", len(tokens)), ("document length", len(doc))):
        most = 1 << (length - 1).bit_length()
        yield what, most, f"{most // 2 + 1}–{most}" if most > 2 else str(most)
    if doc.user_data.get("group") is not None:
        yield "group", 0, str(doc.user_data["group"])
