"""How a corpus of known content is written as a column file, and in which encodings."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.content import Corpus, Sentence, chunk, merged, tags


class Written(NamedTuple):
    """A file's name and bytes, the options to read it with, and the documents that must come out."""

    name: str
    data: bytes
    options: dict[str, Any]
    corpus: Corpus


class Row(NamedTuple):
    """What may be written of a token: numbers in the sentence, of sentence, document and row; offsets."""

    word: str
    pos: str
    lemma: str
    chunk: str
    tag: str
    i: int
    s: int
    d: int
    n: int
    start: int
    end: int
    last: bool


@dataclass(frozen=True)
class Columns:
    """A column layout.

    cells: of a row. mark, mark_after: lines around each document (`{}`: its number). comments: lines before
    each sentence, between: after it. make: writes a sentence's tags, where `tags` does not. surfaces: whether
    CoNLL-U's surface forms and empty nodes stand among the rows. columns, options: to read it with.
    """

    cells: Callable[[Row], list[str]]
    separator: str = "\t"
    scheme: str = "IOB2"
    style: str = "B-PER"
    outside: str = "O"
    mark: str = ""
    mark_after: str = ""
    comments: tuple[str, ...] = ()
    header: str = ""
    between: str = "\n"
    columns: str = ""
    ending: str = ".conll"
    characters: bool = False
    make: Callable[[Sentence], list[str]] | None = None
    surfaces: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def rows(corpus: Corpus, shape: Columns):
    """Yield document number, sentence number and the rows of each sentence."""
    n = s = 0
    for d, document in enumerate(corpus):
        for sentence in document:
            written = (
                shape.make(sentence)
                if shape.make
                else tags(sentence, shape.scheme, shape.style, shape.outside)
            )
            found, at = [], 0
            for i, (word, pos, lemma, tag) in enumerate(
                zip(sentence.words, sentence.pos, sentence.lemmas, written, strict=True)
            ):
                end = at + len(word)
                found.append(
                    Row(word, pos, lemma, chunk(pos), tag, i, s, d, n, at, end, i == len(sentence.words) - 1)
                )
                at, n = end + 1, n + 1
            yield d, s, sentence, found
            s += 1


def write_columns(corpus: Corpus, shape: Columns, rng: random.Random) -> Written:
    """Write a corpus in a column layout, with line ends, encoding and end of file as they come."""
    lines, before = [shape.header] if shape.header else [], -1
    for d, s, sentence, found in rows(corpus, shape):
        if d != before and shape.mark:
            lines += [shape.mark_after] if shape.mark_after and before >= 0 else []
            lines += shape.mark.format(d).split("\n")
        before = d
        lines += [comment.format(s=s, d=d, text=" ".join(sentence.words)) for comment in shape.comments]
        for row in found:
            lines += surface_forms(row, rng) if shape.surfaces else []
            lines.append(shape.separator.join(shape.cells(row)))
        lines += shape.between[:-1].split("\n") if shape.between else []
    lines += [shape.mark_after] if shape.mark_after else []
    known = merged if shape.style == "PER" or (shape.scheme == "chunks") else (lambda sentence: sentence)
    documents = [[known(sentence) for sentence in document] for document in corpus]
    if not shape.mark or shape.mark.startswith("# id"):
        documents = [[sentence] for document in documents for sentence in document]
    text = "\n".join(lines) + "\n"
    options = {"columns": shape.columns} if shape.columns else {}
    return encoded(text, "a" + shape.ending, options | shape.options, documents, rng)


def surface_forms(row: Row, rng: random.Random) -> list[str]:
    """CoNLL-U's rows of several words, or of none, that may stand before a word."""
    empty = "\t_" * 6
    kind = rng.random()
    if kind < 0.1 and not row.last:
        return [f"{row.i + 1}-{row.i + 2}\tdu{empty}\t_\t{rng.choice(('_', 'SpaceAfter=No'))}"]
    return [f"{row.i}.1\tsaid\tsay\tVERB{empty}"] if kind > 0.95 else []


def encoded(text: str, name: str, options: dict, documents: Corpus, rng: random.Random) -> Written:
    """Write a text in one of the ways that files have: half of them plainly."""
    if rng.random() < 0.5:
        return Written(name, text.encode("utf-8"), options, documents)
    text = rng.choice((text, text.rstrip("\n"), text + "\n\n"))
    text = rng.choice((text, text.replace("\n", "\r\n")))
    data = text.encode(rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")))
    if rng.random() < 0.2:
        return Written(name + ".gz", gzip.compress(data), options, documents)
    return Written(name, data, options, documents)
