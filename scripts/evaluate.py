"""Score one variant's best pipeline on the test shards; measure its speed, size and memory.

python -m scripts.evaluate training/cpu
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, progress_bar, run
from scripts.corpus.files import read_json, sha256, write_json
from scripts.corpus.shards import MANIFEST, check_shards, documents_sha256, read_manifest, read_shard

MB = 1_000_000


def main(
    folder: Annotated[Path, typer.Argument(help="The variant's folder, which holds model-best.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
) -> None:
    """Score one variant's best pipeline on the test shards and write scores.json beside it."""
    model = folder / "model-best"
    if not (model / "meta.json").exists() or not (folder / "metrics.json").exists():
        raise UserError(f"{model}: no trained pipeline; run: python -m spacy project run train-{folder.name}")
    test = corpus / "test"
    manifest = read_manifest(test)
    check_shards(test, manifest)
    metrics = read_json(folder / "metrics.json")
    for split, digest in metrics["corpus_sha256"].items():
        if sha256(corpus / split / MANIFEST) != digest:
            raise UserError(
                f"{model} was trained with another {corpus / split} than there is now; run: python -m spacy project run train-{folder.name}"
            )

    import spacy

    from scripts.corpus.ledger import count_docs
    from scripts.report.scores import (
        count_parameters,
        score_gold_tokens,
        score_raw_text,
        with_spaces,
        words_per_second,
    )
    from scripts.training.device import activate
    from scripts.training.memory import peak_gpu_memory_mb, peak_memory_mb

    chosen = activate(device)
    nlp = spacy.load(model)
    gold = [
        with_spaces(doc)
        for shard in manifest["shards"]
        for doc in read_shard(test / shard["name"], nlp.vocab)
    ]
    passes = {
        "gold_tokens": lambda: score_gold_tokens(nlp, gold).as_json(),
        "raw_text": lambda: score_raw_text(nlp, gold).as_json(),
        "words_per_second": lambda: round(words_per_second(nlp, gold), 1),
    }
    with progress_bar() as bar:
        results = {
            name: measure()
            for name, measure in bar.track(passes.items(), description=f"{folder.name}: evaluating")
        }
    write_json(
        folder / "scores.json",
        {
            "variant": folder.name,
            "pipeline": nlp.pipe_names,
            "device": chosen.name,
            "training": metrics,
            "corpus_sha256": metrics["corpus_sha256"] | {"test": sha256(test / MANIFEST)},
            "test_sha256": documents_sha256(gold),
            "test": count_docs(gold).as_json(),
            "spaces_known": not manifest["spaces"]["rebuilt"],
            **results,
            "parameters": count_parameters(nlp),
            "model_mb": round(
                sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) / MB, 1
            ),
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "peak_gpu_memory_mb": peak_gpu_memory_mb(chosen.gpu_id),
        },
    )
    gold_f, raw_f = (100 * results[name]["ents_f"] for name in ("gold_tokens", "raw_text"))
    speed = results["words_per_second"]
    console.print(
        f"{folder.name} on {chosen.name}: F {gold_f:.2f} on gold tokens, {raw_f:.2f} from raw text, {speed:,.0f} words/s"
    )


if __name__ == "__main__":
    run(main)
