"""Score one variant's best pipeline on the test shards, keep what it predicts; measure its speed and memory.

python -m scripts.evaluate training/cpu
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, run
from scripts.corpus.files import read_json, sha256
from scripts.corpus.shards import MANIFEST, check_shards, read_manifest


def main(
    folder: Annotated[Path, typer.Argument(help="The variant's folder, which holds model-best.")],
    variant: Annotated[str, typer.Option(help="Its name, shared by its seeds; empty: the folder's.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    cost: Annotated[bool, typer.Option(help="Measure speed and latency, too.")] = True,
) -> None:
    """Score one variant's best pipeline on the test shards; write scores and predictions beside it."""
    metrics = read_metrics(folder, corpus)
    for split in ("dev", "test"):
        check_shards(corpus / split, read_manifest(corpus / split))

    from scripts.report.errors import worst_documents
    from scripts.report.predictions import write_scores
    from scripts.report.scores import in_words, score_pipeline
    from scripts.tracking.options import TrackingOptions
    from scripts.tracking.tracker import track_evaluation

    console.print(f"{folder.name}: evaluating")
    name, choices = variant or folder.name, {"device": device, "training": metrics, "cost": cost}
    scores, rows = score_pipeline(name, folder / "model-best", corpus, **choices)
    scores = write_scores(folder, scores, rows, corpus)
    console.print(f"{folder.name} on {in_words(scores)}")
    if sure := scores.get("confidence"):
        after, before = (100 * sure[key] for key in ("expected_calibration_error", "before_calibration"))
        console.print(f"confidences: calibration error {after:.1f} % ({before:.1f} % before calibration)")
    tracking = TrackingOptions(**metrics.get("tracking", {}))
    errors = worst_documents(rows, corpus) if tracking.log_text else []
    track_evaluation(tracking, folder, scores, errors)


def read_metrics(folder: Path, corpus: Path) -> dict:
    """Read the metrics of a training. Raises UserError where there is none, or it had another corpus."""
    model, metrics = folder / "model-best", folder / "metrics.json"
    remedy = f"run: python -m spacy project run {folder.name}"
    if not (model / "meta.json").exists() or not metrics.exists():
        raise UserError(f"{model}: no trained pipeline; {remedy}")
    content = read_json(metrics)
    for split, digest in content["corpus_sha256"].items():
        if sha256(corpus / split / MANIFEST) != digest:
            raise UserError(f"{model} was trained with another {corpus / split} than there is now; {remedy}")
    return content


if __name__ == "__main__":
    run(main)
