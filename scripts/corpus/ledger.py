"""The ledger: what was counted at each stage, and a named reason for every difference."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from spacy.tokens import Doc


class LedgerError(RuntimeError):
    """Numbers that do not balance: a fault of this project, never of the data."""


@dataclass(slots=True)
class Count:
    """Documents, tokens and entities of one stage. `tokens` is None where raw text has none yet."""

    documents: int = 0
    tokens: int | None = 0
    entities: int = 0

    def add(self, *, tokens: int | None, entities: int) -> None:
        """Count one document."""
        self.documents += 1
        self.tokens = None if tokens is None or self.tokens is None else self.tokens + tokens
        self.entities += entities

    def add_doc(self, doc: Doc) -> None:
        """Count one spaCy document."""
        self.add(tokens=len(doc), entities=len(doc.ents))

    def as_json(self) -> dict:
        """Return the count as plain data."""
        return {"documents": self.documents, "tokens": self.tokens, "entities": self.entities}


@dataclass(slots=True)
class Ledger:
    """Counts of a split at each stage, in order, and what was lost between them and why."""

    stages: dict[str, Count] = field(default_factory=dict)
    lost_documents: Counter[str] = field(default_factory=Counter)
    lost_entities: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)

    def stage(self, name: str) -> Count:
        """Return the count of a stage, made at first use."""
        return self.stages.setdefault(name, Count())

    def lose(self, reason: str, place: str, *, documents: int = 0, entities: int = 0) -> None:
        """Record a loss with its reason and where it happened."""
        self.lost_documents[reason] += documents
        self.lost_entities[reason] += entities
        self.places.setdefault(reason, []).append(place)

    def check(self, before: str, after: str) -> None:
        """Raise LedgerError unless `before` less the losses is `after`; tokens count where both have them and no document was lost."""
        first, last = self.stages[before], self.stages[after]
        documents = first.documents - self.lost_documents.total()
        entities = first.entities - self.lost_entities.total()
        same_tokens = self.lost_documents.total() or first.tokens is None or first.tokens == last.tokens
        if (documents, entities) != (last.documents, last.entities) or not same_tokens:
            raise LedgerError(
                f"the ledger does not balance: {before} {first} less the losses should leave {documents} documents and "
                f"{entities} entities, but {after} has {last}; please report this with the data that shows it"
            )

    def as_json(self) -> dict:
        """Return the ledger as plain data."""
        return {
            "stages": {name: count.as_json() for name, count in self.stages.items()},
            "losses": [
                {
                    "reason": reason,
                    "documents": self.lost_documents[reason],
                    "entities": self.lost_entities[reason],
                    "places": self.places[reason],
                }
                for reason in sorted(self.places)
            ],
        }


def count_docs(docs: Iterable[Doc]) -> Count:
    """Count documents, tokens and entities."""
    count = Count()
    for doc in docs:
        count.add_doc(doc)
    return count
