"""Notice early that a training comes to nothing."""

from collections.abc import Iterator
from typing import Any

from spacy.language import Language

HIGH = 0.0005
"""A learning rate from which a whole transformer stays at F 0 (it does at tok2vec's 0.001); 0.00005 is usual."""
PATIENCE = 3
"""Evaluations in a row after which it is told: a transformer's first steps may well end at F 0."""
LEARNED = 0.1
"""A score from which something was learned that can be lost."""
COLLAPSED = 0.5
"""Share of the best score below which a score has collapsed."""


class Watch:
    """Looks at one evaluation after another, the first left out, and tells each thing once."""

    def __init__(self, nlp: Language, T: dict[str, Any]) -> None:
        self.optimizer = T["optimizer"]
        self.has_transformer = any(hasattr(getattr(component, "model", None), "transformer") for _, component in nlp.pipeline)
        self.best = 0.0
        self.in_a_row = {"nothing": 0, "collapsed": 0}

    def look(self, row: dict) -> Iterator[str]:
        """Yield what is wrong."""
        if row["step"] == 0:
            return
        score, where = row["score"], f"at step {row['step']}"
        self.best = max(self.best, score)
        nothing, collapsed = self.best == 0.0, self.best >= LEARNED and score < COLLAPSED * self.best
        if self._for_the_third_time("nothing", nothing):
            yield f"the score is still 0 {where}: nothing is learned; {self._remedy()}"
        if self._for_the_third_time("collapsed", collapsed):
            yield f"the score has collapsed: {100 * score:.2f} {where} after {100 * self.best:.2f}; {self._remedy()}"

    def _for_the_third_time(self, what: str, is_so: bool) -> bool:
        self.in_a_row[what] = self.in_a_row[what] + 1 if is_so else 0
        return self.in_a_row[what] == PATIENCE

    def _remedy(self) -> str:
        rate = getattr(self.optimizer, "learn_rate", 0.0)
        remedy = f"lower the learning rate ([training.optimizer] learn_rate, now {rate:g})"
        too_high = self.has_transformer and rate > HIGH
        return remedy + (f": a transformer seldom learns at more than {HIGH:g}, and 0.00005 is usual" if too_high else "")
