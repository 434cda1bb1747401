"""Fine-tuning beside `spacy train` with its GPU quickstart and beside Hugging Face's Trainer."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import util
from pathlib import Path

import torch
import transformers
from confection import Config
from tokenizers import ByteLevelBPETokenizer

from scripts.cli import UserError
from tests.benchmarks import inputs
from tests.benchmarks import trainings as t
from tests.benchmarks.report import Options, Report, Row, last_line, ratio
from tests.benchmarks.train import FIGURES, each

RATE, WARMUP = 2e-4, 0.1
"""The learning rate at its highest, and the share of steps in which it rises, of all alike: the quickstart's
5e-5 is meant for 20,000 steps, and in some tens of steps teaches nobody."""
BATCH = 32
"""Documents that the Trainer has on the device at once."""
OURS, SPACY, TRAINER = "ours, all layers", "spacy train, GPU quickstart", "Hugging Face Trainer"
RECIPE, RECOMPUTING = "ours, 3 layers frozen, head_rate 5", "ours, recompute"
HALVING = "ours, precision auto"
OPTIONS = {
    OURS: {},
    "ours, 3 layers frozen": {"frozen_layers": 3},
    RECIPE: {"frozen_layers": 3, "head_rate": 5.0},
    "ours, head_rate 5": {"head_rate": 5.0},
    "ours, rate_decay 0.9": {"rate_decay": 0.9},
    RECOMPUTING: {"recompute": True},
    HALVING: {},
}
"""What each of ours sets in [initialize.after_init]; else all learns at one rate, as with the others."""
CPU_VARIANT = {"the cpu variant": None, "the cpu variant, on the CPU": "cpu"}
"""The other recipe, and where it trains; None: where all do."""
RANDOM, TINY = "roberta-base's size, random weights", "two layers, random weights"
SMALL = [(TINY, 0, (OURS, SPACY, TRAINER))]
"""What trains: a model, GB of GPU memory (0: all), who."""
COLUMNS = {
    "model": "{model}",
    "GPU memory given": lambda row: f"{row['limit']} GB" if row["limit"] else "all",
    "outcome": "{outcome}",
    **FIGURES,
    "GPU memory": "{gpu_mb:,.0f} MB",
    "steps": "{steps:,.0f}",
    "words/s": "{words_per_second:,.0f}",
    "best F on dev, each seed": each("best_f"),
    "never learned from": "{unseen}",
}


def run(report: Report, options: Options) -> None:
    """Fine-tune the packaged transformer."""
    run_groups(report, options, SMALL if options.small else [(t.KNOWN, 0, (*OPTIONS, SPACY, TRAINER))])


def run_groups(report: Report, options: Options, groups: list[tuple[str, int, tuple[str, ...]]]) -> None:
    """Train all in turn, as long as there is time."""
    report.intro = (
        f"Corpus: {options.corpus_name}; {options.epochs} epochs. In fp32 unless a row says otherwise. "
        "Medians over the seeds; memory is that of all processes together. Words/s are those of steps alone."
    )
    files = inputs.corpus_files(options, report.work / "raw")
    inputs.build_corpus(report.work / "corpus", files)
    for model, limit, whom in groups:
        place = t.Place(report.work, report.work / "corpus", options.device, limit, report.deadline)
        where = f"{model}, {f'{limit} GB' if limit else 'all memory'}"
        runs = {}
        try:
            folder = locate_model(model, report.folder / "models", files["train"])
            for what in whom:
                why = obstacle(what, place)
                if why:
                    report.note(f"Not run: {what}, {where}: {why}")
                else:
                    runs[what] = contestant(what, folder, place, options.epochs)
        except UserError as error:
            report.note(f"Not run: {where}: {last_line(error)}")
        rows = report.compare("trainings", COLUMNS, {"model": model, "limit": limit}, runs, options.repeats)
        for what in [what for what in rows if what in OPTIONS]:
            for other in (SPACY, TRAINER):
                speed, whole = (
                    ratio(rows, "words_per_second", what, other),
                    ratio(rows, "seconds", other, what),
                )
                if speed is not None:
                    times = f"{speed:.2g} times the words/s of {other} ({whole:.2g} from start to end)"
                    report.note(f"{where}: {what}, {times}.")


def obstacle(what: str, place: t.Place) -> str:
    """Say why something cannot be trained here; nothing where it can."""
    if place.limit and place.device == "cpu":
        return "limits are of a GPU's memory"
    if place.limit and place.limit * 1e9 > torch.cuda.get_device_properties(0).total_memory:
        return "the GPU has less"
    if what == TRAINER and util.find_spec("accelerate") is None:
        return "accelerate is not installed; run: python -m pip install -r requirements/benchmark.txt"
    return ""


def contestant(what: str, model: str, place: t.Place, epochs: int) -> Callable[[int], Row]:
    """Return what trains, given a seed: the same words a step, schedule and epochs for all."""
    stock, ours = t.quickstart("gpu", model), t.our_config("gpu", model)
    ours["training"]["batcher"] = stock["training"]["batcher"] | {"discard_oversize": False}
    if what in CPU_VARIANT:
        elsewhere = replace(place, device=CPU_VARIANT[what] or place.device)
        cpu = t.our_config("cpu")
        return lambda seed: t.train_ours(with_epochs(cpu, elsewhere, epochs, seed), elsewhere)
    if what == SPACY:
        unseen = {"unseen": left_out(stock, place)}
        return lambda seed: t.train_spacy(with_epochs(stock, place, epochs, seed), place) | unseen
    if what in OPTIONS:
        ours["initialize"]["after_init"] |= {"head_rate": 1.0} | OPTIONS[what]
        precision = {"precision": "auto" if what == HALVING else "fp32"}
        unseen = {"unseen": left_out(ours, place)}
        return lambda seed: t.train_ours(with_epochs(ours, place, epochs, seed), place, **precision) | unseen
    batches = t.first_epoch(ours, place.corpus)
    arguments = {
        "num_train_epochs": epochs,
        "per_device_train_batch_size": BATCH,
        "per_device_eval_batch_size": BATCH,
        "gradient_accumulation_steps": max(1, round(sum(batches) / len(batches) / BATCH)),
        "learning_rate": RATE,
        "warmup_ratio": WARMUP,
        "eval_strategy": "epoch",
        "eval_on_start": True,
        "save_strategy": "epoch",
        "save_total_limit": 1,
    }
    return lambda seed: t.train_trainer(model, arguments | {"seed": seed}, place)


def with_epochs(config: Config, place: t.Place, epochs: int, seed: int) -> Config:
    """Return a copy with as many steps as its first epoch has batches, times `epochs`, scored after each."""
    every = len(t.first_epoch(config, place.corpus))
    copy = t.set_budget(config, place, epochs * every, seed, every)
    rate = copy["training"]["optimizer"]["learn_rate"]
    if isinstance(rate, dict):
        rate |= {"total_steps": epochs * every, "warmup_steps": max(1, round(epochs * every * WARMUP))}
        rate["initial_rate"] = RATE
    return copy


def left_out(config: Config, place: t.Place) -> str:
    """Say how many documents the config's batcher leaves out."""
    left = inputs.count(place.corpus, "documents", "train") - sum(t.first_epoch(config, place.corpus))
    return f"{left:,} documents" if left else "nothing"


def locate_model(name: str, folder: Path, texts: Path) -> str:
    """Return what names a model; one of random weights is made once (wordpieces from `texts`) and kept."""
    if name not in (RANDOM, TINY):
        return name
    made = folder / ("large" if name == RANDOM else "tiny")
    if (made / "model.safetensors").exists():
        return str(made)
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    tokenizer = ByteLevelBPETokenizer()
    options = {"vocab_size": 10_000, "min_frequency": 2, "show_progress": False}
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    lines = texts.read_text(encoding="utf-8").splitlines()
    tokenizer.train_from_iterator(lines, special_tokens=special, **options)
    tokenizer.save_model(str(made))
    shape = {"max_position_embeddings": 514, "type_vocab_size": 1}
    if name == TINY:
        shape |= {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
        }
    torch.manual_seed(0)
    transformers.RobertaModel(transformers.RobertaConfig(**shape)).save_pretrained(made)
    return str(made)
