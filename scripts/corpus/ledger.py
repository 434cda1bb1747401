"""The ledger: what was counted at each stage, and a named reason for every difference."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

STAGES = ("read", "aligned", "sharded")
"""Counted in what was read of the raw files, after spans were put on tokens, and in what the shards hold."""
FOUND = "found"
"""The stage before them: what stands in the raw files, counted without their readers; what of it is not read is a loss on the way to `read`."""
KINDS = ("losses", "additions", "repairs")
"""A loss is what did not reach the stage, an addition what is new there; a repair changed a span and lost nothing."""
PLACES = 5
"""So many places of each reason stand in the manifest; corpus/rejects.jsonl has them all."""


class LedgerError(RuntimeError):
    """Numbers that do not balance: a fault of this project, never of the data."""


@dataclass(slots=True)
class Count:
    """Documents, tokens and entities. `tokens` is None where raw text has none yet.

    other: annotation for other components than the ner, by kind: tokens with a TAG, documents with cats, spans.
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
        self,
        *,
        tokens: int | None,
        labels: Iterable[str] = (),
        documents: int = 1,
        other: Mapping[str, int] | None = None,
    ) -> None:
        """Count one document with its tokens, its entities' labels and its other annotation."""
        self.documents += documents
        self.tokens = None if tokens is None or self.tokens is None else self.tokens + tokens
        self.labels.update(labels)
        self.other.update(other or {})

    def take(self, count: "Count", sign: int = 1) -> None:
        """Add another count (or, with sign −1, subtract it)."""
        self.add(tokens=count.tokens and sign * count.tokens, documents=sign * count.documents)
        for own, others in ((self.labels, count.labels), (self.other, count.other)):
            for name, number in others.items():
                own[name] += sign * number

    def as_json(self) -> dict:
        """Return the count as plain data; `other` only where there is any."""
        counts = {"documents": self.documents, "tokens": self.tokens, "entities": self.entities}
        counts["labels"] = dict(sorted((name, number) for name, number in self.labels.items() if number))
        other = dict(sorted((name, number) for name, number in self.other.items() if number))
        return counts | ({"other": other} if other else {})


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


def _changes() -> dict[tuple[str, str], Change]:
    return {}


@dataclass(slots=True)
class Ledger:
    """Counts of a split at each stage, and by stage and reason what was lost, added or repaired on the way there."""

    stages: dict[str, Count] = field(default_factory=lambda: {stage: Count() for stage in STAGES})
    losses: dict[tuple[str, str], Change] = field(default_factory=_changes)
    additions: dict[tuple[str, str], Change] = field(default_factory=_changes)
    repairs: dict[tuple[str, str], Change] = field(default_factory=_changes)

    def note(
        self,
        kind: str,
        stage: str,
        reason: str,
        place: str,
        *,
        documents: int = 0,
        tokens: int | None = 0,
        **more,
    ) -> None:
        """Note under one of KINDS what happened on the way to a stage, why and where; `more` is labels and other."""
        change = getattr(self, kind).setdefault((stage, reason), Change())
        change.count.add(documents=documents, tokens=tokens, **more)
        if len(change.places) < PLACES:
            change.places.append(place)

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
            expected = self._with(before, after, -1, self.losses)
            for (stage, _), change in self.additions.items():
                if stage == after:
                    expected.take(change.count)
            wanted, found = expected.as_json(), self.stages[after].as_json()
            if wanted["tokens"] is None:
                wanted["tokens"] = found["tokens"]
            if wanted != found:
                raise LedgerError(
                    f"the ledger does not balance: {before} with its changes should leave {wanted}, "
                    f"but {after} has {found}; please report this with the data that shows it"
                )

    @property
    def found(self) -> Count:
        """What stands in the raw files: what was read, and what was not; every document was balanced when it was read."""
        return self._with("read", "read", 1, self.losses)

    def _with(self, start: str, stage: str, sign: int, changes: dict[tuple[str, str], Change]) -> Count:
        """Return a stage's count with the changes on the way to a stage."""
        count = Count()
        count.take(self.stages[start])
        for (at, _), change in changes.items():
            if at == stage:
                count.take(change.count, sign)
        return count

    def as_json(self) -> dict:
        """Return the ledger as plain data: the stages' counts, and a list of each kind of change."""
        changes = {
            kind: [
                {"stage": stage, "reason": reason} | change.count.as_json() | {"places": change.places}
                for (stage, reason), change in sorted(getattr(self, kind).items())
            ]
            for kind in KINDS
        }
        stages = {FOUND: self.found, **self.stages}
        return {"stages": {stage: count.as_json() for stage, count in stages.items()}} | changes
