"""Prediction by `scripts.predict` beside `nlp.pipe`, `spacy apply` and Hugging Face's pipeline.

Pipelines are those in training/, or, where there are none, made by a few steps: weights change no speed.
"""

import math
import re
import statistics
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from pathlib import Path
from random import Random

import spacy
import srsly

from scripts.cli import physical_cores
from scripts.training.transformer import locate_transformer
from tests.benchmarks import inputs
from tests.benchmarks import trainings as t
from tests.benchmarks.measure import run_python
from tests.benchmarks.report import FIGURES, Columns, Options, Report, Row, ratios_of

OURS, APPLY, HUGGING_FACE = "predict", "spacy apply", "Hugging Face's pipeline"
PRECISIONS = ("bf16", "int8")
SHORT, LONG = 1 / inputs.SENTENCES, 20
"""Documents of a text; mixed ones are in between, as many from one length to its double as to the next."""
SIZES = (64, 256)
PROCESSES = {"cpu": sorted({1, physical_cores()}), "gpu": [1]}
"""Of `nlp.pipe`: with a transformer more have been seen to wait for each other without end."""
COUNTS = {"cpu": (1_000, 50, 500, 200_000), "gpu": (1_000, 20, 200, 10_000)}
"""Texts: short, long and mixed ones for all programs, and short ones for `predict` alone."""
CORPUS, FEW = "of the corpus", 3_000
"""The first sentences of the columns, as they are, for `predict` and `nlp.pipe`."""
COLUMNS: Columns = {"pipeline": "{pipeline}", "texts": "{texts}"} | FIGURES
COLUMNS |= {"words/s": "{words_per_second:,.0f}", "words/s, loaded": "{loaded:,.0f}"}
LOADED = re.compile(r"([\d,]+) words/s$|^([\d.]+)$")
"""What programs tell in their last line: their own speed, or their seconds."""


def run(report: Report, options: Options) -> None:
    """Predict short, long and mixed texts with both variants, from a file to a file."""
    report.intro = (
        "From a JSONL file to a file, start and loading included; `loaded`: from when it could begin; "
        "`one text` is start to first result. "
        "Of texts of the corpus medians, of others one run; memory is that of all processes together. "
        "Hugging Face's pipeline, its last layer random, reads the first 512 wordpieces of a text."
    )
    make = inputs.make_jsonl(inputs.column_sentences(options))
    for variant, (short, long, mixed, alone) in COUNTS.items():
        model = find_model(variant, report, options)
        texts = {
            "one text": 1,
            "short": 50 if options.small else short,
            "long": 5 if options.small else long,
            "mixed": options.documents[0] if options.documents else mixed,
            CORPUS: 50 if options.small else FEW,
        }
        texts |= {} if options.small else {"short, predict alone": alone}
        for name, count in texts.items():
            path = report.work / f"{variant}-{name}.jsonl"
            known = (doc.text for doc in islice(inputs.column_sentences(options), count))
            words = write_texts(path, known if name == CORPUS else make_texts(make, name, count))
            runs = programs(variant, model, path, words)
            if name == CORPUS:
                runs = {what: runs[what] for what in runs if what.startswith((OURS, "nlp.pipe"))}
            if "alone" in name or options.small:
                runs = {what: runs[what] for what in (OURS, pipe_name(SIZES[0], 1))[: 1 + options.small]}
            labels = {"pipeline": variant, "texts": f"{count:,} {name}"}
            repeats = options.repeats if name == CORPUS else 1
            rows = report.compare("predict", COLUMNS, labels, runs, repeats)
            note_ratio(report, rows, f"{variant}, {labels['texts']}")


def find_model(variant: str, report: Report, options: Options) -> Path:
    """Return a variant's trained pipeline; train one where there is none."""
    model = Path("training") / variant / "model-best"
    if (model / "meta.json").exists() and not options.small:
        return model
    corpus = inputs.build_corpus(inputs.corpus_files(options, report.work), report.work / "corpus")
    config = t.set_budget(t.our_config(variant), t.Place(corpus), 0, every=2, evaluations=1)
    path, folder = report.work / f"{variant}.cfg", report.work / variant
    config.to_disk(path)
    run_python(
        "-m",
        "scripts.train",
        str(path),
        *(f"--output={folder}", "--unvalidated", "--wandb-mode=disabled", "--gpu-id=-1"),
    )
    return folder / "model-best"


def make_texts(make: inputs.Make, name: str, count: int) -> Iterator[str]:
    """Yield so many texts."""
    random, drawn = Random(0), (srsly.json_loads(line)["text"] for line in make(count * LONG))
    for _ in range(count):
        size = {"one text": 1.0, "long": LONG, "mixed": SHORT * (LONG / SHORT) ** random.random()}
        documents = size.get(name, SHORT)
        text = " ".join(islice(drawn, math.ceil(documents)))
        yield text[: int(len(text) * documents / math.ceil(documents))]


def write_texts(path: Path, texts: Iterable[str]) -> int:
    """Write texts as rows; return how many words they have."""
    nlp, words = spacy.blank("en"), 0
    with path.open("w", encoding="utf-8") as file:
        for text in texts:
            words += len(nlp.make_doc(text))
            file.write(srsly.json_dumps({"text": text}) + "\n")
    return words


def pipe_name(size: int, processes: int) -> str:
    """Name a run of `nlp.pipe`."""
    return f"nlp.pipe, batch_size={size}, n_process={processes}"


def programs(variant: str, model: Path, texts: Path, words: int) -> dict[str, Callable[[int], Row]]:
    """Return what predicts texts, by its name."""
    output = texts.with_suffix(".out.jsonl")

    def command(*arguments: object) -> Callable[[int], Row]:
        def measure(_: int) -> Row:
            figures = run_python("-m", *map(str, arguments))
            figures["words_per_second"] = words / figures["seconds"]
            if told := LOADED.search(figures["last_line"].strip()):
                speed, seconds = told.groups()
                figures["loaded"] = float(speed.replace(",", "")) if speed else words / float(seconds)
            return figures

        return measure

    ours = ("scripts.predict", model, texts, f"--output={output}", "--device=cpu", "--restart")
    runs = {OURS: command(*ours)}
    if variant == "gpu":
        for precision in PRECISIONS:
            runs[f"{OURS}, {precision}"] = command(*ours, f"--precision={precision}", "--corpus=nowhere")
    for size, processes in product(SIZES, PROCESSES[variant]):
        piped = command("tests.benchmarks.piped", "spacy", model, texts, output, size, processes)
        runs[pipe_name(size, processes)] = piped
    apply = ("spacy", "apply", model, texts, output.with_suffix(".spacy"), "--force", "--batch-size=64")
    runs[APPLY] = command(*apply, f"--n-process={PROCESSES[variant][-1]}")
    if variant == "gpu":
        backbone = locate_transformer(t.KNOWN)
        runs[HUGGING_FACE] = command("tests.benchmarks.piped", "hugging-face", backbone, texts, output, 64, 1)
    return runs


def note_ratio(report: Report, rows: dict[str, Row], where: str) -> None:
    """Tell how many times as fast `predict` is as the fastest run of `nlp.pipe`."""
    piped = [what for what in rows if what.startswith("nlp.pipe") and rows[what]["runs"]]
    if piped:
        best = min(piped, key=lambda what: rows[what]["seconds"])
        for ours in (what for what in rows if what.startswith(OURS)):
            whole = statistics.median(ratios_of(rows, "seconds", best, ours))
            loaded = statistics.median(ratios_of(rows, "loaded", ours, best))
            report.note(
                f"{where}: {ours} is {whole:.2g} times as fast as {best} ({loaded:.2g} times, loaded)."
            )
