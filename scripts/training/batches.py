"""The batches of a corpus, epoch after epoch, from any position in it."""

import functools
import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from types import GeneratorType
from typing import Any

from spacy.language import Language
from spacy.training import Example

from scripts.cli import UserError
from scripts.corpus.stream import ShardStream


class Batches:
    """What `spacy.training.loop.create_train_batches` yields, and where it is.

    A batch's items are examples, or what `load` makes examples of. shuffle: `random` itself for spaCy's own
    order, or a generator of its own that nothing else draws from. wrap: what each example is put into.
    """

    def __init__(
        self,
        nlp: Language,
        corpus: Callable,
        batcher: Callable,
        *,
        max_epochs: int,
        shuffle: Any,
        wrap: Callable[[Example], Example] | None = None,
    ) -> None:
        """Read the corpus, unless it is streamed (max_epochs = -1). Raises UserError where it is empty."""
        self.nlp, self.corpus, self.max_epochs, self._wrap = nlp, corpus, max_epochs, wrap
        self.batcher, self._schedules = _resumable(batcher)
        self._shuffle = shuffle
        self.examples: list[Example] | None = None
        """All there are; None where they are read anew in each epoch."""
        if max_epochs >= 0:
            self.examples = self._wrapped(corpus(nlp))
            if not self.examples:
                raise UserError(
                    "the training corpus is empty; name its data by --paths.train, or in the config's reader"
                )
        self._order = list(range(len(self.examples or ())))
        self._draws = [0] * len(self._schedules)
        self.epoch = 0
        self._taken = 0
        self._skip = 0

    def __iter__(self) -> Iterator[tuple[int, list]]:
        while self.max_epochs < 1 or self.epoch != self.max_epochs:
            for number, batch in enumerate(self.batcher(self._items())):
                if number >= self._skip:
                    self._taken = number + 1
                    yield self.epoch, list(batch)
            self._taken = self._skip = 0
            self.epoch += 1

    def load(self, items: Iterable) -> list[Example]:
        """Return the examples that a batch, or a part of one, stands for."""
        if self.examples is not None:
            return list(items)
        examples = self.corpus.load(items, self.nlp) if isinstance(self.corpus, ShardStream) else items
        return self._wrapped(examples)

    def _wrapped(self, examples: Iterable[Example]) -> list[Example]:
        return list(map(self._wrap, examples)) if self._wrap else list(examples)

    def digest(self) -> str:
        """Return a hash of the texts and entities of all examples, as far as they are in memory."""
        digest = hashlib.sha256()
        for example in self.examples or ():
            digest.update(
                repr((example.x.text, [(ent.start, ent.end, ent.label_) for ent in example.y.ents])).encode()
            )
        return digest.hexdigest()

    @property
    def forgets(self) -> bool:
        """Whether what a batch was loaded from, new words among that, may be forgotten after it."""
        return isinstance(self.corpus, ShardStream)

    def state_dict(self) -> dict:
        """Return where the batches are, as what JSON knows."""
        own = None if self._shuffle is random else self._shuffle.getstate()
        return {
            "epoch": self.epoch,
            "taken": self._taken,
            "draws": self._draws,
            "order": self._order,
            "shuffle": own,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on after the batches that were taken when `state_dict` was called."""
        self.epoch, self._skip, self._order = state["epoch"], state["taken"], state["order"]
        self._taken = self._skip
        for schedule, draws in zip(self._schedules, state["draws"], strict=True):
            schedule.skip(draws)
        if state["shuffle"] is not None:
            version, numbers, gauss = state["shuffle"]
            self._shuffle.setstate((version, tuple(numbers), gauss))

    def _items(self) -> Iterable:
        """Return the epoch's examples in its order: a new one, unless the epoch has begun already."""
        self._draws = [schedule.draws for schedule in self._schedules]
        if self.examples is not None:
            if self._skip == 0:
                self._shuffle.shuffle(self._order)
            return [self.examples[i] for i in self._order]
        if isinstance(self.corpus, ShardStream):
            return self.corpus.order(self.epoch)
        return self.corpus(self.nlp)


class ResumableSchedule:
    """A schedule (thinc's are generators, whose state cannot be saved) that counts its values."""

    def __init__(self, schedule: Iterator[float]) -> None:
        self.schedule = schedule
        self.draws = 0

    def __iter__(self) -> Iterator[float]:
        return self

    def __next__(self) -> float:
        value = next(self.schedule)
        self.draws += 1
        return value

    def skip(self, draws: int) -> None:
        """Draw so many values and forget them; fewer where the schedule ends."""
        for _ in range(draws):
            next(self, None)


def _resumable(batcher: Callable) -> tuple[Callable, list[ResumableSchedule]]:
    """Count what a batcher draws from its schedules: spaCy's are partial functions; others have no state."""
    if not isinstance(batcher, functools.partial):
        return batcher, []
    counted = {
        name: ResumableSchedule(value)
        for name, value in batcher.keywords.items()
        if isinstance(value, GeneratorType)
    }
    keywords = batcher.keywords | counted
    return functools.partial(batcher.func, *batcher.args, **keywords), [*counted.values()]
