"""Train in a process of its own: by this project, by `spacy train`, by Hugging Face's Trainer."""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
import srsly
from confection import Config
from spacy.cli.init_config import init_config
from spacy.training import Corpus
from spacy.util import registry

from scripts.training.configs import Settings, build_config
from scripts.training.transformer import PACKAGED, locate_transformer
from tests.benchmarks.measure import run_python
from tests.benchmarks.report import Row

KNOWN = next(iter(PACKAGED))
"""The packaged transformer."""
LATE = 0.5
"""Share of a run after which its evaluations count: the mean of several is less noisy than the best."""
EVALUATED = 200
"""Steps between evaluations in the quickstart."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and on what is trained. limit: GB of GPU memory, 0 for all. deadline: of `time.monotonic()`."""

    work: Path
    corpus: Path
    device: str = "cpu"
    limit: int = 0
    deadline: float | None = None

    def scratch(self) -> tempfile.TemporaryDirectory:
        """Make a folder for a run, which is deleted after it: weights would fill the disk."""
        return tempfile.TemporaryDirectory(dir=self.work, ignore_cleanup_errors=True)

    def run_inside(self, *command: str) -> Row:
        """Run a module that keeps to the limit and tells the seconds of its steps."""
        inside = ("-m", "tests.benchmarks.inside", f"{self.limit}")
        return run_python(*inside, *command, deadline=self.deadline)


def quickstart(variant: str, transformer: str = KNOWN) -> Config:
    """Return the config that spaCy's quickstart gives for an English ner."""
    is_gpu = variant == "gpu"
    config = init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=is_gpu, silent=True)
    if is_gpu:
        config["components"]["transformer"]["model"]["name"] = locate_transformer(transformer)
    return config


def write_quickstarts(folder: Path) -> tuple[Path, Path]:
    """Write the quickstart's configs for both variants; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in ("cpu", "gpu"):
        quickstart(variant).to_disk(folder / f"{variant}.cfg")
    return folder / "cpu.cfg", folder / "gpu.cfg"


def our_config(variant: str, transformer: str = KNOWN) -> Config:
    """Return this project's config, with all layers learning."""
    settings = {"lang": "en", "seed": 0, "max_steps": 1, "transformer": transformer, "freeze_layers": 0}
    return build_config(Path("configs"), variant, Settings(**settings, train="", dev=""))


def evaluated_every(steps: int) -> int:
    """Return the steps between evaluations: as in the quickstart, or the next divisor of all steps."""
    return next(every for every in range(min(EVALUATED, steps), steps + 1) if steps % every == 0)


def set_budget(config: Config, place: Place, steps: int, seed: int, every: int | None = None) -> Config:
    """Return a copy that trains for so many steps on the corpus, whatever the scores."""
    copy = Config().from_str(config.to_str(), interpolate=False)
    copy["paths"] |= {split: (place.corpus / split).as_posix() for split in ("train", "dev")}
    copy["system"]["seed"] = seed
    copy["training"] |= {"max_steps": steps, "patience": 0, "eval_frequency": every or evaluated_every(steps)}
    return copy


def first_epoch(config: Config, corpus: Path) -> list[int]:
    """Return how many documents each batch of the first epoch has, by the config's batcher."""
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    return [len(list(batch)) for batch in batcher(Corpus(corpus / "train")(spacy.blank("en")))]


def train_ours(config: Config, place: Place, **options: Any) -> Row:
    """Train with `python -m scripts.train`, which keeps to a limit by itself."""
    options = {"device": place.device, "wandb-mode": "disabled", "precision": "fp32"} | options
    options |= {"gpu-memory": f"{place.limit}GB"} if place.limit else {}
    with place.scratch() as name:
        path = Path(name) / "config.cfg"
        config.to_disk(path)
        given = [f"--{option}={value}" for option, value in options.items()]
        command = ("-m", "scripts.train", str(path), f"--output={name}", "--unvalidated", *given)
        figures = run_python(*command, deadline=place.deadline)
        metrics = srsly.read_json(path.with_name("metrics.json"))
    late = [row["ents_f"] for row in metrics["history"] if row["step"] >= LATE * metrics["steps"]]
    return figures | {
        "steps": metrics["steps"],
        "words_per_second": metrics["words_per_second"],
        "best_f": metrics["best"]["ents_f"],
        "late_f": statistics.mean(late),
        "gpu_mb": metrics["peak_gpu_memory_mb"],
    }


def train_spacy(config: Config, place: Place) -> Row:
    """Train with `spacy train`."""
    with place.scratch() as name:
        path, rows = Path(name) / "spacy.cfg", Path(name) / "rows.jsonl"
        config["corpora"]["dev"] = {"@readers": "benchmark.dev.v1", "path": "${paths.dev}"}
        config["training"]["before_update"] = {"@callbacks": "benchmark.before_update.v1"}
        config["training"]["logger"] = {"@loggers": "benchmark.logger.v1", "path": rows.as_posix()}
        config.to_disk(path)
        gpu = -1 if place.device == "cpu" else 0
        figures = place.run_inside("spacy", "train", str(path), f"--output={name}", f"--gpu-id={gpu}")
        history = list(srsly.read_jsonl(rows))
    last = history[-1]
    return figures | {
        "steps": last["step"] + 1,
        "words_per_second": last["words"] / last["seconds"],
        "best_f": max(row["ents_f"] for row in history),
        "gpu_mb": last["gpu_mb"],
    }


def train_trainer(model: str, arguments: dict[str, Any], place: Place) -> Row:
    """Train with Hugging Face's Trainer."""
    with place.scratch() as name:
        path = Path(name) / "settings.json"
        own = {"report_to": "none", "disable_tqdm": True, "use_cpu": place.device == "cpu"}
        settings = {"model": locate_transformer(model), "corpus": str(place.corpus)}
        srsly.write_json(path, settings | {"arguments": arguments | own})
        figures = place.run_inside("tests.benchmarks.hugging_face", str(path))
        return figures | srsly.read_json(path.with_name("result.json"))
