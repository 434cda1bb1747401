"""Train in a process of its own: by this project, by `spacy train`, by Hugging Face's Trainer."""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
import srsly
from confection import Config
from spacy.cli.init_config import init_config
from spacy.training import Corpus
from spacy.util import registry

from scripts.training.configs import Settings, Variant, build_config
from scripts.training.packaged import PACKAGED
from scripts.training.transformer import locate_transformer
from tests.benchmarks.measure import run_python
from tests.benchmarks.report import Row

KNOWN = next(iter(PACKAGED))
"""The packaged transformer."""
STAMPS = Path(__file__).with_name("stamps.py")
OURS, SPACY = True, False


@dataclass(frozen=True, slots=True)
class Place:
    """Where and on what is trained. limit: GB of GPU memory, 0 for all. deadline: of `time.monotonic()`."""

    corpus: Path
    device: str = "cpu"
    limit: int = 0
    deadline: float | None = None

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a folder for a run, which is deleted after it: weights would fill the disk."""
        with tempfile.TemporaryDirectory(dir=self.corpus.parent, ignore_cleanup_errors=True) as name:
            yield Path(name)

    def run(self, *command: str) -> Row:
        """Run a module in the memory and the time that there shall be."""
        return run_python("-m", *command, deadline=self.deadline, env={"GPU_GB": f"{self.limit}"})


def quickstart(variant: str, transformer: str = KNOWN) -> Config:
    """Return the config that spaCy's quickstart gives for an English ner."""
    is_gpu = variant == "gpu"
    config = init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=is_gpu, silent=True)
    if is_gpu:
        config["components"]["transformer"]["model"]["name"] = locate_transformer(transformer)
    return config


def write_quickstarts(folder: Path) -> Path:
    """Write the quickstart's configs, cpu.cfg and gpu.cfg; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in ("cpu", "gpu"):
        quickstart(variant).to_disk(folder / f"{variant}.cfg")
    return folder


def our_config(variant: str, transformer: str = KNOWN) -> Config:
    """Return this project's config, with all layers learning."""
    given = {"vectors": "", "tok2vec": "", "transformer": transformer, "freeze_layers": 0}
    return build_config(Settings(Variant(variant), **given), {})


def set_budget(config: Config, place: Place, seed: int, *, every: int, evaluations: int = 4) -> Config:
    """Return a copy that trains on the corpus, whatever the scores, and is scored each so many steps."""
    copy = Config().from_str(config.to_str(), interpolate=False)
    copy["paths"] |= {split: (place.corpus / split).as_posix() for split in ("train", "dev")}
    copy["system"]["seed"] = seed
    copy["training"] |= {"max_steps": every * evaluations, "patience": 0, "eval_frequency": every}
    return copy


def first_epoch(config: Config, corpus: Path) -> list[int]:
    """Return how many documents each batch of the first epoch has, by the config's batcher."""
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    return [len(list(batch)) for batch in batcher(Corpus(corpus / "train")(spacy.blank("en")))]


def train(is_ours: bool, config: Config, place: Place, **options: Any) -> Row:
    """Train with `python -m scripts.train` or with `spacy train`. Words/s include evaluations."""
    with place.scratch() as folder:
        path, rows = folder / "config.cfg", folder / "rows.jsonl"
        if is_ours:
            given = {"unvalidated": None, "wandb-mode": "disabled"} | options
            given |= {"gpu-memory": f"{place.limit}GB"} if place.limit else {}
        else:
            config["training"]["before_update"] = {"@callbacks": "benchmark.before_update.v1"}
            config["training"]["logger"] = {"@loggers": "benchmark.logger.v1", "path": rows.as_posix()}
            given = {"code": STAMPS}
        given |= {"output": folder, "gpu-id": -1 if place.device == "cpu" else 0}
        config.to_disk(path)
        command = ["scripts.train", str(path)] if is_ours else ["spacy", "train", str(path)]
        command += [f"--{name}" if value is None else f"--{name}={value}" for name, value in given.items()]
        figures = place.run(*command)
        notes = srsly.read_json(folder / "metrics.json") if is_ours else None
        history = notes["history"] if is_ours else list(srsly.read_jsonl(rows))
    last, scores = notes or history[-1], [row["ents_f"] for row in history]
    return figures | {
        "steps": last["steps"],
        "words_per_second": last["words"] / last["seconds"],
        "best_f": max(scores),
        "late_f": statistics.mean(scores[len(scores) // 2 :]),
        "gpu_mb": last["peak_gpu_memory_mb"],
    }


def train_trainer(model: str, arguments: dict[str, Any], place: Place) -> Row:
    """Train with Hugging Face's Trainer."""
    with place.scratch() as folder:
        given = {"report_to": "none", "disable_tqdm": True, "use_cpu": place.device == "cpu"}
        settings = {"model": locate_transformer(model), "corpus": str(place.corpus)}
        srsly.write_json(folder / "settings.json", settings | {"arguments": arguments | given})
        figures = place.run("tests.benchmarks.hugging_face", str(folder / "settings.json"))
        return figures | srsly.read_json(folder / "result.json")
