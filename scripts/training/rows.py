"""What is logged of steps and evaluations, under the names that it has at Weights & Biases."""

from typing import Any

import psutil

from scripts.training.progress import Progress


def step_row(now: Progress, step: Any) -> dict[str, float]:
    """Return this process's figures; losses are means over the steps since the last evaluation."""
    steps = now.step - (now.history[-1]["step"] + 1 if now.history else 0)
    return {f"train/loss/{name}": float(loss) / max(1, steps) for name, loss in now.losses.items()} | {
        "train/learn_rate": float(getattr(step.optimizer, "learn_rate", 0.0)),
        "train/words_per_second": now.words_per_second,
        "train/memory_mb": psutil.Process().memory_info().rss / 1e6,
        **step.vitals(),
        "words": now.words,
        "seconds": now.seconds,
        "epoch": now.epoch,
    }


def evaluation_row(info: dict[str, Any]) -> dict[str, float]:
    """Return an evaluation's scores, overall and by label, from what spaCy hands its loggers."""
    row = {"dev/score": float(info["score"]), "best_score": max(score for score, _ in info["checkpoints"])}
    for name, value in info["other_scores"].items():
        if isinstance(value, dict):
            labels = {label: own for label, own in value.items() if isinstance(own, dict)}
            row |= {f"{name}/{label}/{key}": own[key] for label, own in labels.items() for key in own}
        elif isinstance(value, (int, float)):
            row[f"dev/{name}"] = float(value)
    return row
