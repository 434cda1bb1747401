"""The ledger: what was counted at each stage, and a named reason for every difference."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

STAGES = ("read", "aligned", "sharded")
"""Counted in what was read of the raw files, after spans were put on tokens, and in what the shards hold."""
KINDS = ("losses", "additions", "repairs")
"""A loss did not reach the stage, an addition is new there; a repair changed a span and lost nothing."""
PLACES = 5
"""So many places of each reason stand in the manifest; corpus/rejects.jsonl has them all."""


class LedgerError(RuntimeError):
    """Numbers that do not balance: a fault of this project, never of the data."""


@dataclass(slots=True)
class Count:
    """Documents, tokens and entities. `tokens` is None where raw text has none yet.

    other: annotation for other components, by kind: tokens with a TAG, documents with cats, spans.
    """

    documents: int = 0
    tokens: int | None = 0
    labels: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)

    @property
    def entities(self) -> int:
        """Entities of all labels."""
        return self.labels.total()

    def add(
        self, documents: int = 1, *, tokens: int | None, labels: Iterable[str] = (), other: dict | None = None
    ) -> None:
        """Count documents with their tokens, their entities' labels and their other annotation."""
        self.documents += documents
        self.tokens = None if tokens is None or self.tokens is None else self.tokens + tokens
        self.labels.update(labels)
        self.other.update(other or {})

    def take(self, count: "Count", sign: int = 1) -> None:
        """Add another count (or, with sign −1, subtract it)."""
        labels, other = ({name: sign * n for name, n in each.items()} for each in (count.labels, count.other))
        tokens = count.tokens and sign * count.tokens
        self.add(sign * count.documents, tokens=tokens, labels=labels, other=other)

    def as_json(self) -> dict:
        """Return the count as plain data; `other` only where there is any."""
        labels, other = ({k: n for k, n in sorted(each.items()) if n} for each in (self.labels, self.other))
        counts = {"documents": self.documents, "tokens": self.tokens, "entities": self.entities}
        return counts | {"labels": labels} | ({"other": other} if other else {})


def count_docs(docs: Iterable) -> Count:
    """Count spaCy documents."""
    count = Count()
    for doc in docs:
        count.add(tokens=len(doc), labels=[ent.label_ for ent in doc.ents])
    return count


@dataclass(slots=True)
class Change:
    """What one reason takes away between two stages (or, for documents that were cut, adds)."""

    count: Count = field(default_factory=Count)
    places: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Ledger:
    """Counts of a split at each stage, and by stage and reason what was lost, added, repaired on the way."""

    stages: dict[str, Count] = field(default_factory=lambda: {stage: Count() for stage in STAGES})
    losses: dict[tuple[str, str], Change] = field(default_factory=dict)
    additions: dict[tuple[str, str], Change] = field(default_factory=dict)
    repairs: dict[tuple[str, str], Change] = field(default_factory=dict)

    def note(self, kind: str, stage: str, reason: str, place: str, **counts) -> None:
        """Note under one of KINDS what happened on the way to a stage, why, where, and to how much."""
        change = getattr(self, kind).setdefault((stage, reason), Change())
        change.count.add(**{"documents": 0, "tokens": 0} | counts)
        change.places += [place] if len(change.places) < PLACES else []

    def merge(self, other: "Ledger") -> None:
        """Add another part's numbers to this one's."""
        for stage in STAGES:
            self.stages[stage].take(other.stages[stage])
        for kind in KINDS:
            for key, change in getattr(other, kind).items():
                mine = getattr(self, kind).setdefault(key, Change())
                mine.count.take(change.count)
                mine.places = (mine.places + change.places)[:PLACES]

    def check(self) -> None:
        """Raise LedgerError unless each stage less its losses, with its additions, is the next.

        Tokens are compared from where they are known: raw text has none.
        """
        for before, after in pairwise(STAGES):
            expected = self._changed(before, after, losses=-1, additions=1).as_json()
            found = self.stages[after].as_json()
            if expected["tokens"] is None:
                expected["tokens"] = found["tokens"]
            if expected != found:
                raise LedgerError(
                    f"the ledger does not balance: {before} with its changes should leave {expected}, "
                    f"but {after} has {found}; please report this with the data that shows it"
                )

    def _changed(self, start: str, end: str, **signs: int) -> Count:
        """Return a stage's count with the changes on the way to another, of some kinds, each with a sign."""
        count = Count()
        count.take(self.stages[start])
        for kind, sign in signs.items():
            for (stage, _), change in getattr(self, kind).items():
                if stage == end:
                    count.take(change.count, sign)
        return count

    def as_json(self) -> dict:
        """Return the stages' counts, before them what stands in the raw files, and each kind of change."""
        stages = {"found": self._changed("read", "read", losses=1), **self.stages}
        return {"stages": {stage: count.as_json() for stage, count in stages.items()}} | {
            kind: [
                {"stage": stage, "reason": reason, **change.count.as_json(), "places": change.places}
                for (stage, reason), change in sorted(getattr(self, kind).items())
            ]
            for kind in KINDS
        }
