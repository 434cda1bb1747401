"""Fine-tuning beside `spacy train` with its GPU quickstart and beside Hugging Face's Trainer."""

import shutil
from dataclasses import replace
from functools import partial
from importlib import util
from pathlib import Path

import torch
import transformers
from confection import Config
from tokenizers import ByteLevelBPETokenizer

from tests.benchmarks import inputs
from tests.benchmarks import trainings as t
from tests.benchmarks.report import FIGURES, Options, Report, Row
from tests.benchmarks.train import WORDS, each

EPOCHS = 2
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
}
COLUMNS |= FIGURES | {"GPU memory": "{gpu_mb:,.0f} MB", "steps": "{steps:,.0f}"} | WORDS
COLUMNS |= {"best F on dev, each seed": each("best_f"), "never learned from": "{unseen}"}


def run(report: Report, options: Options) -> None:
    """Fine-tune the packaged transformer."""
    run_groups(report, options, SMALL if options.small else [(t.KNOWN, 0, (*OPTIONS, SPACY, TRAINER))])


def run_groups(report: Report, options: Options, groups: list[tuple[str, int, tuple[str, ...]]]) -> None:
    """Train all in turn, as long as there is time."""
    report.intro = (
        f"Corpus: {options.corpus_name}; {EPOCHS} epochs. In fp32 unless a row says otherwise. Medians over "
        "the seeds; memory is that of all processes together. Words/s include evaluations."
    )
    files = inputs.corpus_files(options, report.work)
    corpus = inputs.build_corpus(files, report.work / "corpus")
    if util.find_spec("accelerate") is None:
        report.note(f"{TRAINER}: not run; first: pip install -r requirements/benchmark.txt")
        groups = [(*group, tuple(what for what in whom if what != TRAINER)) for *group, whom in groups]
    for model, limit, whom in groups:
        place = t.Place(corpus, options.device, limit, report.deadline)

        def train(what: str, seed: int, model: str = model, place: t.Place = place) -> Row:
            folder = locate_model(model, report.folder / "models", files["train"])
            return contestant(what, folder, place, seed)

        runs = {what: partial(train, what) for what in whom}
        labels = {"model": model, "limit": limit}
        rows = report.compare("trainings", COLUMNS, labels, runs, options.repeats)
        for what in [what for what in rows if what in OPTIONS]:
            for other in (SPACY, TRAINER):
                report.note_times(rows, f"{model}, {f'{limit} GB' if limit else 'all memory'}", what, other)


def contestant(what: str, model: str, place: t.Place, seed: int) -> Row:
    """Train by the same words a step, schedule and epochs for all."""
    if what in CPU_VARIANT:
        place = replace(place, device=CPU_VARIANT[what] or place.device)
        return t.train(t.OURS, with_epochs(t.our_config("cpu"), place, seed), place)
    stock, ours = t.quickstart("gpu", model), t.our_config("gpu", model)
    ours["training"]["batcher"] = stock["training"]["batcher"] | {"discard_oversize": False}
    if what == SPACY:
        left_out = inputs.documents_of(place.corpus) - sum(t.first_epoch(stock, place.corpus))
        unseen = {"unseen": f"{left_out:,} documents" if left_out else "nothing"}
        return t.train(t.SPACY, with_epochs(stock, place, seed), place) | unseen
    if what in OPTIONS:
        ours["initialize"]["after_init"] |= {"head_rate": 1.0} | OPTIONS[what]
        precision = "auto" if what == HALVING else "fp32"
        found = t.train(t.OURS, with_epochs(ours, place, seed), place, precision=precision)
        return found | {"unseen": "nothing"}
    batches = t.first_epoch(ours, place.corpus)
    arguments = {
        "seed": seed,
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": BATCH,
        "per_device_eval_batch_size": BATCH,
        "gradient_accumulation_steps": max(1, round(sum(batches) / len(batches) / BATCH)),
        "learning_rate": RATE,
        "warmup_ratio": WARMUP,
        "eval_strategy": "epoch",
        "eval_on_start": True,
        "save_strategy": "no",
    }
    return t.train_trainer(model, arguments, place)


def with_epochs(config: Config, place: t.Place, seed: int) -> Config:
    """Return a copy with as many steps as its epochs have batches, scored after each epoch."""
    every = len(t.first_epoch(config, place.corpus))
    copy = t.set_budget(config, place, seed, every=every, evaluations=EPOCHS)
    rate = copy["training"]["optimizer"]["learn_rate"]
    if isinstance(rate, dict):
        rate |= {"total_steps": EPOCHS * every, "warmup_steps": max(1, round(EPOCHS * every * WARMUP))}
        rate["initial_rate"] = RATE
    return copy


def locate_model(name: str, folder: Path, texts: Path) -> str:
    """Return what names a model; one of random weights is made once (wordpieces from `texts`) and kept."""
    made = folder / ("large" if name == RANDOM else "tiny")
    if name not in (RANDOM, TINY) or (made / "model.safetensors").exists():
        return name if name not in (RANDOM, TINY) else str(made)
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
