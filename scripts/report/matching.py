"""Pair the predicted entities of a document with its gold entities, and name what is right of each pair."""

from collections.abc import Iterable, Sequence

Entity = tuple[int, int, str]
"""First character, character after the last, label."""
Pair = tuple[Entity | None, Entity | None]
"""A gold entity and a prediction; None where one has no partner."""
KINDS = ("exact", "type_only", "boundary_only", "overlap", "missed", "spurious")
RULES = {"exact": KINDS[:1], "partial": ("exact", "type_only"), "boundary": ("exact", "boundary_only")}
"""The kinds of pairs that count as right: with the very characters and label; with the label, overlapping;
with the very characters, whatever the label. nervaluate calls these strict, ent_type and exact."""


def pair_entities(gold: Iterable[Sequence], predicted: Iterable[Sequence]) -> list[Pair]:
    """Pair gold entities with predictions that share a character with them, one to one.

    First as many as possible that have the same label, then as many as possible of the others; where there is
    a choice, from left to right. So the order in which entities come changes nothing, and what is exact is
    always paired. Neither side may have entities that overlap each other (`doc.ents` has none).
    """
    pairs, left_gold, left_predicted = [], {*map(tuple, gold)}, {*map(tuple, predicted)}
    for same_label in (True, False):
        ones, twos, i, j = sorted(left_gold), sorted(left_predicted), 0, 0
        while i < len(ones) and j < len(twos):
            one, two = ones[i], twos[j]
            if one[0] < two[1] and two[0] < one[1] and (one[2] == two[2] or not same_label):
                pairs.append((one, two))
                i, j = i + 1, j + 1
            elif one[1] <= two[1]:  # what ends first overlaps nothing that comes later
                i += 1
            else:
                j += 1
        left_gold -= {one for one, _ in pairs}
        left_predicted -= {two for _, two in pairs}
    return (
        pairs + [(one, None) for one in sorted(left_gold)] + [(None, two) for two in sorted(left_predicted)]
    )


def kind(pair: Pair) -> str:
    """Return which of KINDS a pair is.

    exact: characters and label are right. type_only: the label is right, the characters overlap.
    boundary_only: the characters are right, the label is another. overlap: neither is right.
    missed: a gold entity without a prediction. spurious: a prediction without a gold entity.
    """
    gold, predicted = pair
    if gold is None or predicted is None:
        return "spurious" if gold is None else "missed"
    if gold[:2] == predicted[:2]:
        return "exact" if gold[2] == predicted[2] else "boundary_only"
    return "type_only" if gold[2] == predicted[2] else "overlap"
