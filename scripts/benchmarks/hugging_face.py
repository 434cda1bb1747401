"""Train a token classifier by Hugging Face's Trainer: `python -m scripts.benchmarks.hugging_face SETTINGS.json` writes OUTPUT/result.json.

Settings are the Trainer's own wherever the comparison asks for no others: AdamW, documents in any order, batches padded to their longest document.
"""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import spacy
import torch
from spacy.tokens import DocBin
from transformers import TrainerCallback

from scripts.corpus.files import read_json, write_json
from scripts.training.memory import peak_gpu_memory_mb

IGNORED = -100
"""What torch's cross entropy passes over."""

Entity = tuple[int, int, str]
"""First word, the one after the last, label."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is trained on what. batch: documents; a step adds `accumulation` batches up. warmup: share of the steps. device: cpu or cuda."""

    model: str
    corpus: str
    output: str
    device: str
    batch: int
    accumulation: int
    epochs: int
    rate: float
    warmup: float
    seed: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """A document's words and IOB2 tags; a word without annotation counts as O."""

    words: list[str]
    tags: list[str]


class Clock(TrainerCallback):
    """Add up the seconds of the steps: evaluating and saving come after an epoch's end."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = 0.0

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self._begun = time.perf_counter()

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        """Stop the clock, once a GPU has done what it was given."""
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - self._begun


def read_split(folder: Path) -> list[Tagged]:
    """Read a split's shards."""
    vocab = spacy.blank("en").vocab
    docs = (
        doc for path in sorted(folder.glob("*.spacy")) for doc in DocBin().from_disk(path).get_docs(vocab)
    )
    return [
        Tagged(
            [token.text for token in doc],
            [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc],
        )
        for doc in docs
    ]


def encode(
    doc: Tagged, numbers: dict[str, int], tokenizer: Any
) -> tuple[dict[str, list[int]], list[int], int]:
    """Return the model's input, with a label on each word's first piece; the words that have a piece; and how many words were cut off."""
    pieces = tokenizer(doc.words, is_split_into_words=True, truncation=True)
    owners = pieces.word_ids()
    firsts = [word if word != before else None for before, word in pairwise([None, *owners])]
    labels = [IGNORED if word is None else numbers.get(doc.tags[word], numbers["O"]) for word in firsts]
    cut = {word for part in pieces.encodings[0].overflowing for word in part.word_ids} - set(owners)
    return {**pieces, "labels": labels}, [word for word in firsts if word is not None], len(cut)


def tags_of(predicted: Iterable[int], names: list[str], heads: list[int], total: int) -> list[str]:
    """Return a tag for each word; words that the model never saw have O. heads: the words that were predicted, in order."""
    tags = ["O"] * total
    for word, number in zip(heads, predicted, strict=True):
        tags[word] = names[number]
    return tags


def decode(tags: list[str]) -> set[Entity]:
    """Return the entities that IOB2 tags stand for; an I without its B begins one, as in conlleval."""
    entities: set[Entity] = set()
    start, current = -1, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, label = tag.partition("-")
        if start >= 0 and (prefix != "I" or label != current):
            entities.add((start, i, current))
            start = -1
        if prefix != "O" and start < 0:
            start, current = i, label
    return entities


def entity_f(gold: list[set[Entity]], found: list[set[Entity]]) -> float:
    """Return F over all documents; an entity counts with its exact words and label, as `ents_f` of spaCy's Scorer."""
    right = sum(len(ours & theirs) for ours, theirs in zip(gold, found, strict=True))
    total = sum(map(len, gold)) + sum(map(len, found))
    return 2 * right / total if total else 0.0


def main(settings: Settings) -> None:
    """Train, and score dev before the first step and after each epoch."""
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    train, dev = (read_split(Path(settings.corpus) / split) for split in ("train", "dev"))
    names = sorted({"O"} | {tag for doc in train for tag in doc.tags})
    numbers = {name: i for i, name in enumerate(names)}
    tokenizer = AutoTokenizer.from_pretrained(settings.model, add_prefix_space=True)
    encoded, _, cut = zip(*(encode(doc, numbers, tokenizer) for doc in train), strict=True)
    encoded_dev, heads, _ = zip(*(encode(doc, numbers, tokenizer) for doc in dev), strict=True)
    gold = [decode(doc.tags) for doc in dev]

    def score(outcome: Any) -> dict[str, float]:
        rows = zip(outcome.predictions, outcome.label_ids, heads, dev, strict=True)
        found = [
            decode(tags_of(row[labels != IGNORED].tolist(), names, own, len(doc.words)))
            for row, labels, own, doc in rows
        ]
        return {"ents_f": entity_f(gold, found)}

    set_seed(settings.seed)
    arguments = TrainingArguments(
        output_dir=settings.output,
        seed=settings.seed,
        use_cpu=settings.device == "cpu",
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.rate,
        lr_scheduler_type="linear",
        warmup_ratio=settings.warmup,
        eval_strategy="epoch",
        eval_on_start=True,
        save_strategy="epoch",
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
    )
    clock = Clock()
    trainer = Trainer(
        AutoModelForTokenClassification.from_pretrained(settings.model, num_labels=len(names)),
        arguments,
        DataCollatorForTokenClassification(tokenizer),
        list(encoded),
        list(encoded_dev),
        processing_class=tokenizer,
        compute_metrics=score,
        preprocess_logits_for_metrics=lambda logits, _: logits.argmax(-1),
        callbacks=[clock],
    )
    trainer.train()
    result = {
        "steps": trainer.state.global_step,
        "words": settings.epochs * (sum(len(doc.words) for doc in train) - sum(cut)),
        "words_cut": sum(cut),
        "seconds_steps": clock.seconds,
        "ents_f": [row["eval_ents_f"] for row in trainer.state.log_history if "eval_ents_f" in row],
        "gpu_mb": peak_gpu_memory_mb(-1 if settings.device == "cpu" else 0),
    }
    write_json(Path(settings.output) / "result.json", result)


if __name__ == "__main__":
    main(Settings(**read_json(Path(sys.argv[1]))))
