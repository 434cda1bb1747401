"""Notice early that a training comes to nothing."""

import math
from collections.abc import Iterator
from typing import Any

from spacy.language import Language

from scripts.corpus.config_file import TOO_HIGH

HIGH = 0.01
"""Learning rate above which little is learned; of a transformer: TOO_HIGH."""
PATIENCE = 3
"""Evaluations in a row after which a warning is given."""
ENOUGH, ENOUGH_AT_HIGH = (500, 50_000), (100, 20_000)
"""Steps and words before which a score of 0 says nothing; sooner where the rate itself is suspicious."""
LEARNED, COLLAPSED = 0.1, 0.5
"""A score from which something can be lost, and the share of the best score below which it is."""


class Monitor:
    """Looks at one evaluation after another, the first left out, and warns of each thing once.

    A pipeline whose config weights no score has a score of 0 whatever it learns: there is no warning.
    """

    def __init__(self, nlp: Language, T: dict[str, Any]) -> None:
        self.optimizer = T["optimizer"]
        self.scores = [name for name, weight in T["score_weights"].items() if weight]
        models = [
            getattr(own, "model", None) for name, own in nlp.pipeline if name not in T["frozen_components"]
        ]
        nodes = [node for model in models if hasattr(model, "walk") for node in model.walk()]
        is_transformer = any(hasattr(node, "transformer") for node in nodes)  # as spacy-transformers calls it
        self.high = TOO_HIGH if is_transformer else HIGH
        self.best = 0.0
        self.in_a_row: dict[str, float] = {"nothing": 0, "collapsed": 0}

    def look(self, row: dict) -> Iterator[str]:
        """Yield what is wrong."""
        if row["step"] == 0 or not self.scores:
            return
        score, rate = row["score"], float(getattr(self.optimizer, "learn_rate", 0.0))
        self.best = max(self.best, score)
        lower = f"lower the learning rate ([training.optimizer] learn_rate, now {rate:g})"
        longer = (
            "python -m scripts.validate says whether dev has labels that train lacks, or too few examples; "
            "else let it learn longer ([training] max_steps)"
        )
        if self.high < rate and self.high != HIGH:
            lower += f": a transformer seldom learns at more than {self.high:g}, and 0.00005 is usual"
        steps, words = ENOUGH_AT_HIGH if rate > self.high else ENOUGH
        is_enough = row["step"] >= steps and row["words"] >= words
        if self._is_new("nothing", self.best == 0.0, is_enough):
            remedy = lower if rate > self.high else longer
            yield f"the score ({', '.join(self.scores)}) is still 0 at step {row['step']:,}; {remedy}"
        if self._is_new("collapsed", self.best >= LEARNED and score < COLLAPSED * self.best):
            fall = f"{100 * score:.2f} at step {row['step']:,} after {100 * self.best:.2f}"
            yield f"the score has collapsed: {fall}; {lower}"

    def _is_new(self, what: str, is_so: bool, is_enough: bool = True) -> bool:
        self.in_a_row[what] = self.in_a_row[what] + 1 if is_so else 0
        is_new = self.in_a_row[what] >= PATIENCE and is_enough
        if is_new:
            self.in_a_row[what] = -math.inf  # until it is over
        return is_new
