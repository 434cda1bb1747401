"""Notice early that a training comes to nothing."""

from collections.abc import Iterator
from typing import Any

from spacy.language import Language

HIGH, HIGH_FOR_TRANSFORMERS = 0.01, 0.0005
"""Learning rates above which little is learned: a whole transformer stays at F 0 at tok2vec's 0.001."""
PATIENCE = 3
"""Evaluations in a row after which it is told."""
ENOUGH, ENOUGH_AT_HIGH = (500, 50_000), (100, 20_000)
"""Steps and words before which a score of 0 says nothing: many a transformer's rate still rises for 250
steps.

Where the rate itself is suspicious, it is told sooner.
"""
LEARNED = 0.1
"""A score from which something was learned that can be lost."""
COLLAPSED = 0.5
"""Share of the best score below which a score has collapsed."""


class Monitor:
    """Looks at one evaluation after another, the first left out, and tells each thing once.

    A pipeline whose config weights no score has a score of 0 whatever it learns, and nothing is told of it.
    """

    def __init__(self, nlp: Language, T: dict[str, Any]) -> None:
        self.optimizer = T["optimizer"]
        self.scores = [name for name, weight in T["score_weights"].items() if weight]
        self.high = HIGH_FOR_TRANSFORMERS if _learns_a_transformer(nlp, T["frozen_components"]) else HIGH
        self.best = 0.0
        self.in_a_row = {"nothing": 0, "collapsed": 0}
        self.told: set[str] = set()

    def look(self, row: dict) -> Iterator[str]:
        """Yield what is wrong."""
        if row["step"] == 0 or not self.scores:
            return
        score, where = row["score"], f"at step {row['step']:,}"
        self.best = max(self.best, score)
        steps, words = ENOUGH_AT_HIGH if self._rate > self.high else ENOUGH
        is_enough = row["step"] >= steps and row["words"] >= words
        if self._is_new("nothing", self.best == 0.0, is_enough):
            yield f"the score ({', '.join(self.scores)}) is still 0 {where}; {self._remedy()}"
        if self._is_new("collapsed", self.best >= LEARNED and score < COLLAPSED * self.best):
            fall = f"{100 * score:.2f} {where} after {100 * self.best:.2f}"
            yield f"the score has collapsed: {fall}; {self._lower()}"

    def _is_new(self, what: str, is_so: bool, is_enough: bool = True) -> bool:
        self.in_a_row[what] = self.in_a_row[what] + 1 if is_so else 0
        if not is_so:
            self.told.discard(what)
        if self.in_a_row[what] < PATIENCE or not is_enough or what in self.told:
            return False
        self.told.add(what)
        return True

    @property
    def _rate(self) -> float:
        return float(getattr(self.optimizer, "learn_rate", 0.0))

    def _remedy(self) -> str:
        if self._rate > self.high:
            return self._lower()
        return (
            "python -m scripts.validate says whether dev has labels that train lacks, or too few examples; "
            "else let it learn longer ([training] max_steps)"
        )

    def _lower(self) -> str:
        remedy = f"lower the learning rate ([training.optimizer] learn_rate, now {self._rate:g})"
        if self.high == HIGH or self._rate <= self.high:
            return remedy
        return f"{remedy}: a transformer seldom learns at more than {self.high:g}, and 0.00005 is usual"


def _learns_a_transformer(nlp: Language, frozen: list[str]) -> bool:
    """Say whether training changes a pretrained transformer; spacy-transformers' layers of that kind have it
    as `transformer`.
    """
    models = [getattr(component, "model", None) for name, component in nlp.pipeline if name not in frozen]
    return any(
        hasattr(node, "transformer") for model in models if hasattr(model, "walk") for node in model.walk()
    )
