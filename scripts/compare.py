"""Set the scored variants side by side: training/report/summary.json and summary.md, and a table here.

python -m scripts.compare training/cpu training/gpu
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, run
from scripts.corpus.files import read_json, sha256, write_json, write_text
from scripts.corpus.shards import MANIFEST, read_manifest
from scripts.corpus.splits import SPLITS
from scripts.report.chart import bar_chart, measures
from scripts.report.machine import describe
from scripts.report.tables import LEDGER_COLUMNS, as_markdown, as_rich, comparison, ledger_rows


def main(
    folders: Annotated[list[Path], typer.Argument(help="The variants' folders, each with a scores.json.")],
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    output: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("training/report"),
) -> None:
    """Set the scored variants side by side."""
    reports = [_scores(folder, corpus) for folder in folders]
    variants = {report["variant"]: report for report in reports}
    if len(variants) < len(reports):
        raise UserError(
            f"{', '.join(str(folder) for folder in folders)}: two of these hold the same variant; name one folder a variant"
        )
    manifests = {split: read_manifest(corpus / split) for split in SPLITS}
    validated = read_json(corpus / "validation.json")["validated"]
    columns = ("", *variants)
    rows = comparison(variants)
    ledger = ledger_rows(manifests, validated, variants)
    notes = "" if all(report["spaces_known"] for report in variants.values()) else NO_SPACES
    write_json(
        output / "summary.json",
        {
            "machine": describe(),
            "variants": variants,
            "ledger": {split: manifest["ledger"] for split, manifest in manifests.items()},
            "validated": validated,
        },
    )
    write_text(output / "chart.svg", bar_chart(list(variants), measures(variants)))
    write_text(
        output / "summary.md",
        f"# Two pipelines, one test set\n\n{as_markdown(columns, rows)}\n{NOTE}{notes}\n\n## Ledger\n\n{as_markdown(LEDGER_COLUMNS, ledger)}",
    )
    console.print(as_rich("Ledger", LEDGER_COLUMNS, ledger))
    console.print(as_rich("Two pipelines, one test set", columns, rows))
    console.print(
        f"One seed: differences of a point or two may be chance. The same in {output / 'summary.md'} and {output / 'summary.json'}"
    )


NOTE = (
    "F, precision and recall in percent: an entity counts when its characters and its label are all right. "
    "Speeds are medians, memory is the peak of all processes of a step together. One seed: differences of a point or two may be chance."
)
NO_SPACES = " The data gave tokens without their spaces, so the raw text was put together by the habits of punctuation."


def _scores(folder: Path, corpus: Path) -> dict:
    path = folder / "scores.json"
    if not path.exists():
        raise UserError(f"{path}: no such file; run: python -m spacy project run scores-{folder.name}")
    scores = read_json(path)
    for split, digest in scores["corpus_sha256"].items():
        if digest != sha256(corpus / split / MANIFEST):
            raise UserError(
                f"{path}: made with another {split} split than {corpus / split}; run: python -m spacy project run train-{folder.name}"
            )
    return scores


if __name__ == "__main__":
    run(main)
