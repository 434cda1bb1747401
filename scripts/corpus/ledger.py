"""The ledger: what was counted at each stage, and a named reason for every difference."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

STAGES = ("read", "aligned", "sharded")
"""Counted in what was read of the raw files, after spans were put on tokens, and in what the shards hold."""
FOUND = "found"
"""The stage before them: what stands in the raw files, counted without their readers; what of it is not read is a loss on the way to `read`."""
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
        if labels:
            self.labels.update(labels)
        if other:
            self.other.update(other)

    def plus(self, other: "Count", sign: int = 1) -> "Count":
        """Return the sum of two counts (or, with sign −1, the difference)."""
        tokens = None if self.tokens is None or other.tokens is None else self.tokens + sign * other.tokens
        both = ((self.labels, other.labels), (self.other, other.other))
        labels, kinds = (
            Counter({name: n for name in {**a, **b} if (n := a[name] + sign * b[name])}) for a, b in both
        )
        return Count(self.documents + sign * other.documents, tokens, labels, kinds)

    def as_json(self) -> dict:
        """Return the count as plain data; `other` only where there is any."""
        counts = {
            "documents": self.documents,
            "tokens": self.tokens,
            "entities": self.entities,
            "labels": dict(sorted(self.labels.items())),
        }
        return counts | ({"other": dict(sorted(self.other.items()))} if self.other else {})

    @classmethod
    def from_json(cls, data: dict) -> "Count":
        """Read what `as_json` made."""
        return cls(data["documents"], data["tokens"], Counter(data["labels"]), Counter(data.get("other", {})))


def count_docs(docs: Iterable) -> Count:
    """Count spaCy documents."""
    count = Count()
    for doc in docs:
        count.add(tokens=len(doc), labels=[ent.label_ for ent in doc.ents])
    return count


@dataclass(slots=True)
class Change:
    """What one reason takes away between two stages (or, for documents that were cut in pieces, adds)."""

    count: Count = field(default_factory=Count)
    places: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Ledger:
    """Counts of a split at each stage, and by stage and reason what was lost, added or mended on the way there.

    A loss is what did not reach the stage, an addition what is new there; a mend changed a span and lost nothing.
    """

    stages: dict[str, Count] = field(default_factory=lambda: {stage: Count() for stage in STAGES})
    losses: dict[tuple[str, str], Change] = field(default_factory=dict)
    additions: dict[tuple[str, str], Change] = field(default_factory=dict)
    mends: dict[tuple[str, str], Change] = field(default_factory=dict)

    def note(
        self,
        kind: str,
        stage: str,
        reason: str,
        place: str,
        *,
        documents: int = 0,
        tokens: int | None = 0,
        labels: Iterable[str] = (),
        other: Mapping[str, int] | None = None,
    ) -> None:
        """Note under `losses`, `additions` or `mends` what happened on the way to a stage, why and where."""
        change = getattr(self, kind).setdefault((stage, reason), Change())
        change.count.add(documents=documents, tokens=tokens, labels=labels, other=other)
        if len(change.places) < PLACES:
            change.places.append(place)

    def merge(self, other: "Ledger") -> None:
        """Add another part's numbers to this one's."""
        for stage in STAGES:
            self.stages[stage] = self.stages[stage].plus(other.stages[stage])
        for kind in ("losses", "additions", "mends"):
            for key, change in getattr(other, kind).items():
                mine = getattr(self, kind).setdefault(key, Change())
                mine.count = mine.count.plus(change.count)
                mine.places = (mine.places + change.places)[:PLACES]

    def check(self) -> None:
        """Raise LedgerError unless each stage less its losses, with its additions, is the next.

        Tokens are compared from where they are known: raw text has none.
        """
        for before, after in pairwise(STAGES):
            expected = self.stages[before]
            for sign, changes in ((-1, self.losses), (1, self.additions)):
                for (stage, _), change in changes.items():
                    expected = expected.plus(change.count, sign) if stage == after else expected
            found = self.stages[after]
            same_tokens = expected.tokens is None or expected.tokens == found.tokens
            same_other = +expected.other == +found.other
            if (
                expected.documents != found.documents
                or expected.labels != +found.labels
                or not same_tokens
                or not same_other
            ):
                raise LedgerError(
                    f"the ledger does not balance: {before} with its changes should leave {expected.as_json()}, "
                    f"but {after} has {found.as_json()}; please report this with the data that shows it"
                )

    @property
    def found(self) -> Count:
        """What stands in the raw files: what was read, and what was not; every document was balanced when it was read."""
        found = self.stages["read"]
        for (stage, _), change in self.losses.items():
            found = found.plus(change.count) if stage == "read" else found
        return found

    def as_json(self) -> dict:
        """Return the ledger as plain data: the stages' counts, and a list each of losses, additions and mends."""
        changes = {
            kind: [
                {"stage": stage, "reason": reason} | change.count.as_json() | {"places": change.places}
                for (stage, reason), change in sorted(getattr(self, kind).items())
            ]
            for kind in ("losses", "additions", "mends")
        }
        stages = {FOUND: self.found, **self.stages}
        return {"stages": {stage: count.as_json() for stage, count in stages.items()}} | changes

    @classmethod
    def from_json(cls, data: dict) -> "Ledger":
        """Read what `as_json` made."""
        changes = {
            kind: {
                (c["stage"], c["reason"]): Change(Count.from_json(c), list(c["places"])) for c in data[kind]
            }
            for kind in ("losses", "additions", "mends")
        }
        return cls(stages={stage: Count.from_json(data["stages"][stage]) for stage in STAGES}, **changes)
