"""Small corpora and pipelines for tests."""

from pathlib import Path

import spacy
from spacy.attrs import ENT_IOB
from spacy.tokens import Doc, DocBin, Span

from scripts.annotations.record import Record, Source
from scripts.annotations.record import Span as CharSpan
from scripts.corpus.build import build_corpus
from scripts.corpus.splits import raw_corpus

NAMES = ("Ana", "Bo", "Cy", "Di", "Ed", "Flo")


def record(text: str, *spans: tuple[int, int, str], id: str = "r1", **further) -> Record:
    """A record from character spans."""
    return Record(id=id, text=text, spans=tuple(CharSpan(*span) for span in spans), source=Source("a.jsonl", 1), **further)


def rows(count: int, *, offset: int = 0) -> list[dict]:
    """JSONL rows, all different, with one or two entities each."""
    result = []
    for i in range(offset, offset + count):
        name = f"{NAMES[i % len(NAMES)]}{i}"
        text = f"{name} went to Cork on day {i}, they say."
        start = text.index("Cork")
        result.append(
            {
                "id": f"d{i}",
                "text": text,
                "spans": [{"start": 0, "end": len(name), "label": "PERSON"}, {"start": start, "end": start + 4, "label": "LOC"}],
            }
        )
    return result


def make_corpus(folder: Path, write_jsonl, *, train: int = 40, dev: int = 10, test: int = 10, planted: list[dict] | None = None) -> Path:
    """Build `folder/corpus` from generated rows; return it. `planted` rows go to the end of train."""
    paths = [
        write_jsonl("train.jsonl", rows(train) + (planted or [])),
        write_jsonl("dev.jsonl", rows(dev, offset=1000)),
        write_jsonl("test.jsonl", rows(test, offset=2000)),
    ]
    raw = raw_corpus(*map(str, paths), format="auto", sentences_per_doc=0, seed=0)
    build_corpus(raw, raw.read(), folder / "corpus", lang="en")
    return folder / "corpus"


def broken_docbin(path: Path) -> None:
    """Write a DocBin whose third token is I-LOC after O, as a careless tool would."""
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["She", "saw", "Cork", "harbour", "."])
    doc.ents = [Span(doc, 2, 4, label="LOC")]
    whole = DocBin(attrs=["ENT_IOB", "ENT_TYPE"], docs=[doc])
    whole.tokens[0][2, whole.attrs.index(ENT_IOB)] = 1
    path.write_bytes(whole.to_bytes())
