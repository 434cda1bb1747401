"""Notice early that a training comes to nothing."""

from collections.abc import Iterator
from typing import Any

from spacy.language import Language

HIGH = 0.0005
"""A learning rate at which a whole transformer stays at F 0 (it does at tok2vec's 0.001); 0.00005 is usual."""
NOTHING = 3
"""Evaluations with F 0, the first left out, after which it is told."""
COLLAPSED = 0.5
"""Share of the best score below which a score has collapsed."""


class Watch:
    """Looks at one evaluation after another."""

    def __init__(self, nlp: Language, T: dict[str, Any]) -> None:
        self.rate = max(rate for rate in (getattr(T["optimizer"], "learn_rate", 0.0), 0.0))
        self.has_transformer = any(hasattr(getattr(component, "model", None), "transformer") for _, component in nlp.pipeline)
        self.nothing = 0
        self.best = 0.0
        self.told: set[str] = set()

    def look(self, row: dict) -> Iterator[str]:
        """Yield what is wrong, each thing once."""
        score, where = row["score"], f"at step {row['step']}"
        self.nothing = self.nothing + 1 if score == 0.0 and row["step"] else 0
        self.best = max(self.best, score)
        found = {}
        if self.nothing == NOTHING:
            found["nothing"] = f"the score is still 0 {where}, at the {NOTHING}th evaluation: nothing is learned; " + self._remedy()
        if score < COLLAPSED * self.best:
            found["collapsed"] = f"the score has collapsed {where}: {100 * score:.2f} after {100 * self.best:.2f}; " + self._remedy()
        yield from (text for name, text in found.items() if name not in self.told)
        self.told |= found.keys()

    def _remedy(self) -> str:
        rate = f"lower the learning rate ([training.optimizer] learn_rate, now {self.rate:g})"
        return rate + (
            f": a transformer seldom learns at more than {HIGH:g}, and 0.00005 is usual" if self.has_transformer and self.rate > HIGH else ""
        )
