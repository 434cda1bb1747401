"""Say how sure a pipeline's ner is of each entity.

add_confidence(nlp)
print([(ent.text, ent.label_, ent._.confidence) for ent in nlp("Ana moved to Cork.").ents])
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy
from spacy.language import Language
from spacy.pipeline import EntityRecognizer
from spacy.tokens import Doc, Span
from spacy.util import minibatch

COMPONENT = "entity_confidence"


def add_confidence(nlp: Language, *, slope: float = 1.0, intercept: float = 0.0) -> bool:
    """Let a pipeline set `ent._.confidence`, if it has one ner and no more; return whether it has.

    slope, intercept: a calibration, as in scores.json; without it confidences are the ner's own. The entities
    stay the same; what a later component adds has None.
    """
    names = [name for name, pipe in nlp.pipeline if isinstance(pipe, EntityRecognizer)]
    if len(names) == 1:
        config = {"ner": names[0], "slope": slope, "intercept": intercept}
        nlp.add_pipe(COMPONENT, after=names[0], config=config)
    return len(names) == 1


@Language.factory(COMPONENT)
class EntityConfidence:
    """Sets the confidences right after the ner: later its tensors may be gone."""

    def __init__(self, nlp: Language, name: str, ner: str, slope: float, intercept: float) -> None:
        self.ner, self.calibration = nlp.get_pipe(ner), (slope, intercept)
        Span.set_extension("confidence", default=None, force=True)

    def __call__(self, doc: Doc) -> Doc:
        """Set the confidences of one document."""
        return next(self.pipe([doc]))

    def pipe(self, docs: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Set the confidences of documents."""
        for batch in map(list, minibatch(docs, batch_size)):
            for doc, confidences in zip(batch, entity_confidences(self.ner, batch), strict=True):
                found = calibrated(confidences, *self.calibration).tolist()
                for ent, confidence in zip(doc.ents, found, strict=True):
                    ent._.confidence = confidence
                yield doc


def entity_confidences(ner: EntityRecognizer, docs: Sequence[Doc]) -> list[numpy.ndarray]:
    """Return the confidences of each document's entities, in the order of `doc.ents`.

    docs: as they come from the ner, with the tensors that it reads. A confidence is the product of the
    probabilities of the entity's actions, a token each: B I … L, or U. A probability is the softmax over the
    scores of what is possible there: at the first token any B or U, and O; then I and L of the label. The ner
    learns by the log loss of these scores (`cpu_log_loss` in spacy/ml/parser_model.pyx).
    """
    columns = {ner.moves.get_class_name(number): number for number in range(ner.moves.n_moves)}
    first = [number for name, number in columns.items() if name == "O" or (name[0] in "BU" and name[2:])]
    scores = [[] for _ in docs]
    states = [each for each in zip(scores, ner.moves.init_batch(docs), strict=True) if len(each[1].doc)]
    model = ner.model.predict(docs) if states else None
    while states:  # each reads a token; the entities that are set lead them
        now = [state for _, state in states]
        found = model.predict(now)
        for (rows, _), row in zip(states, found, strict=True):
            rows.append(row)
        ner.transition_states(now, found)
        states = [each for each in states if not each[1].is_final()]

    def confidence(ent: Span, rows: list[numpy.ndarray]) -> float:
        moves, log = "U" if len(ent) == 1 else f"B{'I' * (len(ent) - 2)}L", 0.0
        inner = [columns[f"{move}-{ent.label_}"] for move in "IL"]
        for move, row in zip(moves, rows[ent.start : ent.end], strict=True):
            possible = row[first if move in "BU" else inner]
            log -= numpy.logaddexp.reduce(possible - row[columns[f"{move}-{ent.label_}"]])
        return numpy.exp(log)

    return [
        numpy.array([confidence(ent, rows) for ent in doc.ents], dtype=numpy.float64)
        for doc, rows in zip(docs, scores, strict=True)
    ]


def log_odds(confidence: numpy.ndarray) -> numpy.ndarray:
    """Return log p / (1 − p), of p no nearer to 0 and 1 than a millionth."""
    p = numpy.clip(confidence, 1e-6, 1 - 1e-6)
    return numpy.log(p / (1 - p))


def calibrated(confidence: numpy.ndarray, slope: float, intercept: float) -> numpy.ndarray:
    """Return the probability whose log odds are `slope` times the confidence's, plus `intercept`."""
    return 1 / (1 + numpy.exp(-slope * log_odds(confidence) - intercept))
