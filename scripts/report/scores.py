"""Score a pipeline on test shards: from gold tokens, and from raw text."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.tokens import Span as DocSpan

SPEED_RUNS = 3

Entity = tuple[int, int, str]
"""First character, character after the last, label."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Entity scores: a prediction counts only with the very characters and label of a gold entity.

    overall: precision, recall and F over all entities (micro-averaged); per_label: the same for each label.
    """

    overall: PRFScore
    per_label: dict[str, PRFScore]

    def as_json(self) -> dict:
        """Return the scores as plain data, in spaCy's spelling."""
        per_label = {label: _numbers(score) for label, score in sorted(self.per_label.items())}
        return {f"ents_{key}": value for key, value in _numbers(self.overall).items()} | {
            "ents_per_type": per_label
        }


def score_entities(pairs: Iterable[tuple[set[Entity], set[Entity]]]) -> Scores:
    """Score `(predicted, gold)` entity sets, a pair a document."""
    overall = PRFScore()
    per_label: dict[str, PRFScore] = defaultdict(PRFScore)
    for predicted, gold in pairs:
        overall.score_set(predicted, gold)
        for label in {entity[2] for entity in predicted | gold}:
            per_label[label].score_set(
                {e for e in predicted if e[2] == label}, {e for e in gold if e[2] == label}
            )
    return Scores(overall, dict(per_label))


def score_gold_tokens(nlp: Language, gold: list[Doc]) -> Scores:
    """Score the pipeline when it is given the gold tokens, as spaCy's own evaluation does on token-level data."""
    copies = (
        Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]) for doc in gold
    )
    return score_entities(zip(predict(nlp, copies), map(entities, gold), strict=True))


def score_raw_text(nlp: Language, gold: list[Doc]) -> Scores:
    """Score the pipeline as it is used: it gets the text and finds the tokens itself."""
    return score_entities(zip(predict(nlp, (doc.text for doc in gold)), map(entities, gold), strict=True))


def predict(nlp: Language, inputs: Iterable[Doc] | Iterable[str]) -> Iterator[set[Entity]]:
    """Yield each document's entities; documents are not kept, so neither are their tensors."""
    return map(entities, nlp.pipe(inputs))


def entities(doc: Doc) -> set[Entity]:
    """Return the entities of a document by characters."""
    return {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}


def words_per_second(nlp: Language, gold: list[Doc]) -> float:
    """Median speed over `SPEED_RUNS` passes from raw text, in gold tokens a second. Call it once the pipeline is warm."""
    words = sum(map(len, gold))
    speeds = []
    for _ in range(SPEED_RUNS):
        started = time.perf_counter()
        for _ in nlp.pipe(doc.text for doc in gold):
            pass
        speeds.append(words / (time.perf_counter() - started))
    return statistics.median(speeds)


def count_parameters(nlp: Language) -> int:
    """Count the trained numbers of a pipeline, those inside torch models included."""
    total = 0
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk() if hasattr(pipe, "model") else ():
            total += sum(node.get_param(name).size for name in node.param_names if node.has_param(name))
            total += sum(parameter.numel() for shim in node.shims for parameter in shim._model.parameters())
    return total


def with_spaces(doc: Doc) -> Doc:
    """Return a document read from a shard with the text that its own tokens and their spaces make, entities kept.

    Token-level documents are stored with unknown spaces, so that training keeps their tokens (see scripts/corpus/shards.py).
    """
    spaces = doc.user_data.get("spaces")
    if spaces is None:
        return doc
    made = Doc(
        doc.vocab,
        words=[token.text for token in doc],
        spaces=[bool(flag) for flag in spaces],
        user_data=doc.user_data,
    )
    made.ents = [DocSpan(made, ent.start, ent.end, label=ent.label) for ent in doc.ents]
    return made


def _numbers(score: PRFScore) -> dict[str, float]:
    return {"p": score.precision, "r": score.recall, "f": score.fscore}
