"""Find entities as `nlp.pipe` or Hugging Face's pipeline does, and write rows, to be measured beside `predict`.

python -m tests.benchmarks.piped spacy MODEL texts.jsonl rows.jsonl 64 2
python -m tests.benchmarks.piped hugging-face MODEL texts.jsonl rows.jsonl 64 1
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import srsly


def by_spacy(model: str, texts: Iterable[str], size: int, processes: int) -> Iterator[list]:
    """Load, then yield the entities of each text by `nlp.pipe`."""
    import spacy

    nlp = spacy.load(model)
    yield []
    for doc in nlp.pipe(texts, batch_size=size, n_process=processes):
        yield [[ent.start_char, ent.end_char, ent.label_] for ent in doc.ents]


def by_hugging_face(model: str, texts: Iterable[str], size: int, processes: int) -> Iterator[list]:
    """Load, then yield the entities of each text by a token classification pipeline, its last layer random."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(model, model_max_length=512)
    classifier = AutoModelForTokenClassification.from_pretrained(model, num_labels=9)
    find = pipeline(
        "token-classification", classifier, tokenizer=tokenizer, aggregation_strategy="simple", device="cpu"
    )
    yield []
    for entities in find(iter(texts), batch_size=size):
        yield [[ent["start"], ent["end"], ent["entity_group"]] for ent in entities]


if __name__ == "__main__":
    kind, model, source, output, size, processes = sys.argv[1:]
    texts = (row["text"] for row in srsly.read_jsonl(source))
    find = by_spacy if kind == "spacy" else by_hugging_face
    found = find(model, texts, int(size), int(processes))
    next(found)
    started = time.perf_counter()
    with Path(output).open("w", encoding="utf-8") as file:
        for entities in found:
            file.write(json.dumps(entities) + "\n")
    print(time.perf_counter() - started)
