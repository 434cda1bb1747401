"""Count what the config's own reader and batcher hand to the trainer in the first epoch."""

import random
from collections import Counter
from collections.abc import Iterable

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.loop import create_train_batches
from spacy.util import registry, resolve_dot_names

from scripts.command import UserError
from scripts.corpus.ledger import Count


def count_first_epoch(nlp: Language) -> tuple[Count, int]:
    """Return the first epoch's documents, tokens and entities, and its number of batches.

    Reader, batcher and shuffling are the config's; the random state is put back. An entity counts where it is
    aligned with the tokens that the pipeline will see.
    """
    config = nlp.config.interpolate()
    T = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    (corpus,) = resolve_dot_names(config, [T["train_corpus"]])
    state = random.getstate()
    count, batches = Count(), 0
    for _, batch in create_train_batches(nlp, corpus, T["batcher"], 1):
        batches += 1
        _add(count, batch)
    random.setstate(state)
    return count, batches


def count_dev(nlp: Language) -> Count:
    """Return the documents, tokens and entities that the config's reader hands to an evaluation on dev."""
    config = nlp.config.interpolate()
    (corpus,) = resolve_dot_names(config, [config["training"]["dev_corpus"]])
    count = Count()
    _add(count, corpus(nlp))
    return count


def _add(count: Count, batch: Iterable[Example]) -> None:
    for example in batch:
        tags = example.get_aligned_ner()
        count.add(tokens=len(example.reference), labels=[tag[2:] for tag in tags if tag is not None and tag[0] in "BU"])


def require_all(count: Count, manifest: dict) -> None:
    """Raise UserError unless everything in a split's manifest is in the count."""
    expected = Count(manifest["documents"], manifest["tokens"], Counter(manifest["entities"]))
    if count != expected:
        lines = [
            f"{name}: {have:,} of {want:,}"
            for name, have, want in zip(("documents", "tokens", "entities"), count.as_json().values(), expected.as_json().values(), strict=False)
        ]
        raise UserError(
            f"of {manifest['split']}, the config's reader and batcher hand on {'; '.join(lines)}; see discard_oversize and size in "
            f"[training.batcher], max_length, limit and gold_preproc in [corpora.{manifest['split']}]"
        )
