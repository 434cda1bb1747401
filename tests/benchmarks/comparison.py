"""The report of two pipelines on a large test set: seconds, and the peak of memory."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

from spacy.vocab import Vocab

from scripts.corpus.files import sha256, write_json
from scripts.corpus.shards import MANIFEST, read_manifest, read_shard
from scripts.corpus.splits import SPLITS
from scripts.corpus.stream import find_shards
from scripts.report.counts import score
from scripts.report.matching import pair_entities
from scripts.report.predictions import INPUTS, write_predictions
from tests.benchmarks import inputs
from tests.benchmarks.report import FIGURES, Options, Report, Row, command
from tests.browser import BROWSER, show

COLUMNS = {"documents in test (and train)": "{documents:,}", "entities": "{entities:,}"} | FIGURES
VARIANTS = {"cpu": 0.7, "gpu": 0.8}
"""By name, which share of gold a variant finds; of what it finds as much is right."""
CLOCK = "<script>onload = () => setTimeout(() => document.title = performance.now())</script>"


def run(report: Report, options: Options) -> None:
    """Compare two variants whose predictions are gold with errors, drawn with a seed."""
    columns = inputs.make_columns(inputs.column_sentences(options))
    for size in options.documents or (100_000,):
        work = report.work / f"{size}"
        files = inputs.write_splits(work, "conll", columns, size)
        files["test"].write_text("".join(columns(size + 1)), encoding="utf-8", newline="\n")
        corpus = inputs.build_corpus(files, work / "corpus")
        manifests = {split: read_manifest(corpus / split) for split in SPLITS}
        count = {split: each["ledger"]["stages"]["sharded"] for split, each in manifests.items()}
        write_json(corpus / "validation.json", {"validated": count})
        for name, quality in VARIANTS.items():
            write_run(work / name, corpus, quality, count)
        folders = [work / name for name in VARIANTS]
        compare = command("scripts.compare", *folders, f"--corpus={corpus}", f"--output={work / 'report'}")
        labels = {"documents": size, "entities": sum(manifests["test"]["entities"].values())}
        runs = {"compare, two variants": compare}
        if BROWSER:
            page = work / "report" / "index.html"
            runs["open the page in a browser"] = lambda _, page=page: open_page(page)
        report.compare("comparison", COLUMNS, labels, runs, options.repeats)


def open_page(page: Path) -> Row:
    """Return the seconds until a browser, which runs, has loaded and shown a page."""
    copy = page.with_name("timed.html")
    copy.write_text(page.read_text(encoding="utf-8") + CLOCK, encoding="utf-8")
    shown, _ = show(copy, "--dump-dom")
    return {"seconds": float(re.search("<title>([0-9.]+)", shown)[1]) / 1000}


def write_run(folder: Path, corpus: Path, quality: float, count: dict[str, dict]) -> None:
    """Write what `scripts.evaluate` writes, of a pipeline that is drawn."""
    labels = [*read_manifest(corpus / "test")["entities"]]
    rows = [*draw_rows(corpus / "test", quality, labels)]
    figures = dict.fromkeys(
        ("words_per_second", "peak_memory_mb", "parameters", "model_mb", "seconds", "steps"), 1.0
    )
    figures |= {"device": "CPU", "peak_gpu_memory_mb": None}
    history = [{"step": 1, "words": 1, "words_per_second": 1.0, "ents_f": quality}]
    training = figures | {"seed": 0, "history": history, "trainer": count["train"]}
    folder.mkdir()
    write_json(
        folder / "scores.json",
        figures
        | {"variant": folder.name, "training": training, "pipeline": ["ner"], "spaces_known": True}
        | {"corpus_sha256": {"test": sha256(corpus / "test" / MANIFEST)}, "test": count["test"]}
        | {name: score([pair_entities(row["gold"], row[name]) for row in rows]) for name in INPUTS}
        | {"predictions_sha256": write_predictions(folder, rows)},
    )


def draw_rows(split: Path, quality: float, labels: list[str]) -> Iterator[dict]:
    """Yield rows of predictions: of gold so large a share, the rest missed, mislabelled or a token long."""
    draw = random.Random(quality)
    for doc in (doc for path in find_shards(split) for doc in read_shard(path, Vocab())):
        gold = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        row = {key: doc.user_data[key] for key in ("id", "source")} | {"tokens": len(doc), "gold": gold}
        for name in INPUTS:
            row[name] = [ent for ent in gold if draw.random() < quality]
            for place, (start, end, _) in enumerate(row[name]):
                if draw.random() > quality:
                    row[name][place] = (start, end, draw.choice(labels))
            token = doc[draw.randrange(len(doc))]
            if not token.ent_type and draw.random() > quality:
                row[name] = sorted([*row[name], (token.idx, token.idx + len(token), draw.choice(labels))])
        yield row
