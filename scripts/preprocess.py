"""Turn raw annotations into shards of 100 documents with a manifest for each split.

python -m scripts.preprocess --train=assets/demo/train.jsonl --dev=assets/demo/dev.jsonl --test=assets/demo/test.jsonl
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from scripts.annotations.formats import Format
from scripts.command import console, progress_bar, run, track_lines
from scripts.corpus.build import build_corpus
from scripts.corpus.files import digests, write_json_if_changed
from scripts.corpus.ledger import Ledger
from scripts.corpus.splits import raw_corpus


def main(
    train: Annotated[str, typer.Option(help="Raw training file.")],
    dev: Annotated[str, typer.Option(help="Raw development file; empty: a tenth of train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test file; empty: a tenth of train.")] = "",
    format: Annotated[Format, typer.Option(help="How the raw files are written.")] = Format.auto,
    lang: Annotated[str, typer.Option(help="spaCy's code of the language, which chooses the tokeniser.")] = "en",
    sentences_per_doc: Annotated[int, typer.Option(min=0, help="Column files: sentences that make a document; 0: as the file's marks say.")] = 0,
    seed: Annotated[int, typer.Option(help="Decides which documents are held out for dev and test.")] = 0,
    output: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
) -> None:
    """Turn raw annotations into shards of 100 documents with a manifest for each split."""
    raw = raw_corpus(train, dev, test, format=format, sentences_per_doc=sentences_per_doc, seed=seed)
    shutil.rmtree(output / ".new", ignore_errors=True)
    try:
        with progress_bar() as bar:
            records = track_lines(bar, raw, "converting, by lines")
            ledgers = build_corpus(raw, records, output, lang=lang)
    finally:
        shutil.rmtree(output / ".new", ignore_errors=True)
    write_json_if_changed(output / "shards.json", digests(output, "*.spacy"))
    console.print(ledger_table(ledgers))


def ledger_table(ledgers: dict[str, Ledger]) -> Table:
    """Return the ledger of all splits: a row a stage, and a row a reason for what was lost."""
    table = Table("split", "stage", "documents", "tokens", "entities", title="Ledger")
    for column in table.columns[2:]:
        column.justify = "right"
    for split, ledger in ledgers.items():
        for name, count in ledger.stages.items():
            table.add_row(split, name, *(f"{n:,}" if n is not None else "–" for n in (count.documents, count.tokens, count.entities)))
            if name == "raw":
                for reason in sorted(ledger.places):
                    table.add_row(
                        "", f"less: {reason}", f"−{ledger.lost_documents[reason]:,}", "", f"−{ledger.lost_entities[reason]:,}", style="yellow"
                    )
    return table


if __name__ == "__main__":
    run(main)
