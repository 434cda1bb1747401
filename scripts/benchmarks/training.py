"""Training beside `spacy train`: speed, memory, checkpoints, and predicting with what was trained."""

import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from confection import Config
from spacy.util import load_config

from scripts.benchmarks.inputs import build_corpus, column_sentences, corpus_files, demo_sentences, made_files
from scripts.benchmarks.measure import EVERY, MB, Measured, measure, medians, seconds_until
from scripts.benchmarks.stamps import NAMES
from scripts.cli import UserError
from scripts.corpus.files import read_json
from scripts.report.chart import Measure
from scripts.training.checkpoint import CHECKPOINT
from scripts.training.configs import write_quickstarts

THEIRS = "spacy train"
CONSTANT = 4000
"""Words a batch, where that is constant. The quickstart's batches grow from 100 words to 1,000."""
EVALUATED = 200
"""Steps between evaluations in the quickstart."""
PIPES = 5
"""Runs of `nlp.pipe` in each of two ways."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One run: words a second from before the first step to the end of the last evaluation, best F on dev, share of time in checkpoints."""

    measured: Measured
    words_per_second: float
    best_f: float
    in_checkpoints: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: medians over the seeds, whole process in seconds, and each seed's best F on dev."""

    batches: str
    steps: int
    what: str
    words_per_second: float
    seconds: float
    peak_mb: float
    best_f: list[float]
    in_checkpoints: float


@dataclass(frozen=True, slots=True)
class Memory:
    """One run on a corpus of some size."""

    documents: int
    tokens: int
    what: str
    steps: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Resumption:
    """Seconds from SIGTERM to the end, seconds until the run goes on, and the size of the checkpoint."""

    stop: float
    go_on: float
    checkpoint_mb: float


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured. pipe: words a second of `nlp.pipe`, medians."""

    corpus: str
    lines: list[Line]
    memory: list[Memory]
    resumption: Resumption
    pipe: dict[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run. steps: with the quickstart's batches, with constant ones, and where memory is measured."""

    steps: tuple[int, int, int]
    seeds: int
    workers: int
    sizes: list[int]
    theirs_up_to: int

    @property
    def counts(self) -> list[int]:
        """Numbers of workers: powers of two, and all."""
        return sorted({2**i for i in range(self.workers.bit_length())} | {self.workers})


def run(plan: Plan, work: Path, *, demo: Path, columns: Path | None, tell: Callable[[str], None]) -> Results:
    """Train with spaCy's quickstart config for a CPU, ours and spaCy's in turn, so that both see the same machine."""
    quickstart = write_quickstarts(work / "quickstarts") / "cpu.cfg"
    name = (columns or demo).name
    tell(f"{name}: building the corpus")
    corpus = build_corpus(work / "corpus", corpus_files(columns, demo))
    growing, constant, _ = plan.steps
    batchings = (
        (f"quickstart's, {growing:,} steps", growing, None),
        (f"{CONSTANT:,} words, {constant:,} steps", constant, CONSTANT),
    )
    folders = {
        (batches, seed): write_config(
            work / f"{steps}-{size}-{seed}", quickstart, corpus, seed=seed, steps=steps, size=size
        )
        for batches, steps, size in batchings
        for seed in range(plan.seeds)
    }
    validate(corpus, list(folders.values()))
    lines = []
    for batches, steps, _ in batchings:
        runs: dict[str, list[Trained]] = {}
        for seed in range(plan.seeds):
            for what, train in _contestants(folders[batches, seed], corpus, plan.counts):
                tell(f"{batches}, seed {seed}: {what}")
                runs.setdefault(what, []).append(train())
        lines += [_line(batches, steps, what, trained) for what, trained in runs.items()]
    small, large = (folders[batches, 0] for batches, _, _ in batchings)
    tell("nlp.pipe")
    ways = ("stock", "openblas")
    speeds = [[_pipe(small / "model-best", corpus, way) for way in ways] for _ in range(PIPES)]
    tell("stopping and going on")
    resumption = stop_and_go_on(_ours(large, corpus, 1), large / CHECKPOINT)
    sentences = column_sentences(columns) if columns else demo_sentences(demo)
    memory = [
        line
        for size in plan.sizes
        for line in _memory(plan, size, work / f"documents-{size}", sentences, quickstart, tell)
    ]
    pipe = {
        way: statistics.median(column) for way, column in zip(ways, zip(*speeds, strict=True), strict=True)
    }
    return Results(name, lines, memory, resumption, pipe)


def evaluated_every(steps: int) -> int:
    """Return the steps between evaluations: as many as in the quickstart, or the next number that makes the last step evaluated."""
    return next(every for every in range(min(EVALUATED, steps), steps + 1) if steps % every == 0)


def write_config(
    folder: Path,
    quickstart: Path,
    corpus: Path,
    *,
    seed: int,
    steps: int,
    size: int | None = None,
    stream: bool = False,
) -> Path:
    """Write `config.cfg` for us and `spacy.cfg`, the same with stamps, for spaCy; return the folder."""
    config = load_config(quickstart, interpolate=False)
    config["paths"] |= {split: (corpus / split).as_posix() for split in ("train", "dev")}
    config["system"]["seed"] = seed
    training = config["training"]
    training |= {"max_steps": steps, "patience": 0, "eval_frequency": evaluated_every(steps)}
    if size is not None:
        training["batcher"]["size"] = size
    folder.mkdir(parents=True)
    if stream:
        config["corpora"]["train"] = {
            "@readers": "ner_template.shards.v1",
            "path": "${paths.train}",
            "seed": "${system.seed}",
            "shuffle": True,
        }
        training["max_epochs"] = -1
        labels = {"@readers": "spacy.read_labels.v1", "path": "${paths.train}/labels.json", "require": True}
        config["initialize"]["components"]["ner"] = {"labels": labels}
    config.to_disk(folder / "config.cfg")
    write_stamped(config, folder)
    return folder


def write_stamped(config: Config, folder: Path) -> None:
    """Write `spacy.cfg`: a config, with what writes times and scores to `stamps.jsonl`."""
    config["training"] |= {name: {registry: f"benchmark.{name}.v1"} for name, registry in NAMES.items()}
    config["training"]["logger"]["path"] = (folder / "stamps.jsonl").as_posix()
    config.to_disk(folder / "spacy.cfg")


def validate(corpus: Path, folders: list[Path]) -> None:
    """Let the corpus pass the gate for the config of each folder."""
    configs = [f"--config={folder / 'config.cfg'}" for folder in folders]
    measure([sys.executable, "-m", "scripts.validate", *configs, f"--corpus={corpus}"])


def _contestants(
    folder: Path, corpus: Path, counts: list[int]
) -> Iterator[tuple[str, Callable[[], Trained]]]:
    for count in counts:
        yield (
            f"{count} worker{'s' if count > 1 else ''}",
            lambda count=count: train_ours(folder, corpus, count),
        )
    yield THEIRS, lambda: train_theirs(folder)


def _ours(folder: Path, corpus: Path, workers: int) -> list[str]:
    options = [f"--corpus={corpus}", f"--workers={workers}", "--device=cpu", "--wandb-mode=disabled"]
    return [sys.executable, "-m", "scripts.train", str(folder), *options]


def train_ours(folder: Path, corpus: Path, workers: int) -> Trained:
    """Train with `python -m scripts.train`."""
    measured = measure(_ours(folder, corpus, workers))
    metrics = read_json(folder / "metrics.json")
    seconds = metrics["seconds"]
    return Trained(
        measured,
        metrics["words"] / seconds,
        metrics["best"]["ents_f"],
        metrics["seconds_checkpoints"] / seconds,
    )


def train_theirs(folder: Path) -> Trained:
    """Train with `spacy train`, and read its stamps."""
    (folder / "stamps.jsonl").unlink(missing_ok=True)
    code = Path(__file__).with_name("stamps.py")
    command = [
        sys.executable,
        "-m",
        "spacy",
        "train",
        str(folder / "spacy.cfg"),
        f"--output={folder / 'spacy'}",
        f"--code={code}",
    ]
    measured = measure(command)
    rows = [json.loads(line) for line in (folder / "stamps.jsonl").read_text(encoding="utf-8").splitlines()]
    return Trained(measured, rows[-1]["words"] / rows[-1]["seconds"], max(row["ents_f"] for row in rows))


def _line(batches: str, steps: int, what: str, runs: list[Trained]) -> Line:
    speed, checkpoints = (
        statistics.median(values)
        for values in zip(*((run.words_per_second, run.in_checkpoints) for run in runs), strict=True)
    )
    best = [round(run.best_f, 4) for run in runs]
    return Line(
        batches,
        steps,
        what,
        round(speed),
        *medians([run.measured for run in runs]),
        best,
        round(checkpoints, 4),
    )


def _pipe(model: Path, corpus: Path, way: str) -> float:
    return float(
        measure([sys.executable, "-m", "scripts.benchmarks.pipe", str(model), str(corpus), way]).output
    )


def stop_and_go_on(command: list[str], checkpoint: Path) -> Resumption:
    """Stop a training after its first checkpoint, and give its command again. Raises UserError where it does not go on."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(EVERY)
    started = time.perf_counter()
    process.terminate()
    process.wait()
    stop = time.perf_counter() - started
    if not checkpoint.exists():
        raise UserError(f"{' '.join(command)} left no {checkpoint} when it was stopped; give it more --steps")
    size = checkpoint.stat().st_size / MB
    go_on = seconds_until("Goes on from step", command)
    if math.isnan(go_on):
        raise UserError(f"{' '.join(command)} did not go on from {checkpoint}")
    return Resumption(round(stop, 2), round(go_on, 2), round(size, 1))


def _memory(
    plan: Plan, size: int, work: Path, sentences: list, quickstart: Path, tell: Callable[[str], None]
) -> Iterator[Memory]:
    """Measure training on a corpus of some size, and delete it again."""
    work.mkdir()
    steps = plan.steps[2]
    tell(f"{size:,} documents: building the corpus")
    corpus = build_corpus(work / "corpus", made_files(work, sentences, size))
    streamed = write_config(work / "streamed", quickstart, corpus, seed=0, steps=steps, stream=True)
    validate(corpus, [streamed])
    whats = {"1 worker, streamed": lambda: train_ours(streamed, corpus, 1)}
    if size <= plan.theirs_up_to:
        plain = write_config(work / "plain", quickstart, corpus, seed=0, steps=steps)
        whats[THEIRS] = lambda: train_theirs(plain)
    for what, train in whats.items():
        tell(f"{size:,} documents: {what}")
        measured = train().measured
        tokens = read_json(corpus / "train" / "manifest.json")["tokens"]
        yield Memory(size, tokens, what, steps, round(measured.seconds, 2), round(measured.peak_mb, 1))
    shutil.rmtree(work)


def chart(lines: list[Line]) -> tuple[list[str], list[Measure]]:
    """Return the names and the groups of a bar chart of the speeds."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.batches, []).append(line)
    measures = []
    for batches, own in groups.items():
        values = tuple(float(line.words_per_second) for line in own)
        measures.append(Measure(f"words/s, {batches}", values, tuple(f"{value:,.0f}" for value in values)))
    return [line.what for line in next(iter(groups.values()))], measures
