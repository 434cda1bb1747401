"""Write mended copies of raw annotations, and a list of all changes; the raw files stay as they are.

python -m scripts.fix
python -m scripts.fix --train=assets/mine.jsonl --output=assets/mine-fixed --unsafe
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, progress_bar, run
from scripts.corpus.pool import without_torch

QUOTES = '""'


def main(
    train: Annotated[
        str, typer.Option(help="Raw training data or .spacy files.  [default: what the corpus was made of]")
    ] = "",
    dev: Annotated[str, typer.Option(help="As --train, for dev.")] = "",
    test: Annotated[str, typer.Option(help="As --train, for test.")] = "",
    output: Annotated[Path, typer.Option(help="A new folder for the mended files.")] = Path("assets/fixed"),
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Mend, too, what takes a decision: snap, drop, rewrite.")
    ] = False,
    format: Annotated[
        str, typer.Option(help="How the raw files are written: auto, or a format of the README's table.")
    ] = "auto",
    lang: Annotated[
        str, typer.Option(help="spaCy's code of the language, which chooses the tokeniser.")
    ] = "en",
    columns: Annotated[str, typer.Option(help="Column files: names of the columns, see preprocess.")] = "",
    max_tokens: Annotated[
        int,
        typer.Option(min=0, help="Longer documents are cut at sentence starts outside entities; 0: never."),
    ] = 1000,
    corpus: Annotated[
        Path, typer.Option(help="The corpus whose raw files are mended where none are named.")
    ] = Path("corpus"),
    force: Annotated[bool, typer.Option("--force", help="Write over what is in the output folder.")] = False,
) -> None:
    """Write mended copies of raw annotations, and a list of all changes."""
    from scripts.checks.catalogue import BY_SLUG
    from scripts.checks.fixing import CHANGES, fix
    from scripts.checks.registry import in_order
    from scripts.corpus.build import RawCorpus
    from scripts.corpus.files import write_text
    from scripts.corpus.settings import Settings
    from scripts.corpus.shards import read_manifest
    from scripts.corpus.splits import SPLITS

    settings = Settings(format=format, lang=lang, columns=columns, max_tokens=max_tokens)
    if (dev or test) and not train:
        raise UserError(f"--{'dev' if dev else 'test'} is given without --train; name the training data, too")
    if not train:
        manifests = {split: read_manifest(corpus / split) for split in SPLITS}
        settings = Settings.from_json(manifests["train"]["settings"])
        names = {
            split: ",".join(source["path"] for source in m["sources"])
            for split, m in manifests.items()
            if not m["drawn_from_train"]
        }
        train, dev, test = (names.get(split, "") for split in SPLITS)
    if output.exists() and any(output.iterdir()) and not force:
        raise UserError(
            f"{output} is not empty; name another folder by --output, or write over it by --force"
        )
    raw = RawCorpus.find(train, dev, test)
    counts: Counter[str] = Counter()
    lines: list[str] = []

    def tell(change) -> None:
        counts[change.slug] += 1
        check = BY_SLUG[change.slug]
        lines.append(
            f"--- {change.place}: {check.code} {check.slug}\n- {change.before}\n"
            + (f"+ {change.after}\n" if change.after else "")
        )

    with progress_bar(unit="bytes") as bar:
        task = bar.add_task("mending", total=raw.bytes)
        folders = fix(
            raw,
            output,
            settings,
            unsafe=unsafe,
            tell=tell,
            progress=lambda done: bar.update(task, completed=done),
        )
    write_text(output / CHANGES, "".join(lines))
    for check in in_order(counts):
        console.print(f"{check.code} {check.slug}: {counts[check.slug]:,} mended")
    if not counts:
        console.print("Nothing to mend.")
    for split in SPLITS:
        if raw.files[split] and split not in folders:
            console.print(f"Nothing is left of {split}.")
    console.print(f"Every change is in {output / CHANGES}. To go on with the mended files:", markup=False)
    variables = {split: folders[split].as_posix() if split in folders else QUOTES for split in SPLITS}
    variables |= ({"format": "auto"} if settings.format != "auto" else {}) | (
        {"columns": QUOTES} if settings.columns else {}
    )
    command = " ".join(
        [
            "python -m spacy project run all .",
            *(f"--vars.{name} {value}" for name, value in variables.items()),
        ]
    )
    console.print(command, markup=False, soft_wrap=True)


if __name__ == "__main__":
    without_torch()
    run(main)
