"""Score a pipeline on test shards: from gold tokens, and from raw text."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Doc, Span

from scripts.corpus.ledger import count_docs
from scripts.corpus.shards import documents_sha256, read_shard

SPEED_RUNS = 3

Entity = tuple[int, int, str]
"""First character, character after the last, label."""


def evaluate(model: Path, shards: list[Path]) -> dict:
    """Score a saved pipeline on shards, and measure its speed and size."""
    nlp = spacy.load(model)
    gold = [with_spaces(doc) for path in shards for doc in read_shard(path, nlp.vocab)]
    return {
        "pipeline": nlp.pipe_names,
        "test_sha256": documents_sha256(gold),
        "test": count_docs(gold).as_json(),
        "gold_tokens": score_gold_tokens(nlp, gold),
        "raw_text": score_raw_text(nlp, gold),
        "words_per_second": round(words_per_second(nlp, gold), 1),
        "parameters": count_parameters(nlp),
        "model_mb": round(sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) / 1e6, 1),
    }


def score_entities(pairs: Iterable[tuple[set[Entity], set[Entity]]]) -> dict:
    """Score `(predicted, gold)` entity sets, a pair a document, in spaCy's spelling.

    A prediction counts only with the very characters and label of a gold entity. `ents_p/r/f` are over all
    entities (micro-averaged), `ents_per_type` has the same for each label.
    """
    overall, by_label = PRFScore(), defaultdict(PRFScore)
    for predicted, gold in pairs:
        overall.score_set(predicted, gold)
        for label in {label for *_, label in predicted | gold}:
            by_label[label].score_set(*({e for e in ents if e[2] == label} for ents in (predicted, gold)))
    labels = {label: _numbers(score) for label, score in sorted(by_label.items())}
    return {f"ents_{key}": value for key, value in _numbers(overall).items()} | {"ents_per_type": labels}


def _numbers(score: PRFScore) -> dict[str, float]:
    return {"p": score.precision, "r": score.recall, "f": score.fscore}


def score_gold_tokens(nlp: Language, gold: list[Doc]) -> dict:
    """Score the pipeline when it gets the gold tokens, as spaCy's own evaluation does."""
    copies = (
        Doc(nlp.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
        for doc in gold
    )
    return score_entities(zip(map(entities, nlp.pipe(copies)), map(entities, gold), strict=True))


def score_raw_text(nlp: Language, gold: list[Doc]) -> dict:
    """Score the pipeline as it is used: it gets the text and finds the tokens itself."""
    predicted = nlp.pipe(doc.text for doc in gold)
    return score_entities(zip(map(entities, predicted), map(entities, gold), strict=True))


def entities(doc: Doc) -> set[Entity]:
    """Return the entities of a document by characters."""
    return {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}


def words_per_second(nlp: Language, gold: list[Doc]) -> float:
    """Measure the median speed from raw text in gold tokens a second; the first pass only warms up."""
    seconds = []
    for _ in range(1 + SPEED_RUNS):
        started = time.perf_counter()
        for _ in nlp.pipe(doc.text for doc in gold):
            pass
        seconds.append(time.perf_counter() - started)
    return sum(map(len, gold)) / statistics.median(seconds[1:])


def count_parameters(nlp: Language) -> int:
    """Count the trained numbers of a pipeline, those inside torch models included."""
    total = 0
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk() if hasattr(pipe, "model") else ():
            total += sum(node.get_param(name).size for name in node.param_names if node.has_param(name))
            total += sum(parameter.numel() for shim in node.shims for parameter in shim._model.parameters())
    return total


def with_spaces(doc: Doc) -> Doc:
    """Return a shard's document with the text that its tokens and their noted spaces make, entities kept.

    Token-level documents are stored with unknown spaces, so that training keeps their tokens.
    """
    spaces = doc.user_data.get("spaces")
    if spaces is None:
        return doc
    words = [token.text for token in doc]
    made = Doc(doc.vocab, words=words, spaces=[bool(flag) for flag in spaces], user_data=doc.user_data)
    made.ents = [Span(made, ent.start, ent.end, label=ent.label) for ent in doc.ents]
    return made
