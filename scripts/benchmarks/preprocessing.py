"""Preprocessing beside `spacy convert`, and beside the bare tokeniser."""

import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.inputs import (
    HELD_OUT,
    Sentence,
    column_sentences,
    demo_sentences,
    write_columns,
    write_jsonl,
)
from scripts.benchmarks.measure import Measured, measure, medians
from scripts.cli import UserError
from scripts.corpus.files import read_json

REPEATS_UP_TO = 100_000
"""Larger inputs are measured once, and without `spacy convert`, which would need 15 GB for a million documents."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: what was run on which input, and the medians over its runs. Tokens a second include the start."""

    input: str
    documents: int
    tokens: int
    what: str
    runs: int
    seconds: float
    peak_mb: float

    @property
    def tokens_per_second(self) -> float:
        """Tokens over the whole run's time."""
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Floor:
    """Tokens a second of the bare tokeniser in one process: median, and our share of that for each worker."""

    documents: int
    tokens_per_second: float
    share: float


@dataclass(frozen=True, slots=True)
class Results:
    """All rows, the floors, how many times faster than `spacy convert` we are on each input of columns."""

    lines: list[Line]
    floors: list[Floor]
    ratios: dict[str, float]


def run(
    sizes: list[int],
    work: Path,
    *,
    workers: int,
    repeats: int,
    demo: Path,
    columns: Path | None,
    tell: Callable[[str], None],
) -> Results:
    """Make the inputs in `work`, measure, and delete them again. Pairs are run in turn, so that both see the same machine.

    columns: a folder of `.conll` files for the comparison on columns; None: the demo corpus's own sentences.
    Raises UserError where our documents are not those of `spacy convert`.
    """
    sentences = demo_sentences(demo)
    others = column_sentences(columns) if columns else sentences
    name = f"columns ({columns.name if columns else 'demo'})"
    lines: list[Line] = []
    floors: list[Floor] = []
    ratios: dict[str, float] = {}
    for size in sizes:
        times = repeats if size <= REPEATS_UP_TO else 1
        for path in (work / "in", work / "out"):
            shutil.rmtree(path, ignore_errors=True)
        (work / "in").mkdir(parents=True)
        tell(f"{size:,} documents: making JSONL")
        jsonl = _inputs(work / "in", "jsonl", sentences, size, write_jsonl)
        ours, drawn, bare = [], [], []
        for _ in range(times):
            tell(f"{size:,} documents: JSONL")
            bare.append(
                float(measure([sys.executable, "-m", "scripts.benchmarks.floor", str(jsonl[0])]).output)
            )
            ours.append(_preprocess(jsonl, work / "out", workers))
            drawn.append(_preprocess([jsonl[0], "", ""], work / "drawn", workers))
        tokens = _tokens(work / "out")
        lines.append(_line("JSONL", size, tokens, "preprocess", ours))
        lines.append(_line("JSONL", size, tokens, "preprocess, dev and test drawn", drawn))
        speed = statistics.median(bare)
        floors.append(Floor(size, speed, lines[-2].tokens_per_second / speed / workers))
        tell(f"{size:,} documents: making columns")
        conll = _inputs(work / "in", "conll", others, size, write_columns)
        ours, theirs = [], []
        for _ in range(times):
            tell(f"{size:,} documents: columns")
            ours.append(_preprocess(conll, work / "out", workers))
            if size <= REPEATS_UP_TO:
                (work / "convert").mkdir(exist_ok=True)
                command = [
                    sys.executable,
                    "-m",
                    "spacy",
                    "convert",
                    str(conll[0]),
                    str(work / "convert"),
                    "-c",
                    "ner",
                    "-n",
                    "1",
                ]
                theirs.append(measure(command))
        lines.append(_line(name, size, _tokens(work / "out"), "preprocess", ours))
        if theirs:
            compare(work / "out" / "train", work / "convert" / f"{conll[0].stem}.spacy")
            lines.append(_line(name, size, _tokens(work / "out"), "spacy convert -c ner -n 1", theirs))
            ratios[f"{size}"] = round(lines[-1].seconds / lines[-2].seconds, 2)
        for folder in ("in", "out", "drawn", "convert"):
            shutil.rmtree(work / folder, ignore_errors=True)
    return Results(lines, floors, ratios)


def _inputs(folder: Path, ending: str, sentences: list[Sentence], size: int, write: Callable) -> list[Path]:
    paths = [folder / f"{split}.{ending}" for split in ("train", "dev", "test")]
    for path, documents in zip(paths, (size, HELD_OUT, HELD_OUT), strict=True):
        write(path, sentences, documents)
    return paths


def _preprocess(paths: list, output: Path, workers: int) -> Measured:
    shutil.rmtree(output, ignore_errors=True)
    names = [f"--{split}={path}" for split, path in zip(("train", "dev", "test"), paths, strict=True)]
    return measure(
        [sys.executable, "-m", "scripts.preprocess", *names, f"--output={output}", f"--workers={workers}"]
    )


def _tokens(corpus: Path) -> int:
    return sum(read_json(corpus / split / "manifest.json")["tokens"] for split in ("train", "dev", "test"))


def _line(input: str, size: int, tokens: int, what: str, runs: list[Measured]) -> Line:
    seconds, peak = medians(runs)
    return Line(input, size, tokens, what, len(runs), seconds, peak)


def compare(shards: Path, converted: Path) -> None:
    """Raise UserError unless our shards hold the words and entities that `spacy convert` wrote."""
    ours, theirs = _documents(sorted(shards.glob("*.spacy"))), _documents([converted])
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine != other:
            raise UserError(f"document {number} of {shards} is {mine}, but in {converted} it is {other}")


def _documents(paths: list[Path]) -> Iterator[tuple]:
    import spacy
    from spacy.tokens import DocBin

    vocab = spacy.blank("en").vocab
    for path in paths:
        for doc in DocBin().from_disk(path).get_docs(vocab):
            yield [token.text for token in doc], [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def as_markdown(results: Results, machine: str, workers: int) -> str:
    """Make the table, with the machine and what the numbers mean."""
    rows = [
        "| input | documents | what | seconds | tokens/s | peak memory |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for line in results.lines:
        numbers = f"{line.seconds:,.1f} | {line.tokens_per_second:,.0f} | {line.peak_mb:,.0f} MB"
        rows.append(f"| {line.input} | {line.documents:,} | {line.what} | {numbers} |")
    notes = [
        f"{int(size):,} documents: {ratio:g} times `spacy convert`'s speed."
        for size, ratio in results.ratios.items()
    ]
    notes += [
        f"{floor.documents:,} documents: the bare tokeniser does {floor.tokens_per_second:,.0f} tokens/s in one process; "
        f"preprocessing JSONL does {100 * floor.share:.0f} % of that for each of its {workers} workers, from start to end."
        for floor in results.floors
    ]
    return (
        f"{machine} Medians; memory is that of all processes together.\n\n"
        + "\n".join([*rows, "", *(f"- {note}" for note in notes)])
        + "\n"
    )
