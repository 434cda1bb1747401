"""The texts of test documents: as a pipeline is given them, and as the report shows them."""

from array import array
from collections.abc import Container
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from scripts.corpus.exports import as_jsonl
from scripts.corpus.shards import read_shard
from scripts.corpus.stream import find_shards


class Text(NamedTuple):
    """A test document: its text, where its tokens start, and as `scripts.export` writes it."""

    text: str
    starts: array
    row: str


def read_texts(corpus: Path, numbers: Container[int]) -> dict[int, Text]:
    """Read the test shards once, and return what the report shows of the documents with these numbers."""
    shards = (read_shard(path, Vocab()) for path in find_shards(corpus / "test"))  # each forgets its words
    docs = enumerate(chain.from_iterable(shards))
    wanted = ((number, with_spaces(doc)) for number, doc in docs if number in numbers)
    return {
        number: Text(doc.text.rstrip(), array("I", (token.idx for token in doc)), as_jsonl(doc))
        for number, doc in wanted
    }


def with_spaces(doc: Doc) -> Doc:
    """Return a shard's document with the text that its tokens and their noted spaces make, entities kept.

    Token-level documents are stored with unknown spaces, so that training keeps their tokens.
    """
    spaces = doc.user_data.get("spaces")
    if spaces is None:
        return doc
    words = [token.text for token in doc]
    made = Doc(doc.vocab, words=words, spaces=[bool(flag) for flag in spaces], user_data=doc.user_data)
    made.set_ents(
        [Span(made, ent.start, ent.end, label=ent.label) for ent in doc.ents],
        missing=[made[token.i : token.i + 1] for token in doc if not token.ent_iob],
    )
    return made
