"""Documents and configs drawn at random, for tests that compare with spaCy itself."""

import random
from pathlib import Path

from spacy.cli.init_config import init_config
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from scripts.checks.catalogue import choose
from scripts.checks.examine import Report, examine
from scripts.checks.training_config import ConfigFile
from tests.make import SYLLABLES

LABELS = ("PERSON", "LOC", "MY-OWN_LABEL", "Größe")
ALL_ATTRS = (
    "ENT_IOB",
    "ENT_TYPE",
    "ENT_KB_ID",
    "ENT_ID",
    "SENT_START",
    "HEAD",
    "DEP",
    "TAG",
    "POS",
    "LEMMA",
    "MORPH",
    "NORM",
)
ODD = (
    "don't",
    "un-American",
    "3km",
    "Leeds-based",
    "c/o",
    "…",
    "\n",
    "  ",
    "(",
    "U.S.",
    "😀",
    "北京",
    "a@b.org",
    "x" * 40,
)
"""Tokens that spaCy splits, joins or treats apart."""
DOCUMENT_CHECKS = choose("NER1,NER4", "NER42")


def word(draw: random.Random) -> str:
    """A word that is a token to every tokeniser, and no exception of any."""
    return "".join(draw.choices(SYLLABLES, k=draw.randint(2, 4)))


def sound_doc(
    draw: random.Random, vocab: Vocab, *, longest: int = 36, labels: tuple[str, ...] = LABELS
) -> Doc:
    """A document that nothing is wrong with: spaCy's own tokens, entities inside sentences, sentences known
    or not, spaces known or not.
    """
    words, spaces, starts, ents = [], [], [], []
    for _ in range(draw.randint(1, 4)):
        length = draw.randint(2, longest // 4 - 1)
        first = len(words)
        words += [word(draw) for _ in range(length)] + ["."]
        spaces += [True] * (length - 1) + [False, True]
        starts += [True] + [False] * length
        i = first
        while i < first + length:
            size = draw.randint(1, 3)
            if draw.random() < 0.3 and i + size <= first + length:
                ents.append((i, i + size, draw.choice(labels)))
                i += size
            i += 1
    known = draw.random() < 0.7
    doc = Doc(
        vocab,
        words=words,
        spaces=spaces if known else None,
        sent_starts=starts if draw.random() < 0.6 else None,
    )
    doc.ents = [Span(doc, *ent) for ent in ents]
    return doc


def any_doc(draw: random.Random, vocab: Vocab) -> Doc:
    """A legal document of any kind: tokens that are not the tokeniser's, entities over sentence boundaries, a
    parse, or nothing at all.
    """
    length = draw.choice((0, 1, 2, *range(3, 30), 60, 90))
    words = [draw.choice(ODD) if draw.random() < 0.05 else word(draw) for _ in range(length)]
    spaces = [draw.random() < 0.95 for _ in words] if draw.random() < 0.7 else None
    starts = [i == 0 or draw.random() < 0.15 for i in range(length)]
    known = draw.choice(("none", "starts", "parse")) if length else "none"
    if known == "parse":
        roots = [max(j for j in range(i + 1) if starts[j]) for i in range(length)]
        doc = Doc(
            vocab,
            words=words,
            spaces=spaces,
            heads=roots,
            deps=["ROOT" if root == i else "dep" for i, root in enumerate(roots)],
        )
    else:
        doc = Doc(vocab, words=words, spaces=spaces, sent_starts=starts if known == "starts" else None)
    ents, missing = [], []
    i = 0
    while i < length:
        end = min(length, i + draw.randint(1, 4))
        if draw.random() < 0.3 and not any(w.isspace() for w in words[i:end]):
            ents.append(Span(doc, i, end, label=draw.choice(LABELS)))
            i = end
        elif draw.random() < 0.01:
            missing.append(Span(doc, i, i + 1))
        i += 1
    doc.set_ents(ents, missing=missing)
    return doc


def write(
    path: Path, docs: list[Doc], attrs: tuple[str, ...] = ("ENT_IOB", "ENT_TYPE", "SENT_START")
) -> Path:
    """Write documents to a DocBin file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(attrs=attrs, docs=docs).to_disk(path)
    return path


def write_config(path: Path, data: Path, **sections: dict) -> ConfigFile:
    """Write the CPU quickstart's config with some values changed: `corpora`, `training`, `batcher`; data is
    train and dev.
    """
    config = init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=False, silent=True)
    for split in ("train", "dev"):
        config["paths"][split] = data.as_posix()
        config["corpora"][split] |= sections.get("corpora", {})
    config["training"] |= sections.get("training", {})
    config["training"]["batcher"] = sections.get("batcher", config["training"]["batcher"])
    config.to_disk(path)
    return ConfigFile("it", path)


def examined(
    files: list[Path], config_file: ConfigFile, splits: tuple[str, ...] = ("train", "dev")
) -> Report:
    """Run every check of documents and readers."""
    return examine({split: files for split in splits}, Report(0, DOCUMENT_CHECKS), configs=[config_file])


def draw_words(draw: random.Random, kind: str, length: int) -> list[str]:
    """Draw words that make transformers stumble: tokens of hundreds of wordpieces, of none, of scripts
    without spaces.
    """
    plain = [*(word(draw) for _ in range(20)), ".", "don't", "10,000"]
    odd = {
        "plain": plain,
        "long": [*plain, "x" * 400, "-" * 300, "a1" * 150, "https://example.org/" + "q/" * 60],
        "emoji": [*plain, "😀", "👩‍👩‍👧", "🇮🇪", "\ufe0f", "\u200d", "é", "e\u0301"],
        "control": [
            *plain,
            "\x00",
            "\x07",
            "\u200b",
            "\ufeff",
            "\u00ad",
            "a\u200bb",
            "\n",
            "  ",
            "\t",
            "\u00a0",
            "\u3000",
        ],
        "cjk": ["北京", "東京都", "한국어", "ไทย", "漢", "。", *plain],
    }[kind]
    return [draw.choice(odd) for _ in range(length)]


CODE = """
import spacy
from spacy.tokens import Doc
from spacy.training import Corpus

@spacy.registry.readers("test.twice.v1")
def read_twice(path: str, limit: int = 0):
    def read(nlp):
        for example in Corpus(path)(nlp):
            yield from (example, example)
    read.limit = limit
    return read

@spacy.registry.readers("test.both.v1")
def read_both(path: str, max_length: int = 0):
    return {"train": Corpus(path, max_length=max_length), "dev": Corpus(path)}

@spacy.registry.tokenizers("test.white.v1")
def make_tokenizer(most: int = 10000):
    class White:
        __slots__ = ("most", "vocab")
        def __init__(self, nlp):
            self.most, self.vocab = most, nlp.vocab
        def __call__(self, text):
            if len(text) > self.most:
                raise ValueError("this is too long for me")
            return Doc(self.vocab, words=text.split())
    return White

@spacy.registry.callbacks("test.no_suffixes.v1")
def make_callback():
    def change(lang):
        lang.Defaults.suffixes = ()
        return lang
    return change
"""
