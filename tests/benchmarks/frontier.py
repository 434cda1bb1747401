"""What knowledge buys: from a blank tok2vec to a transformer beside a pretrained one, on several corpora."""

import math
import statistics
from functools import partial
from html import escape
from pathlib import Path
from typing import NamedTuple

from scripts.corpus.files import read_json
from tests.benchmarks import inputs
from tests.benchmarks.measure import run_python
from tests.benchmarks.report import Columns, Options, Report, Row, markdown_table

Recipe = tuple[str, dict[str, str]]
"""A variant, and options of `scripts.configure`."""
NOTHING = {"vectors": "", "tok2vec": ""}
RECIPES: dict[str, Recipe] = {
    "blank tok2vec": ("cpu", NOTHING),
    "+ vectors": ("cpu", {"tok2vec": ""}),
    "+ vectors, pretrained": ("cpu", {}),
    "transformer": ("gpu", NOTHING),
    "transformer + pretrained tok2vec": ("gpu", {}),
}
"""The third is the cpu variant, the last the gpu variant."""
WIDTH, HEIGHT, EDGE = 720, 380, 56
COLORS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")


class Data(NamedTuple):
    """Raw files below a folder, by split (none: drawn from train), how they are read, and steps by variant."""

    files: dict[str, str]
    options: tuple[str, ...]
    steps: dict[str, int]


CORPORA = {
    "demo": Data({split: f"{split}.jsonl" for split in inputs.SPLITS}, (), {"cpu": 1000, "gpu": 560}),
    "wnut17": Data({split: f"{split}.conll" for split in inputs.SPLITS}, (), {"cpu": 1000, "gpu": 700}),
    "fashion-brands": Data({"train": "train.jsonl", "test": "dev.jsonl"}, (), {"cpu": 600, "gpu": 300}),
    "sec-filings": Data(
        {"train": "train.txt", "test": "test.txt"},
        ("--corpus.sentences_per_doc=10",),
        {"cpu": 600, "gpu": 300},
    ),
}


def each_f(row: Row) -> str:
    """Return F of each seed."""
    return ", ".join(f"{run['f']:.1f}" for run in row["runs"])


def mean_f(row: Row) -> str:
    """Return the mean of F over the seeds, and how far the seeds are from it (standard deviation)."""
    found = [run["f"] for run in row["runs"]]
    spread = f" ± {statistics.stdev(found):.1f}" if len(found) > 1 else ""
    return f"{statistics.mean(found):.1f}{spread}" if found else ""


COLUMNS: Columns = {
    "corpus": "{corpus}",
    "recipe": "{what}",
    "F on test, each seed": each_f,
    "mean": mean_f,
    "words/s, predicting": "{predicting:,.0f}",
    "size": "{size_mb:,.0f} MB",
    "time to train": "{training_seconds:,.0f} s",
    "words/s, training": "{training:,.0f}",
    "peak memory, training": "{training_mb:,.0f} MB",
}


def run(report: Report, options: Options) -> None:
    """Train each recipe with each seed on the demo and on all corpora that are there, and score on test."""
    report.intro = (
        "Seeds 0, 1, …; F of entities on gold tokens, in percent, with its mean and standard deviation; all "
        "else are medians, prediction's speed is the first seed's. Trained with one thread; predicted with one for each core."
    )
    compare(report, options, "frontier", COLUMNS, RECIPES)
    rows = report.tables["frontier"][1]
    report.summary, report.picture = matrix(rows), chart(rows)


def compare(
    report: Report, options: Options, table: str, columns: Columns, recipes: dict[str, Recipe]
) -> None:
    """Train recipes side by side on each corpus; note what each gains beside the first."""
    folders = {"demo": options.demo}
    if options.data is not None:
        folders |= {name: options.data / name for name in CORPORA if (options.data / name).is_dir()}
    for name, folder in folders.items():
        data, corpus = CORPORA[name], report.work / name
        files = dict.fromkeys(inputs.SPLITS, "") | {
            split: folder / file for split, file in data.files.items()
        }
        run_python("-m", *inputs.preprocess(files, corpus), *data.options)
        steps = dict.fromkeys(data.steps, options.steps) if options.small else data.steps
        runs = {
            what: partial(train, corpus, variant, steps[variant], given, options.device)
            for what, (variant, given) in recipes.items()
        }
        first, *others = report.compare(table, columns, {"corpus": name}, runs, options.repeats).values()
        for row in others:
            gains = [one["f"] - other["f"] for one, other in zip(row["runs"], first["runs"], strict=False)]
            if gains:
                gain = f"{statistics.mean(gains):+.1f} F beside {first['what']}"
                report.note(f"{name}: {row['what']}: {gain} (mean over the same seeds).")


def train(corpus: Path, variant: str, steps: int, options: dict[str, str], device: str, seed: int) -> Row:
    """Configure, train and evaluate; return the figures."""
    folder = corpus.with_name(f"{corpus.name}-run")
    config = folder / "config.cfg"
    given = options | {"corpus": corpus, "pretrained": corpus.with_name("pretrained"), "output": config}
    given |= {"seed": seed, "max-steps": steps}
    run_python("-m", "scripts.configure", variant, *(f"--{name}={value}" for name, value in given.items()))
    settings = ["--unvalidated", "--wandb-mode=disabled", "--restart", f"--device={device}"]
    figures = run_python("-m", "scripts.train", str(config), f"--output={folder}", *settings)
    further = [f"--corpus={corpus}", f"--device={device}", *(["--no-cost"] if seed else [])]
    run_python("-m", "scripts.evaluate", str(folder), *further)
    scores = read_json(folder / "scores.json")
    return {
        "f": 100 * scores["gold_tokens"]["ents_f"],
        "predicting": scores.get("words_per_second"),
        "size_mb": scores["model_mb"],
        "training_seconds": scores["training"]["seconds"],
        "training": scores["training"]["words_per_second"],
        "training_mb": figures["peak_mb"],
    }


def matrix(rows: list[Row]) -> str:
    """Return a table of mean F: a line a recipe, a column a corpus, and what the recipe costs on the first."""
    corpora = [*dict.fromkeys(row["corpus"] for row in rows)]
    lines = []
    for what in RECIPES:
        found = {row["corpus"]: row for row in rows if row["what"] == what and row["runs"]}
        lines.append(
            found.get(corpora[0], {}) | {"what": what} | {name: mean_f(row) for name, row in found.items()}
        )
    columns: Columns = {"recipe": "{what}"} | {f"F, {name}": f"{{{name}}}" for name in corpora}
    wanted = ("words/s, predicting", "size", "time to train")
    return markdown_table(columns | {name: COLUMNS[name] for name in wanted}, lines) + "\n"


def text(x: float, y: float, content: str, *, fill: str = "") -> str:
    """Return text at a place of the picture, in pixels."""
    color = f' fill="{fill}"' if fill else ""
    return f'<text x="{x:.1f}" y="{y:.0f}" text-anchor="start"{color}>{escape(content)}</text>'


def chart(rows: list[Row]) -> str:
    """Draw mean F against the speed of prediction, a line a corpus, as SVG."""
    points = [
        (row, row["predicting"], statistics.mean(run["f"] for run in row["runs"]))
        for row in rows
        if row.get("predicting")
    ]
    speeds, scores = [math.log10(point[1]) for point in points], [point[2] for point in points]
    left, right = min(speeds) - 0.1, max(speeds) + 0.1
    low, high = min(scores) - 3, max(scores) + 3

    def place(speed: float, f: float) -> tuple[float, float]:
        x = EDGE + (math.log10(speed) - left) / (right - left) * (WIDTH - EDGE - 170)
        return x, HEIGHT - EDGE - (f - low) / (high - low) * (HEIGHT - 2 * EDGE)

    shapes = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    shapes += [text(EDGE, 24, "F on test (mean of the seeds) against words/s in prediction (logarithmic)")]
    for i, name in enumerate(dict.fromkeys(row["corpus"] for row, _, _ in points)):
        color = COLORS[i % len(COLORS)]
        shapes.append(text(WIDTH - 150, 48 + 18 * i, f"● {name}", fill=color))
        path = [place(speed, f) for row, speed, f in points if row["corpus"] == name]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-opacity="0.4"/>')
        shapes += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in path]
        shapes += [text(x + 7, y + 4, f"{n}") for n, (x, y) in enumerate(path, 1)]
    for speed in (1_000, 2_000, 5_000, 10_000, 20_000, 50_000):
        if left <= math.log10(speed) <= right:
            shapes.append(text(place(speed, low)[0], HEIGHT - EDGE + 20, f"{speed:,}"))
    for f in range(math.ceil(low / 10) * 10, math.ceil(high), 10):
        shapes.append(text(16, place(10**left, f)[1] + 4, f"{f}"))
    legend = " · ".join(f"{n} {what}" for n, what in enumerate(RECIPES, 1))
    shapes.append(text(EDGE, HEIGHT - 10, legend))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    return "\n".join(
        [f'{head} font-size="12" role="img" aria-label="F against speed">', *shapes, "</svg>", ""]
    )
