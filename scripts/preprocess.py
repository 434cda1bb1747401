"""Turn raw annotations into shards of up to 100 documents, with a manifest for each split.

python -m scripts.preprocess --train=assets/demo/train.jsonl --dev=assets/demo/dev.jsonl --test=assets/demo/test.jsonl
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import console, physical_cores, progress_bar, run
from scripts.corpus.build import REJECTS, STAGING, STATE, RawCorpus, build_corpus, choose_workers
from scripts.corpus.files import digests, write_json_if_changed
from scripts.corpus.pool import without_torch
from scripts.corpus.settings import Alignment, OnError, Overlaps, Settings
from scripts.formats.doc_annotation import describe_counts
from scripts.formats.offsets import Offsets
from scripts.formats.registry import ACCEPTABLE
from scripts.report.tables import LEDGER_COLUMNS, as_rich, ledger_rows


def main(
    train: Annotated[
        str, typer.Option(help="Raw training data: a file, a folder, or several with commas between.")
    ],
    dev: Annotated[str, typer.Option(help="Raw development data; empty: a tenth of train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test data; empty: a tenth of train.")] = "",
    format: Annotated[
        str, typer.Option(help="How the raw files are written: auto, or a format of the README's table.")
    ] = "auto",
    lang: Annotated[
        str, typer.Option(help="spaCy's code of the language, which chooses the tokeniser.")
    ] = "en",
    columns: Annotated[
        str,
        typer.Option(
            help="Column files: names of the columns with commas between, one of them token, one tag; empty: found out."
        ),
    ] = "",
    encoding: Annotated[
        str, typer.Option(help="Encoding of the raw files; UTF-16 with a byte order mark is told by itself.")
    ] = "utf-8",
    offsets: Annotated[
        Offsets,
        typer.Option(
            metavar="UNIT",
            help=f"What the offsets of spans count: {', '.join(Offsets)}. auto: characters, unless they show otherwise.",
        ),
    ] = Offsets.auto,
    text_field: Annotated[
        str, typer.Option(help="JSON, Parquet, tables: the key of the text; empty: found out.")
    ] = "",
    spans_field: Annotated[
        str, typer.Option(help="The key of the spans or tags, or DocBin's group of spans; empty: found out.")
    ] = "",
    label_names: Annotated[
        str, typer.Option(help="Names of tags that are numbers, from 0 on, with commas between.")
    ] = "",
    annotator: Annotated[
        str, typer.Option(help="Whose annotation counts where several annotated: an id, first, last or all.")
    ] = "",
    accept: Annotated[
        str, typer.Option(help=f"Doubts that are no error, with commas between: {', '.join(ACCEPTABLE)}.")
    ] = "",
    sentences_per_doc: Annotated[
        int,
        typer.Option(min=0, help="Column files: sentences that make a document; 0: as the file's marks say."),
    ] = 0,
    align: Annotated[
        Alignment, typer.Option(help="Spans whose ends are inside tokens: lost, shrunk or grown.")
    ] = Alignment.strict,
    trim: Annotated[
        bool, typer.Option("--trim/--no-trim", help="Trim white space at the edges of spans.")
    ] = False,
    overlaps: Annotated[
        Overlaps, typer.Option(help="Of spans on one token: an error, the longest stays, or the first.")
    ] = Overlaps.error,
    max_tokens: Annotated[
        int,
        typer.Option(min=0, help="Longer documents are cut at sentence starts outside entities; 0: never."),
    ] = 1000,
    on_error: Annotated[
        OnError, typer.Option(help="Records that cannot be read: stop, or reject them and go on.")
    ] = OnError.stop,
    max_reject_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of documents or entities that may be rejected.")
    ] = 0.05,
    group_by: Annotated[
        str,
        typer.Option(
            help="Field whose documents stay in one split where splits are drawn; 'file': a file's."
        ),
    ] = "group",
    seed: Annotated[int, typer.Option(help="Decides which documents are held out for dev and test.")] = 0,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes; 0: as many as the data is worth, up to one a core.")
    ] = 0,
    output: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
) -> None:
    """Turn raw annotations into shards of up to 100 documents, with a manifest for each split."""
    settings = Settings(
        format=format,
        lang=lang,
        seed=seed,
        align=align,
        trim=trim,
        overlaps=overlaps,
        max_tokens=max_tokens,
        on_error=on_error,
        max_reject_rate=max_reject_rate,
        group_by=group_by,
        sentences_per_doc=sentences_per_doc,
        columns=columns,
        encoding=encoding,
        offsets=offsets,
        text_field=text_field,
        spans_field=spans_field,
        label_names=label_names,
        annotator=annotator,
        accept=accept,
    )
    raw = RawCorpus.find(train, dev, test)
    if (output / STAGING / STATE).exists():
        console.print(
            f"{output / STAGING} holds an unfinished build; if data, settings and code are the same, it goes on from there"
        )
    with progress_bar(unit="bytes") as bar:
        task = bar.add_task("hashing raw files", total=raw.bytes)
        ledgers = build_corpus(
            raw,
            output,
            settings,
            workers=workers or choose_workers(raw, physical_cores()),
            progress=lambda doing, done: bar.update(task, description=doing, completed=done),
            tell=lambda line: console.print(line, markup=False, soft_wrap=True),
        )
    write_json_if_changed(output / "shards.json", digests(output, "*.spacy"))
    rows = ledger_rows({split: {"ledger": ledger.as_json()} for split, ledger in ledgers.items()})
    console.print(as_rich("Ledger", LEDGER_COLUMNS, rows))
    for split, ledger in ledgers.items():
        if ledger.stages["sharded"].other:
            console.print(
                f"{split} also holds {describe_counts(ledger.stages['sharded'].other)}",
                markup=False,
                soft_wrap=True,
            )
    if (output / REJECTS).stat().st_size:
        console.print(f"What was left out, and why: {output / REJECTS}")


if __name__ == "__main__":
    without_torch()
    run(main)
