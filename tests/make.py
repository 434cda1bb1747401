"""Small corpora and pipelines for tests."""

import json
import random
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import spacy
from spacy.attrs import ENT_IOB
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from scripts.corpus.build import REJECTS, build_corpus
from scripts.corpus.ledger import Ledger
from scripts.corpus.raw import RawCorpus
from scripts.corpus.settings import Settings
from scripts.corpus.shards import read_manifest, read_shard
from scripts.corpus.splits import SPLITS
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Record, Source
from scripts.formats.record import Span as CharSpan
from scripts.formats.registry import ReadOptions, open_file, read_records

NAMES = ("Ana", "Bo", "Cy", "Di", "Ed", "Flo")
SYLLABLES = ("ka", "lo", "mi", "nu", "re", "so", "ti", "va", "ze", "do")


def record(text: str, *spans: tuple[int, int, str], id: str = "r1", **further) -> Record:
    """A record from character spans."""
    return Record(
        id=id,
        text=text,
        spans=tuple(CharSpan(*span) for span in spans),
        source=Source("a.jsonl", 1),
        **further,
    )


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
                "spans": [
                    {"start": 0, "end": len(name), "label": "PERSON"},
                    {"start": start, "end": start + 4, "label": "LOC"},
                ],
            }
        )
    return result


def invented(seed: int | str, length: int = 80) -> str:
    """A text of invented words, unlike that of every other seed."""
    draw = random.Random(seed)
    return " ".join("".join(draw.choices(SYLLABLES, k=3)) for _ in range(length))


def build(
    folder: Path,
    train: Path | str,
    dev: Path | str = "",
    test: Path | str = "",
    *,
    workers: int = 1,
    **settings,
) -> dict[str, Ledger]:
    """Build a corpus from raw files; dev and test are drawn where they are empty. Return the ledgers.

    A file that is given for several splits is copied: one file belongs to one split.
    """
    names = [str(train), str(dev), str(test)]
    for at, name in enumerate(names):
        if name and name in names[:at]:
            copy = Path(name).with_name(f"{at}-{Path(name).name}")
            names[at] = str(shutil.copy(name, copy))
    return build_corpus(RawCorpus.find(*names), folder, Settings(**settings), workers=workers)


def jsonl_writer(folder: Path) -> Callable[[str, list], Path]:
    """Return what writes rows, or strings as they are, to a JSONL file in a folder."""

    def write(name: str, rows: list) -> Path:
        path = folder / name
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
        return path

    return write


def make_corpus(
    folder: Path,
    write_jsonl,
    *,
    train: int = 40,
    dev: int = 10,
    test: int = 10,
    planted: list[dict] | None = None,
) -> Path:
    """Build `folder/corpus` from generated rows; return it. `planted` rows go to the end of train."""
    paths = [
        write_jsonl("train.jsonl", rows(train) + (planted or [])),
        write_jsonl("dev.jsonl", rows(dev, offset=1000)),
        write_jsonl("test.jsonl", rows(test, offset=2000)),
    ]
    build(folder / "corpus", *paths)
    return folder / "corpus"


@cache
def vocab() -> Vocab:
    """One vocabulary for all that tests read."""
    return spacy.blank("en").vocab


def read_split(corpus: Path, split: str = "train") -> list[Doc]:
    """The documents of a split, in order."""
    return [
        doc
        for shard in read_manifest(corpus / split)["shards"]
        for doc in read_shard(corpus / split / shard["name"], vocab())
    ]


def split_of(corpus: Path) -> dict[str, str]:
    """The split of each document, by its id."""
    return {doc.user_data["id"]: split for split in SPLITS for doc in read_split(corpus, split)}


def read_rejects(corpus: Path) -> list[dict]:
    """The rows of rejects.jsonl."""
    return [json.loads(line) for line in (corpus / REJECTS).read_text(encoding="utf-8").splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def broken_docbin(path: Path) -> None:
    """Write a DocBin whose third token is I-LOC after O, as a careless tool would."""
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["She", "saw", "Cork", "harbour", "."])
    doc.ents = [Span(doc, 2, 4, label="LOC")]
    whole = DocBin(attrs=["ENT_IOB", "ENT_TYPE"], docs=[doc])
    whole.tokens[0][2, whole.attrs.index(ENT_IOB)] = 1
    path.write_bytes(whole.to_bytes())


def read(path: Path, format: str = "auto", **options) -> list[Record]:
    """The records of a raw file."""
    return list(read_records(path, format, ReadOptions(**options)))


def described(path: Path, **options) -> str:
    """How a raw file is understood."""
    opened = open_file(path, "auto", ReadOptions(**options))
    return opened.format.describe(opened.layout)


def entities(record: Record) -> list[tuple[str, str]]:
    """The text and label of each entity."""
    return [(record.text[start:end], label) for start, end, label in record.spans]


def fails(path: Path, format: str = "auto", **options) -> str:
    """What is said of a raw file that is refused, for a reason that lies in the file."""
    said = refusal(read, path, format, **options)
    assert "a fault of this reader" not in said
    return said


def refusal(call: Callable, *arguments, **options) -> str:
    """What is said where a call refuses raw data."""
    with pytest.raises(AnnotationError) as error:
        call(*arguments, **options)
    return str(error.value)


def lines(path: Path, encoding: str = "utf-8") -> list[tuple[int, bytes]]:
    """The lines of a raw file, with their numbers."""
    with RawFile(path, encoding=encoding) as file:
        return list(file.lines())
