"""Train a token classifier by Hugging Face's Trainer, and write result.json beside the settings.

python -m tests.benchmarks.hugging_face settings.json
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import spacy
import srsly
import transformers
from spacy.scorer import Scorer
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from tests.benchmarks.stamps import peak_gpu_mb

IGNORED = -100
"""What torch's cross entropy passes over."""


def read(split: Path) -> list[Doc]:
    """Read a split's shards."""
    vocab = spacy.blank("en").vocab
    return [doc for path in sorted(split.glob("*.spacy")) for doc in DocBin().from_disk(path).get_docs(vocab)]


def tags(doc: Doc) -> list[str]:
    """Return IOB2 tags; a token without annotation counts as O."""
    return [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]


def encode(doc: Doc, numbers: dict[str, int], tokenizer: Any) -> tuple[dict[str, list[int]], list[int]]:
    """Return the model's input, with a label on each word's first wordpiece, and the words that have one.

    Others were cut off, or are white space.
    """
    encoded = tokenizer([token.text for token in doc], is_split_into_words=True, truncation=True)
    firsts = [word if word != before else None for before, word in pairwise([None, *encoded.word_ids()])]
    gold = tags(doc)
    labels = [IGNORED if word is None else numbers.get(gold[word], numbers["O"]) for word in firsts]
    return {**encoded, "labels": labels}, [word for word in firsts if word is not None]


def decode(gold: Doc, predicted: list[str], words: list[int]) -> Example:
    """Set the tags of the words that the model saw, and O elsewhere, beside the gold entities."""
    found = ["O"] * len(gold)
    for word, tag in zip(words, predicted, strict=True):
        found[word] = tag
    for i, tag in enumerate(found):  # an I without its B begins an entity, as in conlleval
        if tag[0] == "I" and (not i or found[i - 1][2:] != tag[2:]):
            found[i] = f"B{tag[1:]}"
    return Example(Doc(gold.vocab, words=[token.text for token in gold], ents=found), gold)


def main(path: Path) -> None:
    """Train, and score dev, as spaCy does, before the first step and after each epoch."""
    settings = srsly.read_json(path)
    arguments = transformers.TrainingArguments(**settings["arguments"], output_dir=str(path.parent))
    transformers.set_seed(arguments.seed)
    train, dev = (read(Path(settings["corpus"]) / split) for split in ("train", "dev"))
    names = sorted({"O"}.union(*map(tags, train)))
    numbers = {name: i for i, name in enumerate(names)}
    tokenizer = transformers.AutoTokenizer.from_pretrained(settings["model"], add_prefix_space=True)
    encoded, encoded_dev = ([encode(doc, numbers, tokenizer) for doc in docs] for docs in (train, dev))

    def score(outcome: Any) -> dict[str, float]:
        rows = zip(dev, encoded_dev, outcome.predictions, outcome.label_ids, strict=True)
        examples = [
            decode(doc, [names[number] for number in row[labels != IGNORED].tolist()], words)
            for doc, (_, words), row, labels in rows
        ]
        return {"ents_f": Scorer.score_spans(examples, "ents")["ents_f"] or 0.0}

    model = transformers.AutoModelForTokenClassification
    trainer = transformers.Trainer(
        model.from_pretrained(settings["model"], num_labels=len(names)),
        arguments,
        transformers.DataCollatorForTokenClassification(tokenizer),
        [features for features, _ in encoded],
        [features for features, _ in encoded_dev],
        processing_class=tokenizer,
        compute_metrics=score,
        preprocess_logits_for_metrics=lambda logits, _: logits.argmax(-1),
    )
    seconds = trainer.train().metrics["train_runtime"]
    trainer.save_model()
    learned = sum(len(words) for _, words in encoded)
    cut = sum(not token.is_space for doc in train for token in doc) - learned
    result = {
        "steps": trainer.state.global_step,
        "words_per_second": arguments.num_train_epochs * learned / seconds,
        "best_f": max(row.get("eval_ents_f", 0.0) for row in trainer.state.log_history),
        "gpu_mb": peak_gpu_mb(),
        "unseen": f"{cut:,} words" if cut > 0 else "nothing",
    }
    srsly.write_json(path.with_name("result.json"), result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
