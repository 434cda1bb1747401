"""Predict and score test shards, from gold tokens and from raw text; measure speed and size."""

from collections.abc import Sequence
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

from scripts.cli import UserError, physical_cores
from scripts.corpus.exports import with_spaces
from scripts.corpus.ledger import count_docs
from scripts.corpus.shards import documents_sha256, read_shard
from scripts.corpus.stream import find_shards
from scripts.report.calibration import calibrate
from scripts.report.cost import measure_cost
from scripts.report.counts import score
from scripts.report.matching import Entity
from scripts.report.predictions import INPUTS, Run
from scripts.report.slices import count_forms, score_slices
from scripts.training.confidence import COMPONENT, add_confidence
from scripts.training.device import choose_device, set_threads, use_device
from scripts.training.memory import peak_gpu_memory_mb, peak_memory_mb


def score_pipeline(
    name: str,
    model: Path,
    corpus: Path,
    *,
    device: str,
    training: dict | None = None,
    cost: bool = True,
    labels: dict[str, str] | None = None,
    code: Sequence[Path] = (),
) -> tuple[dict, list[dict]]:
    """Score a saved pipeline on the test shards; return what scores.json says, and its predictions' rows.

    Dev, if there is any, calibrates confidences; train tells what of the test set it has seen.
    training: its metrics.json. labels: as for `entities`. code: Python files that it needs.
    Raises UserError where nothing in the pipeline predicts entities.
    """
    threads = physical_cores()
    chosen = choose_device(device, threads=threads)
    use_device(chosen.gpu_id)
    set_threads(threads)
    nlp = spacy.load(model)
    pipeline = nlp.pipe_names
    confident = (corpus / "dev").exists() and add_confidence(nlp)
    gold = read_gold(corpus / "test", nlp)
    rows = predict(nlp, gold, labels=labels)
    assigned = [name for name in pipeline if "doc.ents" in nlp.get_pipe_meta(name).assigns]
    if not assigned and not any(row[given] for row in rows for given in INPUTS):
        has = ", ".join(pipeline) or "nothing"
        raise UserError(f"{model}: predicts no entities (it has {has}); name a pipeline with ner")
    scores = {
        "variant": name,
        "device": chosen.name,
        **({"training": training} if training else {}),
        "pipeline": pipeline,
        "test_sha256": documents_sha256(gold),
        "test": count_docs(gold).as_json(),
        "parameters": count_parameters(nlp),
        "model_mb": round(sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) / 1e6, 1),
        "peak_memory_mb": round(peak_memory_mb(), 1),  # of predicting: `cost` tries larger batches
        "peak_gpu_memory_mb": peak_gpu_memory_mb(chosen.gpu_id),
    }
    if confident:
        dev = predict(nlp, read_gold(corpus / "dev", nlp), inputs=INPUTS[:1])
        scores["confidence"] = calibrate(rows, dev)
        nlp.remove_pipe(COMPONENT)
    if cost:
        scores["cost"] = measure_cost(nlp, model, gold, chosen.gpu_id, threads, code=code)
        scores["words_per_second"] = scores["cost"]["all_cores"]["words_per_second"]
    if labels:
        scores["renamed"] = labels
    uses = count_forms(corpus / "train")
    for given, documents in Run(scores, rows).pairs.items():
        scores[given] = score(documents) | {"slices": score_slices(gold, documents, uses)}
    return scores, rows


def in_words(scores: dict) -> str:
    """Return where a pipeline was scored, its F, and its speed if that was measured."""
    speed = f", {scores['words_per_second']:,.0f} words/s" if "words_per_second" in scores else ""
    f = [100 * scores[name]["ents_f"] for name in INPUTS]
    return f"{scores['device']}: F {f[0]:.2f} on gold tokens, {f[1]:.2f} from raw text{speed}"


def read_gold(shards: Path, nlp: Language) -> list[Doc]:
    """Read the documents of a split, with their text."""
    return [with_spaces(doc) for path in find_shards(shards) for doc in read_shard(path, nlp.vocab)]


def predict(
    nlp: Language, gold: list[Doc], *, inputs: Sequence[str] = INPUTS, labels: dict[str, str] | None = None
) -> list[dict]:
    """Return a row a document: where it is from, its gold entities, and what a pipeline predicts when it gets
    the gold tokens, as in spaCy's own evaluation, and when it gets the text, as in use; with confidences if
    `add_confidence` lets it set them. labels: as for `entities`.
    """
    copies = (
        Doc(nlp.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
        for doc in gold
    )
    given = dict(zip(INPUTS, (copies, (doc.text for doc in gold)), strict=True))
    rows = [
        {key: doc.user_data[key] for key in ("id", "source", "group") if key in doc.user_data}
        | {"tokens": len(doc), "gold": entities(doc, doc)}
        for doc in gold
    ]
    for name in inputs:
        for row, predicted, doc in zip(rows, nlp.pipe(given[name]), gold, strict=True):
            row[name] = entities(predicted, doc, labels)
            if nlp.has_pipe(COMPONENT):
                sure = {(ent.start_char, ent.end_char): ent._.confidence for ent in predicted.ents}
                row.setdefault("confidence", {})[name] = [sure[entity[:2]] for entity in row[name]]
    return rows


def entities(doc: Doc, gold: Doc, labels: dict[str, str] | None = None) -> list[Entity]:
    """Return the entities of a document by characters, but for those that touch gold tokens without
    annotation: they are neither right nor wrong (`get_ner_prf` in spacy/scorer.py).

    labels: what labels are renamed to; "" leaves them out.
    """
    unknown = {
        place for token in gold if not token.ent_iob for place in range(token.idx, token.idx + len(token))
    }
    new = (labels or {}).get
    found = [(ent.start_char, ent.end_char, new(ent.label_, ent.label_)) for ent in doc.ents]
    return [entity for entity in found if entity[2] and unknown.isdisjoint(range(*entity[:2]))]


def count_parameters(nlp: Language) -> int:
    """Count the trained numbers of a pipeline, those inside torch models included."""
    total = 0
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk() if isinstance(getattr(pipe, "model", None), Model) else ():
            total += sum(node.get_param(name).size for name in node.param_names if node.has_param(name))
            total += sum(parameter.numel() for shim in node.shims for parameter in shim._model.parameters())
    return total
