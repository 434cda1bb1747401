"""Predict and score test shards, from gold tokens and from raw text; measure speed and size."""

from collections.abc import Sequence
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from scripts.corpus.ledger import count_docs
from scripts.corpus.shards import documents_sha256, read_shard
from scripts.corpus.stream import find_shards
from scripts.report.calibration import calibrate
from scripts.report.cost import measure_cost
from scripts.report.counts import score
from scripts.report.matching import Entity
from scripts.report.predictions import INPUTS, Run
from scripts.report.slices import count_forms, score_slices
from scripts.report.texts import with_spaces
from scripts.training.confidence import COMPONENT, add_confidence
from scripts.training.memory import peak_gpu_memory_mb, peak_memory_mb


def evaluate(
    model: Path, corpus: Path, gpu_id: int, threads: int, *, cost: bool = True
) -> tuple[dict, list[dict]]:
    """Score a saved pipeline on the test shards, measure its speed, size and memory; return that and the rows
    of its predictions. The train shards tell what of the test set it has seen.
    """
    nlp = spacy.load(model)
    pipeline, confident = nlp.pipe_names, add_confidence(nlp)
    gold = read_gold(corpus / "test", nlp)
    rows = predict(nlp, gold, confident=confident)
    found = {
        "pipeline": pipeline,
        "test_sha256": documents_sha256(gold),
        "test": count_docs(gold).as_json(),
        "parameters": count_parameters(nlp),
        "model_mb": round(sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) / 1e6, 1),
        "peak_memory_mb": round(peak_memory_mb(), 1),  # of predicting: `cost` tries larger batches
        "peak_gpu_memory_mb": peak_gpu_memory_mb(gpu_id),
    }
    if confident:
        dev = predict(nlp, read_gold(corpus / "dev", nlp), inputs=INPUTS[:1], confident=True)
        found["confidence"] = calibrate(rows, dev)
        nlp.remove_pipe(COMPONENT)
    if cost:
        found["cost"] = measure_cost(nlp, model, gold, gpu_id, threads)
        found["words_per_second"] = found["cost"]["all_cores"]["words_per_second"]
    uses = count_forms(find_shards(corpus / "train"))
    for name, documents in Run(found, rows).pairs.items():
        found[name] = score(documents) | {"slices": score_slices(gold, documents, uses)}
    return found, rows


def read_gold(shards: Path, nlp: Language) -> list[Doc]:
    """Read the documents of a split, with their text."""
    return [with_spaces(doc) for path in find_shards(shards) for doc in read_shard(path, nlp.vocab)]


def predict(
    nlp: Language, gold: list[Doc], *, inputs: Sequence[str] = INPUTS, confident: bool = False
) -> list[dict]:
    """Return a row a document: where it is from, its gold entities, and what a pipeline predicts when it gets
    the gold tokens, as in spaCy's own evaluation, and when it gets the text, as in use; if `confident`, with
    `ent._.confidence`.
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
            row[name] = entities(predicted, doc)
            if confident:
                sure = {(ent.start_char, ent.end_char): ent._.confidence for ent in predicted.ents}
                row.setdefault("confidence", {})[name] = [sure[entity[:2]] for entity in row[name]]
    return rows


def entities(doc: Doc, gold: Doc) -> list[Entity]:
    """Return the entities of a document by characters, but for those that touch gold tokens without
    annotation: they are neither right nor wrong (`get_ner_prf` in spacy/scorer.py).
    """
    unknown = {
        place for token in gold if not token.ent_iob for place in range(token.idx, token.idx + len(token))
    }
    found = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    return [entity for entity in found if unknown.isdisjoint(range(*entity[:2]))]


def count_parameters(nlp: Language) -> int:
    """Count the trained numbers of a pipeline, those inside torch models included."""
    total = 0
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk() if hasattr(pipe, "model") else ():
            total += sum(node.get_param(name).size for name in node.param_names if node.has_param(name))
            total += sum(parameter.numel() for shim in node.shims for parameter in shim._model.parameters())
    return total
