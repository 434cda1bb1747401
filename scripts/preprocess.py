"""Turn raw annotations into shards of up to 100 documents, with a manifest for each split.

python -m scripts.preprocess --train=assets/demo/train.jsonl --dev=assets/demo/dev.jsonl
--test=assets/demo/test.jsonl
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import console, progress_bar, run
from scripts.corpus.settings import options_help, read_settings
from scripts.corpus.without_torch import without_torch
from scripts.tracking.options import TrackingOptions

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "corpus.cfg"


def main(
    tracking: TrackingOptions,
    train: Annotated[
        str, typer.Option(help="Raw training data: a file, a folder, or several with commas between.")
    ],
    dev: Annotated[str, typer.Option(help="Raw development data; empty: a tenth of train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test data; empty: a tenth of train.")] = "",
    lang: Annotated[str, typer.Option(help="spaCy's code of the language; it chooses the tokeniser.")] = "en",
    seed: Annotated[int, typer.Option(help="Decides which documents are held out for dev and test.")] = 0,
    config: Annotated[
        Path, typer.Option(help="How raw data is read.", show_default="configs/corpus.cfg")
    ] = CONFIG,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes; each takes 150 MB. The corpus is the same.")
    ] = 1,
    output: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    options: Annotated[
        list[str], typer.Argument(metavar="[--corpus.NAME=VALUE]", help="Options of the config, see above.")
    ] = [],  # noqa: B006
) -> None:
    """Turn raw annotations into shards of up to 100 documents, with a manifest for each split."""
    from scripts.corpus.build import REJECTS, build_corpus
    from scripts.corpus.files import digests, write_json_if_changed
    from scripts.corpus.raw import RawCorpus
    from scripts.formats.doc_annotation import describe_counts
    from scripts.report.tables import LEDGER_COLUMNS, as_rich, ledger_rows
    from scripts.tracking.artifacts import RAW
    from scripts.tracking.tracker import track_step

    settings = read_settings(config, options, lang=lang, seed=seed)
    raw = RawCorpus.find(train, dev, test)
    with progress_bar(unit="bytes") as bar:
        task = bar.add_task("hashing raw files", total=raw.bytes)
        ledgers = build_corpus(
            raw,
            output,
            settings,
            workers=workers,
            progress=lambda doing, done: bar.update(task, description=doing, completed=done),
            tell=lambda line: console.print(line, markup=False, soft_wrap=True),
        )
    write_json_if_changed(output / "shards.json", digests(output, "*.spacy"))
    rows = ledger_rows({split: ledger.as_json() for split, ledger in ledgers.items()})
    console.print(as_rich("Ledger", LEDGER_COLUMNS, rows))
    for split, ledger in ledgers.items():
        if other := describe_counts(ledger.stages["sharded"].other):
            console.print(f"{split} also holds {other}", markup=False, soft_wrap=True)
    if (output / REJECTS).stat().st_size:
        console.print(f"What was left out, and why: {output / REJECTS}")
    track_step(tracking, "preprocess", output, output / RAW, output)


main.__doc__ += options_help()

if __name__ in ("__main__", "__mp_main__"):  # here, and in the processes that are started
    without_torch()
if __name__ == "__main__":
    run(main, takes_settings=True)
