"""Plant every fault that a check knows, and see who finds it: this project, or spaCy's own commands."""

import contextlib
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import spacy
import srsly
from spacy.cli.debug_data import debug_data
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from spacy.training.converters import conll_ner_to_docs
from spacy.util import filter_spans

from scripts.checks.catalogue import CHECKS
from scripts.cli import console
from tests.benchmarks.report import Options, Report
from tests.benchmarks.trainings import write_quickstarts
from tests.planted import Example, base, examined, parse, plant

COPIES = 60
"""Sound documents of each kind around a fault: enough that spaCy has no complaint about their number."""
FINDERS = {
    "spacy debug data": partial(debug_data, silent=False, no_format=False),
    "spacy train, a step": partial(train, overrides={"training.max_steps": 1, "training.max_epochs": 1}),
}
START = ("vectors", "vectors_lang", "weights", "weights_vectors")
"""Options of an example that say what its config starts from."""
COLUMNS = {"fault": "{code} {slug}"}
COLUMNS |= {f"`{finder}`": lambda row, finder=finder: row[finder] for finder in FINDERS}
COLUMNS |= {"`scripts.validate`": "{found}", "where": "{place}"}


def run(report: Report, options: Options) -> None:
    """Plant the bad and the good example of each check, with the configs of spaCy's quickstart.

    Who says something of the bad one that it does not say of the good one, or dies of it, has found it.
    """
    configs = write_quickstarts(report.work / "configs")
    for check in CHECKS[:3] if options.small else CHECKS:
        console.print(f"{check.code} {check.slug}")
        folder = report.work / check.slug
        found = examined(check.bad, folder / "ours", configs).findings
        place = next((finding.place for finding in found if finding.slug == check.slug), "")
        row = {"code": check.code, "slug": check.slug, "found": "yes" if place else "NO"}
        row["place"] = f"`{place.replace(f'{folder.as_posix()}/ours/', '')}`" if place else "no"
        for number, (finder, find) in enumerate(FINDERS.items()):
            bad, good = (
                complaints(find, parse(text), folder / f"{number}-{name}", configs)
                for name, text in (("bad", check.bad), ("good", check.good))
            )
            new = [line for normal, line in bad.items() if normal not in good]
            row[finder] = f"“{'; '.join(new)[:110]}”" if new else "no"
        report.add("faults", COLUMNS, row)
    rows = report.tables["faults"][1]
    counts = {finder: sum(row[finder] != "no" for row in rows) for finder in FINDERS}
    rest = " and ".join(f"{count} by `{finder}`" for finder, count in counts.items())
    ours = sum(row["found"] == "yes" for row in rows)
    report.note(f"Of {len(rows)} kinds of fault, {ours} are found by `scripts.validate`, {rest}.")


def complaints(find: Callable, example: Example, folder: Path, configs: Path) -> dict[str, str]:
    """Return the warnings and errors of a program, and what it died of, by the text without its numbers.

    Raw data reaches it as tutorials convert it. What it cannot be shown (a ledger) it cannot find.
    """
    surroundings = {split: base(split, COPIES) for split in ("train", "dev", "test")}
    start = {name: value for name, value in example.options.items() if name in START}
    tagged = Example(example.config, start, example.tagged, alone=example.alone)
    _, data, config = plant(tagged, folder, configs, surroundings=surroundings)
    output, lines = io.StringIO(), []
    try:
        docs = naively_converted(example)
        if docs:
            docs += DocBin().from_disk(data["train"]).get_docs(docs[0].vocab)
            DocBin(docs=docs, store_user_data=True).to_disk(data["train"])
        if "shard" in example.options:
            data["train"].write_bytes(example.options["shard"].encode())
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            find(config)
    except SystemExit:
        pass  # with errors, which it has told
    except Exception as error:
        code = re.search(r"\[E\d+\]", str(error))
        lines = [f"dies: {type(error).__name__} {code[0] if code else ' '.join(str(error).split())[:60]}"]
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output.getvalue()).splitlines()
    lines += [line.strip()[1:].strip() for line in plain if line.strip().startswith(("⚠", "✘"))]
    return {
        re.sub(r"\d+", "N", line): line for line in lines if not re.search(r"\d+ (warning|error)s?$", line)
    }


def naively_converted(example: Example) -> list[Doc]:
    """Make Docs of raw data by `char_span` (without None) and `filter_spans`, or by spaCy's converter."""
    if example.raw:
        is_columns = example.raw[0] == "columns"
        return list(conll_ner_to_docs(example.raw[1].replace("\t", " "), no_print=True)) if is_columns else []
    nlp = spacy.blank("en")
    docs = []
    for row in map(srsly.json_loads, example.rows):
        doc = nlp.make_doc(row["text"])
        spans = [span.values() if isinstance(span, dict) else span for span in row["spans"]]
        found = [doc.char_span(start, end, label=label) for start, end, label in spans]
        doc.ents = filter_spans([span for span in found if span is not None])
        docs.append(doc)
    return docs
