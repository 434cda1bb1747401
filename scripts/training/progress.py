"""What a training run counts, and what its rows and its end say."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.cli import UserError


@dataclass(slots=True)
class Progress:
    """How far a run is. step: the next one's number. overhead_seconds: those of evaluating and saving.

    performance: what spaCy writes into meta.json, the scores of the last evaluation.
    """

    step: int = 0
    epoch: int = 0
    words: int = 0
    seconds: float = 0.0
    overhead_seconds: float = 0.0
    checkpoint_seconds: float = 0.0
    results: list[list[float]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    best: dict = field(default_factory=dict)
    performance: dict = field(default_factory=dict)
    run_id: str | None = None

    @property
    def words_per_second(self) -> float:
        """Words learned from in a second in which nothing else was done."""
        return round(self.words / max(self.seconds - self.overhead_seconds, 1e-9), 1)

    def why_stop(self, *, patience: int, max_steps: int) -> str:
        """Say why training is over; nothing where it goes on. Of equal scores the earliest counts."""
        step = self.step - 1
        _, earliest = max(((score, -at) for score, at in self.results), default=(0.0, 0))
        if patience and step + earliest >= patience:
            return f"no better score in {patience} steps"
        return "the budget of steps is used up" if max_steps and step >= max_steps else ""

    def row(self, score: float, others: dict, losses: dict[str, float], objectives: Iterable[str]) -> dict:
        """Return an evaluation's figures. Raises UserError where the loss (of `objectives`) is no number."""
        loss, step = sum(losses[name] for name in objectives), self.step - 1
        if not math.isfinite(loss):
            remedy = "lower the learning rate ([training.optimizer] learn_rate)"
            raise UserError(f"the loss is {loss} at step {step}; {remedy}")
        return {
            "step": step,
            "epoch": self.epoch,
            "loss": loss,
            **{f"loss_{name}": value for name, value in losses.items()},
            "score": float(score),
            **{key: float(others.get(key) or 0.0) for key in ("ents_f", "ents_p", "ents_r")},
            "words": self.words,
            "words_per_second": self.words_per_second,
        }

    def metrics(self, why: str) -> dict:
        """Return what is kept of a run that is over."""
        return {
            "steps": self.step,
            "epochs": self.epoch,
            "words": self.words,
            "seconds": round(self.seconds, 2),
            "overhead_seconds": round(self.overhead_seconds, 2),
            "checkpoint_seconds": round(self.checkpoint_seconds, 2),
            "words_per_second": self.history[-1]["words_per_second"],
            "stopped_because": why,
            "best": self.best,
            "history": self.history,
        }
