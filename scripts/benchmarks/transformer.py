"""Fine-tuning a transformer: our engine beside `spacy train` with its GPU quickstart and beside Hugging Face's Trainer."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import util
from pathlib import Path
from typing import Any

import numpy
import torch
from confection import Config
from spacy.util import load_config

from scripts.benchmarks.hugging_face import Settings as TrainerSettings
from scripts.benchmarks.inputs import build_corpus, corpus_files
from scripts.benchmarks.measure import measure
from scripts.benchmarks.padding import padding_shares
from scripts.benchmarks.training import validate, write_stamped
from scripts.checks.training_config import ConfigFile, TrainingConfig
from scripts.cli import UserError, physical_cores
from scripts.corpus.files import read_json, write_json
from scripts.corpus.stream import read_lengths
from scripts.training.configs import WARMUP, Settings, build_config, write_quickstarts
from scripts.training.transformer import PACKAGED, locate_transformer

RATE = 2e-4
"""The learning rate at its highest, of all alike: the quickstart's 5e-5 is meant for 20,000 steps, and in some tens of steps teaches nobody."""
BATCH = 32
"""Documents that the Trainer has on the device at once."""
OURS, SPACY, TRAINER = "ours, all layers", "spacy train, GPU quickstart", "Hugging Face Trainer"
RECIPE = "ours, 3 layers frozen, head_rate 5"
"""As configs/gpu.cfg and vars have it."""
FREEZING, HEADED, DECAYING = "ours, 3 layers frozen", "ours, head_rate 5", "ours, rate_decay 0.9"
RECOMPUTING, COMPILED = "ours, recompute", "ours, compiled"
HALVING = "ours, precision auto"
OPTIONS: dict[str, dict[str, Any]] = {
    OURS: {},
    FREEZING: {"frozen_layers": 3},
    RECIPE: {"frozen_layers": 3, "head_rate": 5.0},
    HEADED: {"head_rate": 5.0},
    DECAYING: {"rate_decay": 0.9},
    RECOMPUTING: {"recompute": True},
    COMPILED: {"compiled": True},
    HALVING: {},
}
"""What each of ours sets in [initialize.after_init]; the rest of it is off, so that all learns at one rate as with the others."""
PRECISIONS = {HALVING: "auto"}
"""What the transformer computes in, by whom; all others in fp32."""
ONCE = (RECOMPUTING, COMPILED)
"""Run with the first seed alone: what changes is time and memory, not what is learned."""
CONFIGS = Path("configs")
STAMPS = Path(__file__).with_name("stamps.py")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run.

    workers: of our training, 0 for one. device: cpu or cuda. limits: GB of GPU memory to make do with, in further runs.
    deadline: of `time.monotonic()`, by which each run is over or given up; None: whenever.
    """

    epochs: int
    seeds: int
    workers: int
    device: str
    limits: tuple[int, ...] = ()
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """One run: words learned from in a second of the steps alone, best F on dev, and what the trainer never saw of train.

    seconds: of the whole process. dropped: documents, in the first epoch. cut: words, off the ends of documents.
    """

    seconds: float
    peak_mb: float
    steps: int
    words_per_second: float
    best_f: float
    gpu_mb: float | None
    dropped: int = 0
    cut: int = 0
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: a run a seed, none where memory ran out. limit: GB of GPU memory, 0 for all."""

    what: str
    limit: int
    runs: list[Trained]

    def median(self, figure: str) -> float:
        """Return the median over the seeds."""
        return statistics.median(getattr(run, figure) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured. padding: its share of what the transformer computes in an epoch, by who pads."""

    corpus: str
    device_name: str
    lines: list[Line]
    padding: dict[str, float]


def choose_device(asked: str, limits: tuple[int, ...]) -> str:
    """Return cpu or cuda. Raises UserError where the package for the comparison is missing, or the GPU that was asked for."""
    if util.find_spec("accelerate") is None:
        raise UserError(
            "Hugging Face's Trainer needs accelerate; run: python -m pip install -r requirements/benchmark.txt -c requirements/lock.txt"
        )
    if asked not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device={asked}: write auto, cpu or cuda")
    device = "cpu" if asked == "cpu" or (asked == "auto" and not torch.cuda.is_available()) else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device=cuda: torch sees no CUDA device")
    if limits and device == "cpu":
        raise UserError("--memory limits the memory of a GPU, and this would run on the CPU; leave it out")
    return device


def run(plan: Plan, work: Path, *, demo: Path, columns: Path | None, tell: Callable[[str], None]) -> Results:
    """Fine-tune the packaged transformer, all in turn, and then a large one with random weights in each limit of memory."""
    name = (columns or demo).name
    tell(f"{name}: building the corpus")
    corpus = build_corpus(work / "corpus", corpus_files(columns, demo))
    lines = _compare(plan, work / "runs", corpus, next(iter(PACKAGED)), plan.seeds, 0, tell)
    padding = measure_padding(work / "runs" / "0", corpus)
    for limit in plan.limits:
        large = work / "large"
        if not large.exists():
            write_large_model(large, corpus_files(columns, demo)["train"])
        lines += _compare(plan, work / f"{limit}GB", corpus, str(large), 1, limit, tell)
    where = f"CPU, {physical_cores()} cores" if plan.device == "cpu" else torch.cuda.get_device_name(0)
    return Results(name, where, lines, padding)


def measure_padding(folder: Path, corpus: Path) -> dict[str, float]:
    """Return the shares of padding in the batches of the configs that `contestants` wrote."""
    lengths = read_lengths(corpus / "train").tokens
    files = (
        ConfigFile("stock", folder / "spacy.cfg", (STAMPS,)),
        ConfigFile("ours", folder / "ours-0" / "config.cfg"),
    )
    stock, ours = (TrainingConfig(file).first_epoch(lengths) for file in files)
    return padding_shares(
        corpus, locate_transformer(next(iter(PACKAGED))), ours=ours, stock=stock, batch=BATCH
    )


def write_large_model(folder: Path, texts: Path) -> None:
    """Write a model of roberta-base's size (124 million parameters) with random weights: time and memory are the same.

    texts: a corpus file whose lines its word pieces are made of.
    """
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel

    folder.mkdir(parents=True)
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    lines = texts.read_text(encoding="utf-8").splitlines()
    tokenizer.train_from_iterator(
        lines, vocab_size=10_000, min_frequency=2, special_tokens=special, show_progress=False
    )
    tokenizer.save_model(str(folder))
    RobertaModel(RobertaConfig(max_position_embeddings=514, type_vocab_size=1)).save_pretrained(folder)


def _compare(
    plan: Plan, work: Path, corpus: Path, model: str, seeds: int, limit: int, tell: Callable[[str], None]
) -> list[Line]:
    lines: dict[str, Line] = {}
    for seed in range(seeds):
        for what, train in contestants(
            work / str(seed), corpus, plan, seed=seed, model=model, limit=limit
        ).items():
            if seed and what in ONCE:
                continue
            tell(f"{f'{limit} GB' if limit else plan.device}, seed {seed}: {what}")
            line = lines.setdefault(what, Line(what, limit, []))
            try:
                line.runs.append(train())
            except UserError as error:
                if not limit or not is_out_of_memory(error):
                    raise
    return list(lines.values())


def is_out_of_memory(error: UserError) -> bool:
    """Say whether a run ended because a GPU's memory did not do: torch's and cupy's words for it, and those of ours."""
    return any(words in str(error).lower() for words in ("out of memory", "does not fit into"))


def contestants(
    folder: Path,
    corpus: Path,
    plan: Plan,
    *,
    seed: int,
    model: str,
    limit: int = 0,
    ours: Iterable[str] = tuple(OPTIONS),
) -> dict[str, Callable[[], Trained]]:
    """Write what each needs, for the same words a step, schedule and epochs; return what trains them."""
    lengths = read_lengths(corpus / "train").tokens
    paths = {split: (corpus / split).as_posix() for split in ("train", "dev")}
    quickstart = load_config(write_quickstarts(folder, model) / "gpu.cfg", interpolate=False)
    quickstart["paths"] |= paths
    quickstart["system"]["seed"] = seed
    trains: dict[str, Callable[[], Trained]] = {}
    folders = {what: folder / f"ours-{number}" for number, what in enumerate(ours)}
    for what, own in folders.items():
        config = build_config(
            CONFIGS,
            "gpu",
            Settings(lang="en", seed=seed, max_steps=1, transformer=model, freeze_layers=0, **paths),
        )
        config["initialize"]["after_init"] |= {"head_rate": 1.0} | OPTIONS[what]
        config["training"]["batcher"] = quickstart["training"]["batcher"] | {"discard_oversize": False}
        batches = schedule(config, own / "config.cfg", lengths, plan.epochs)
        precision = PRECISIONS.get(what, "fp32")
        trains[what] = lambda own=own, precision=precision: train_ours(
            own, corpus, plan, len(lengths), limit, precision
        )
    validate(corpus, list(folders.values()))
    dropped = len(lengths) - sum(map(len, schedule(quickstart, folder / "spacy.cfg", lengths, plan.epochs)))
    quickstart["corpora"]["dev"] = {"@readers": "benchmark.dev.v1", "path": "${paths.dev}"}
    write_stamped(quickstart, folder)
    trains[SPACY] = lambda: train_spacy(folder, plan, dropped, limit)
    accumulation = max(1, round(len(lengths) / len(batches) / BATCH))
    rest = (plan.device, BATCH, accumulation, plan.epochs, RATE, WARMUP, seed)
    settings = TrainerSettings(locate_transformer(model), str(corpus), str(folder / "trainer"), *rest)
    trains[TRAINER] = lambda: train_trainer(settings, plan, limit)
    return trains


def schedule(config: Config, path: Path, lengths: numpy.ndarray, epochs: int) -> list[list[int]]:
    """Give a config as many steps as its first epoch has batches, times `epochs`, and write it; return these batches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    config.to_disk(path)
    batches = TrainingConfig(ConfigFile(path.stem, path)).first_epoch(lengths)
    steps = epochs * len(batches)
    config["training"] |= {"max_steps": steps, "patience": 0, "eval_frequency": len(batches)}
    warmup = max(1, round(steps * WARMUP))
    config["training"]["optimizer"]["learn_rate"] |= {
        "warmup_steps": warmup,
        "total_steps": steps,
        "initial_rate": RATE,
    }
    config.to_disk(path)
    return batches


def train_ours(folder: Path, corpus: Path, plan: Plan, documents: int, limit: int, precision: str) -> Trained:
    """Train with `python -m scripts.train`."""
    options = [
        f"--corpus={corpus}",
        f"--workers={plan.workers or 1}",
        f"--device={plan.device}",
        "--wandb-mode=disabled",
    ]
    options += [f"--precision={precision}", *([f"--gpu-memory={limit}GB"] if limit else [])]
    used = _run(plan, 0, "scripts.train", str(folder), *options)  # it keeps to the limit by itself
    metrics = read_json(folder / "metrics.json")
    figures = (
        metrics["steps"],
        metrics["words_per_second"],
        metrics["best"]["ents_f"],
        metrics["peak_gpu_memory_mb"],
    )
    return Trained(
        *used, *figures, dropped=documents - metrics["trainer"]["documents"], workers=metrics["workers"]
    )


def train_spacy(folder: Path, plan: Plan, dropped: int, limit: int) -> Trained:
    """Train with `spacy train`, and read its stamps."""
    options = [
        f"--output={folder / 'spacy'}",
        f"--code={STAMPS}",
        f"--gpu-id={-1 if plan.device == 'cpu' else 0}",
    ]
    used = _run(plan, limit, "spacy", "train", str(folder / "spacy.cfg"), *options)
    rows = [json.loads(line) for line in (folder / "stamps.jsonl").read_text(encoding="utf-8").splitlines()]
    last = rows[-1]
    return Trained(
        *used,
        last["step"] + 1,
        last["words"] / last["seconds_steps"],
        max(row["ents_f"] for row in rows),
        last["gpu_mb"],
        dropped,
    )


def train_trainer(settings: TrainerSettings, plan: Plan, limit: int) -> Trained:
    """Train with Hugging Face's Trainer."""
    path = Path(settings.output) / "settings.json"
    write_json(path, asdict(settings))
    used = _run(plan, limit, "scripts.benchmarks.hugging_face", str(path))
    result = read_json(path.with_name("result.json"))
    return Trained(
        *used,
        result["steps"],
        result["words"] / result["seconds_steps"],
        max(result["ents_f"]),
        result["gpu_mb"],
        cut=result["words_cut"],
    )


def _run(plan: Plan, limit: int, module: str, *arguments: str) -> tuple[float, float]:
    """Run a module; return its seconds and its peak memory."""
    limited = ["scripts.benchmarks.limited", str(limit)] if limit else []
    left = None if plan.deadline is None else max(0.0, plan.deadline - time.monotonic())
    measured = measure([sys.executable, "-m", *limited, module, *arguments], most=left)
    return measured.seconds, measured.peak_mb
