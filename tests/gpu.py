"""Run the tests and measurements that need a GPU, and write down what came out; from the project's folder:

python -m tests.gpu --minutes 20
python -m tests.gpu --device cpu --minutes 3 --small
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import util
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import torch
import typer

from scripts.benchmarks import transformer as tuning
from scripts.benchmarks.inputs import build_corpus, corpus_files
from scripts.benchmarks.measure import OutOfTime, measure
from scripts.benchmarks.transformer import (
    COMPILED,
    HALVING,
    OPTIONS,
    OURS,
    RECIPE,
    RECOMPUTING,
    SPACY,
    TRAINER,
    Plan,
    Trained,
)
from scripts.cli import UserError, console, run
from scripts.corpus.files import write_json, write_text
from scripts.report.machine import describe, measured_on
from scripts.training.device import gpu_obstacle
from scripts.training.transformer import PACKAGED, locate_transformer
from tests.tiny import roberta

DEMO = Path("assets/demo")
LIMITS = (6, 8, 12, 24)
"""GB of the GPUs that people have."""
TESTS = 0.4
"""Share of the time that the tests may take."""
NO_TESTS = 5
"""pytest's exit code where nothing was selected."""
LEAST = 20.0
"""Seconds with which it is not worth beginning anything."""
RANDOM, KNOWN = "roberta-base's size, random weights", next(iter(PACKAGED))
GROUPS = [
    *((RANDOM, limit, (OURS, SPACY, HALVING)) for limit in LIMITS),
    (RANDOM, 0, (HALVING, OURS, SPACY, TRAINER)),
    (KNOWN, 0, (RECIPE, OURS, SPACY, TRAINER)),
    (RANDOM, 0, (RECOMPUTING, COMPILED)),
]
"""What trains, the most important first: a model, GB of GPU memory (0: all), who."""
SMALL = [("two layers, random weights", 0, (OURS, SPACY, TRAINER))]


@dataclass
class Report:
    """What came out so far. Its files are written with each row: a run that is cut off leaves what it has."""

    folder: Path
    machine: dict
    device: str
    tests: list[dict] = field(default_factory=list)
    trainings: list[dict] = field(default_factory=list)
    fit: str = ""
    missing: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Write results.json and results.md."""
        found = asdict(self)
        del found["folder"]
        write_json(self.folder / "results.json", found)
        write_text(self.folder / "results.md", "\n".join(self._lines()) + "\n")

    def _lines(self) -> Iterator[str]:
        yield f"{measured_on(self.machine)} Device: {self.device}."
        yield from ("", "| test | outcome | seconds |", "| --- | --- | ---: |")
        yield from (f"| {row['test']} | {row['outcome']} | {row['seconds']:.1f} |" for row in self.tests)
        yield from ("", "| model | limit | who | outcome | steps | words/s | seconds | memory | GPU memory |")
        yield "| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |"
        for row in self.trainings:
            figures = [""] * 5
            if row["outcome"] == "trained":
                used = "" if row["gpu_mb"] is None else f"{row['gpu_mb']:,.0f} MB"
                figures = [f"{row['steps']}", f"{row['words_per_second']:,.0f}", f"{row['seconds']:.1f}"]
                figures += [f"{row['peak_mb']:,.0f} MB", used]
            limit = f"{row['limit']} GB" if row["limit"] else "all"
            yield f"| {row['model']} | {limit} | {row['who']} | {row['outcome']} | {' | '.join(figures)} |"
        yield from ("", "What fits, by `python -m scripts.fit`:", "", "```")
        yield from (self.fit.rstrip() or "not run", "```")
        yield from ("", *(f"- Not run: {what}" for what in self.missing))

    @property
    def failures(self) -> int:
        """How many tests and trainings went wrong. That memory ran out in a small GPU is a result, too."""
        return sum(row["outcome"].startswith("failed") for row in [*self.tests, *self.trainings])


def run_tests(report: Report, deadline: float) -> None:
    """Run the tests that are marked `gpu`, file by file; those that are skipped count as not run."""
    outcomes = report.folder / "tests.xml"
    for path in sorted(Path("tests").glob("test_*.py")):
        if "mark.gpu" not in path.read_text(encoding="utf-8"):
            continue
        outcomes.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", f"--junitxml={outcomes}", str(path)]
        try:
            measure(command, codes=(0, 1, NO_TESTS), most=max(0.0, deadline - time.monotonic()))
        except UserError as error:
            report.missing.append(f"the tests of {path.name}: {_last_line(error)}")
            continue
        for case in ElementTree.parse(outcomes).iter("testcase"):
            _add_test(report, f"{path.name}::{case.get('name')}", case)
        report.write()


def _add_test(report: Report, name: str, case: ElementTree.Element) -> None:
    """Add how a test ended."""
    skipped = case.find("skipped")
    if skipped is not None:
        report.missing.append(f"{name}: {skipped.get('message')}")
        return
    problem = next((found for kind in ("failure", "error") if (found := case.find(kind)) is not None), None)
    why = "" if problem is None else (problem.get("message") or "").strip().split("\n")[0].replace("|", "/")
    outcome = "passed" if problem is None else f"failed: {why}"
    report.tests.append({"test": name, "outcome": outcome, "seconds": float(case.get("time") or 0)})


def run_fit(report: Report, config: Path, device: str, most: float) -> None:
    """Let `python -m scripts.fit` say what fits into which GPU."""
    limits = ",".join(f"{limit}GB" for limit in LIMITS)
    command = [sys.executable, "-m", "scripts.fit", str(config), f"--memory={limits}", f"--device={device}"]
    try:
        report.fit = measure(command, most=most).output
    except UserError as error:
        report.missing.append(f"what fits: {_last_line(error)}")


def train_one(train: Callable[[], Trained]) -> dict[str, Any]:
    """Train; return the figures, or why there are none."""
    try:
        trained = train()
    except OutOfTime:
        return {"outcome": "out of time"}
    except UserError as error:
        is_memory = tuning.is_out_of_memory(error)
        return {"outcome": "out of memory" if is_memory else f"failed: {_last_line(error)}"}
    return {"outcome": "trained"} | {name: getattr(trained, name) for name in Trained.__slots__}


def _last_line(error: UserError) -> str:
    lines = [line.strip(" │╭╰─╮╯") for line in str(error).splitlines()]
    return next((line for line in reversed(lines) if line), "").replace("|", "/")[:300]


class Models:
    """The models, each made when it is asked for; those that had to be made are kept for the next run."""

    def __init__(self, folder: Path, corpus_file: Path) -> None:
        self._folder, self._file = folder, corpus_file

    def locate(self, name: str) -> str:
        """Return a model's name or folder. Raises UserError where its package is missing."""
        if name in PACKAGED:
            locate_transformer(name)
            return name
        made = self._folder / ("large" if name == RANDOM else "small")
        if not (made / "config.json").exists():
            shutil.rmtree(made, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            torch.manual_seed(0)
            roberta(made) if name != RANDOM else tuning.write_large_model(made, self._file)
        return str(made)


def obstacles(model: str, limit: int, who: str, device: str) -> str:
    """Say why something cannot be trained here; nothing where it can."""
    if limit and device == "cpu":
        return "limits are of a GPU's memory"
    if limit and limit * 1e9 > torch.cuda.get_device_properties(0).total_memory:
        return "the GPU has less"
    if who == TRAINER and util.find_spec("accelerate") is None:
        return "accelerate is not installed (requirements/benchmark.txt)"
    return ""


def run_trainings(report: Report, groups: list, work: Path, files: dict[str, Path], plan: Plan) -> None:
    """Train all in turn, as long as there is time. Weights are thrown away: they would fill the disk."""
    corpus = build_corpus(work / "corpus", files)
    models, was_fit = Models(report.folder / "models", files["train"]), False
    for number, (model, limit, whom) in enumerate(groups):
        why = {who: obstacles(model, limit, who, plan.device) for who in whom}
        able = [who for who in whom if not why[who]]
        report.missing += [f"{who}, {model}, {limit or 'all'} GB: {why[who]}" for who in whom if why[who]]
        trains: dict[str, Callable[[], Trained]] = {}
        own = work / str(number)
        if able and plan.deadline - time.monotonic() > LEAST:
            try:
                ours = [who for who in able if who in OPTIONS] or [OURS]
                asked = {"model": models.locate(model), "limit": limit, "ours": ours}
                trains = tuning.contestants(own, corpus, plan, seed=0, **asked)
            except UserError as error:
                report.missing.append(f"{model}: {_last_line(error)}")
                continue
        if trains and not was_fit:
            was_fit = True
            run_fit(report, own / "ours-0", plan.device, (plan.deadline - time.monotonic()) / 4)
        for who in able:
            if plan.deadline - time.monotonic() < LEAST or who not in trains:
                report.missing.append(f"{who}, {model}, {limit or 'all'} GB: no time was left")
                continue
            console.print(f"{model}, {limit or 'all'} GB: {who}", highlight=False)
            report.trainings.append({"model": model, "limit": limit, "who": who} | train_one(trains[who]))
            report.write()
            for path in [*own.rglob("model-*"), *own.rglob("checkpoint*")]:
                shutil.rmtree(path, ignore_errors=True)


def shorten(files: dict[str, Path], folder: Path, documents: int) -> dict[str, Path]:
    """Write the first documents of each file to a folder."""
    folder.mkdir(parents=True)
    for path in files.values():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        write_text(folder / path.name, "".join(lines[:documents]))
    return {split: folder / path.name for split, path in files.items()}


def main(
    minutes: Annotated[float, typer.Option(min=1.0, help="How long it may take.")] = 20.0,
    device: Annotated[str, typer.Option(help="cuda, or cpu to see that all but the GPU works.")] = "cuda",
    small: Annotated[bool, typer.Option("--small", help="A tiny model and few documents.")] = False,
    output: Annotated[Path, typer.Option(help="Where the results go.")] = Path("training/benchmark/gpu"),
) -> None:
    """Run all tests marked gpu and the GPU rows of the benchmark, and write results.md and results.json."""
    deadline = time.monotonic() + 60 * minutes
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device={device}: write cpu or cuda")
    obstacle = gpu_obstacle(0) if device == "cuda" else None
    name = "CPU" if device == "cpu" else obstacle or torch.cuda.get_device_name(0)
    report = Report(output, describe(), name)
    output.mkdir(parents=True, exist_ok=True)
    if obstacle is not None:
        report.missing.append(f"anything: {obstacle}; or see the rest work by --device cpu --small")
    else:
        console.print("Tests")
        run_tests(report, deadline - (1 - TESTS) * 60 * minutes)
        work = output / "work"
        shutil.rmtree(work, ignore_errors=True)
        files = corpus_files(None, DEMO)
        files = shorten(files, work / "raw", 40) if small else files
        plan = Plan(1 if small else 2, 1, 1, device, deadline=deadline)
        run_trainings(report, SMALL if small else GROUPS, work, files, plan)
        shutil.rmtree(work, ignore_errors=True)
    report.write()
    console.print((output / "results.md").read_text(encoding="utf-8"), markup=False, highlight=False)
    if report.failures or not report.trainings:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
