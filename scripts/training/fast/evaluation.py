"""Score a pipeline on dev as `nlp.evaluate` does, without reading and aligning dev anew each time."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import minibatch

from scripts.cli import UserError
from scripts.training.fast.update import is_greedy, predict_ner
from scripts.training.world import World

if TYPE_CHECKING:
    from scripts.training.fast.encoder import Encoder


class Evaluation:
    """Dev, ready to be predicted again and again, by all processes where entities are all that is scored."""

    def __init__(
        self, nlp: Language, corpus: Callable, weights: dict, world: World, encoder: "Encoder | None"
    ) -> None:
        self.nlp, self.world = nlp, world
        names = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory != "doc_cleaner"]
        last = nlp.get_pipe(names[-1])
        self._ner = last if is_greedy(last) else None  # the recogniser that ends a pipeline
        self._disabled = [encoder.name] if encoder else []  # its listeners ask it themselves
        if self._ner is not None:
            self._disabled += nlp.pipe_names[nlp.pipe_names.index(last.name) :]
        self.examples = sorted(corpus(nlp), key=len)
        for example in self.examples:
            _ = example.alignment  # worked out once; each evaluation's examples take it over
        self.scorer = Scorer(nlp)
        self.weights = {name: weight for name, weight in weights.items() if weight is not None}
        scored = [name for name, component in nlp.pipeline if getattr(component, "scorer", None)]
        self.shared = world.size > 1 and scored == ["ner"]
        shares = world.size if self.shared else 1
        self._mine = self.examples[world.rank :: shares] if self.shared or world.rank == 0 else []
        for batch in minibatch(self._mine if encoder else [], nlp.batch_size):
            encoder.read([example.x for example in batch])  # their copies know, too

    def __call__(self) -> tuple[float, dict[str, float]]:
        """Return the weighted score and all scores, as the first process found them. All must call it."""
        started = time.perf_counter()
        docs = list(self.nlp.pipe([example.x.copy() for example in self._mine], disable=self._disabled))
        for batch in minibatch(docs if self._ner is not None else [], self.nlp.batch_size):
            predict_ner(self._ner, batch)
        if self.shared:
            docs = self._gather(docs)
        scores: dict[str, float] = {}
        if self.world.rank == 0:
            pairs = zip(docs, self.examples, strict=True)
            scored = [Example(doc, eg.y, alignment=eg.alignment) for doc, eg in pairs]
            scores = {key: value for key, value in self.scorer.score(scored).items() if value is not None}
            scores["speed"] = sum(map(len, scored)) / (time.perf_counter() - started)
        scores = self.world.gather(scores)[0]
        weights = {name: weight for name, weight in self.weights.items() if name in scores}
        for name in weights:
            if not isinstance(scores[name], (int, float)):
                kind = type(scores[name]).__name__
                raise UserError(f"[training.score_weights] {name} is no number but {kind}; set it to null")
        return sum(scores[name] * weight for name, weight in weights.items()), scores

    def _gather(self, docs: list[Doc]) -> list[Doc]:
        """Return to the first process all documents, with the entities that each found in its own."""
        found = self.world.gather([[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs])
        if self.world.rank > 0:
            return []
        docs = [example.x.copy() for example in self.examples]
        for rank, share in enumerate(found):
            for doc, entities in zip(docs[rank :: self.world.size], share, strict=True):
                doc.set_ents([Span(doc, *entity) for entity in entities])
        return docs
