"""Column files as corpora and tools write them."""

import random
from collections.abc import Callable
from dataclasses import replace

from tests.content import Sentence
from tests.layouts import Columns, Row


def cols(*names: str) -> Callable[[Row], list[str]]:
    """Cells by name: fields of Row, or constants."""
    made: dict[str, Callable[[Row], str]] = {
        "i1": lambda r: str(r.i + 1),
        "s1": lambda r: str(r.s + 1),
        "sent": lambda r: f"Sentence: {r.s + 1}",
        "first": lambda r: f"Sentence: {r.s + 1}" if r.i == 0 else "",
        "span": lambda r: f"{r.start}-{r.end}",
        "docid": lambda r: f"doc{r.d}",
        "adige": lambda r: f"adige200410{r.d % 30 + 1:02}_id4141{r.d}",
        "score": lambda r: f"0.{(7 * r.n) % 90 + 10}",
        "misc": lambda r: f"name={r.tag}" + ("|SpaceAfter=No" if r.n % 5 == 0 else ""),
        "ner": lambda r: f"NER={r.tag}" if r.tag != "O" else "_",
        "always": lambda r: f"NER={r.tag}",
        "lower": lambda r: r.word.lower(),
        "head": lambda r: str((r.i + 2) % 5),
        "upos": lambda r: {"N": "NOUN", "V": "VERB", "D": "DET", "I": "ADP", "J": "ADJ"}.get(r.pos[0], "X"),
    }

    def cells(row: Row) -> list[str]:
        return [made[name](row) if name in made else str(getattr(row, name, name)) for name in names]

    return cells


def brackets(sentence: Sentence) -> list[str]:
    """Write entities as CoNLL-2012 does."""
    found = ["*"] * len(sentence.words)
    for start, end, label in sentence.entities:
        found[start], found[end - 1] = f"({label}*", "*)"
        if end - start == 1:
            found[start] = f"({label})"
    return found


C = Columns
NAMED = {
    "CoNLL-2000": C(cols("word", "pos", "tag"), " ", ending=".txt"),
    "CoNLL-2002 Spanish": C(cols("word", "tag"), " "),
    "CoNLL-2002 Dutch": C(cols("word", "pos", "tag"), " ", mark="-DOCSTART- -DOCSTART- O"),
    "CoNLL-2003": C(cols("word", "pos", "chunk", "tag"), " ", "IOB1", mark="-DOCSTART- -X- O O\n"),
    "CoNLL-2003 IOB2": C(cols("word", "pos", "chunk", "tag"), " ", mark="-DOCSTART- -X- -X- O\n"),
    "CoNLL-2003 German": C(
        cols("word", "lemma", "pos", "chunk", "tag"), " ", "IOB1", mark="-DOCSTART- -X- -X- -X- O\n"
    ),
    "CoNLL-2012": C(
        cols("docid", "0", "i", "word", "pos", "*", "-", "-", "-", "-", "tag", "*", "-"),
        "   ",
        mark="#begin document (docid{}); part 000",
        mark_after="#end document",
        make=brackets,
        ending=".gold_conll",
    ),
    "WNUT": C(cols("word", "tag"), between="\t\n"),
    "GermEval, columns given": C(
        cols("i1", "word", "tag", "O"),
        comments=("#\thttp://de.wikipedia.org/wiki/{s}\t[2010-01-17]",),
        columns="_,token,tag,_",
        ending=".tsv",
    ),
    "FiNER": C(cols("word", "tag", "O", "", ""), ending=".csv", columns="token,tag,_,_,_"),
    "WikiNEuRal": C(cols("i", "word", "tag")),
    "MultiCoNER": C(cols("word", "_", "_", "tag"), " ", comments=("# id 1f7e8ccd-{s}\tdomain=en",)),
    "HIPE": C(
        cols("word", "tag", "_", "_", "_", "_", "_", "_"),
        mark="# hipe2022:document_id = d{}",
        comments=("# page = {s}",),
        header="TOKEN\tNE-COARSE-LIT\tNE-COARSE-METO\tNE-FINE-LIT\tNE-FINE-COMP\tNE-NESTED\tNEL-LIT\tMISC",
        ending=".tsv",
    ),
    "UNER": C(
        cols("i1", "word", "tag", "-", "jmayhew"),
        comments=("# sent_id = w-{s}", "# text = {text}"),
        ending=".iob2",
    ),
    "UNER, documents": C(
        cols("i1", "word", "tag", "-", "-"),
        mark="# newdoc id = n{}",
        comments=("# sent_id = w-{s}", "# text = {text}"),
        ending=".iob2",
    ),
    "Few-NERD": C(cols("word", "tag"), style="PER", ending=".txt"),
    "OntoNotes, offsets": C(cols("word", "start", "end", "tag")),
    "JNLPBA": C(cols("word", "tag"), comments=("###MEDLINE:9536{s}", ""), ending=".iob2"),
    "standoff2conll": C(cols("tag", "start", "end", "word")),
    "MSRA": C(cols("word", "tag"), characters=True, ending=".txt", options={"lang": "zh"}),
    "Weibo": C(lambda r: [f"{r.word}{r.i % 4}", r.tag], ending=".train", characters=True),
    "Resume, BMES": C(
        cols("word", "tag"), " ", "BMES", characters=True, ending=".bmes", options={"lang": "zh"}
    ),
    "BMEWO": C(cols("word", "tag"), " ", "BMEWO", ending=".bmes"),
    "Kaggle as TSV": C(
        cols("sent", "word", "pos", "tag"), header="Sentence #\tWord\tPOS\tTag", ending=".tsv"
    ),
    "WikiANN": C(lambda r: [f"en:{r.word}", r.tag], ending=".tsv"),
    "I-CAB": C(cols("word", "pos", "adige", "tag"), " ", ending=".iob2"),
    "MasakhaNER": C(cols("word", "tag"), " ", ending=".txt"),
    "DaNE": C(
        cols("i1", "word", "lemma", "upos", "_", "_", "head", "dep", "_", "misc"),
        comments=("# sent_id = d-{s}", "# text = {text}"),
        ending=".conllu",
    ),
    "CoNLL-U, NER": C(
        cols("i1", "word", "lemma", "upos", "pos", "Number=Sing", "head", "dep", "_", "ner"),
        comments=("# text = {text}",),
        ending=".conllu",
    ),
    "CoNLL-U, ranges": C(
        cols("i1", "word", "lemma", "upos", "_", "_", "head", "dep", "_", "misc"),
        comments=("# text = {text}",),
        ending=".conllu",
        surfaces=True,
    ),
    "hr500k": C(
        cols("i1", "word", "lemma", "upos", "pos", "_", "head", "dep", "_", "always"),
        mark="# newdoc id = d{}",
        ending=".conllu",
    ),
    "CoreNLP": C(cols("i1", "word", "lemma", "pos", "tag", "head", "dep"), style="PER", ending=".conll"),
    "CoNLL-U Plus": C(
        cols("i1", "word", "upos", "tag"),
        header="# global.columns = ID FORM UPOS CUPT:NER",
        ending=".conllup",
    ),
    "Polyglot": C(cols("word", "tag"), style="PER"),
    "Stanford, spaces": C(cols("word", "tag"), " ", style="PER", ending=".txt"),
    "BTC": C(cols("word", "tag")),
    "Label Studio": C(cols("word", "-X-", "_", "tag"), " ", mark="-DOCSTART- -X- O"),
    "WikiGold": C(cols("word", "tag"), " ", "IOB1", mark="-DOCSTART- O\n", ending=".txt"),
    "SEC filings": C(
        cols("word", "-X-", "-X-", "tag"), " ", "IOB1", mark="-DOCSTART- -X- -X- O\n", ending=".txt"
    ),
    "UBIAI": C(cols("word", "-X-", "_", "tag"), " ", mark="-DOCSTART- -X- O O\n"),
    "doccano": C(cols("word", "_", "_", "tag"), " "),
    "Flair, BIOES": C(cols("word", "tag"), " ", "IOBES", ending=".txt"),
    "Stanza": C(cols("word", "tag"), "\t", "IOBES", ending=".bio"),
    "spaCy BILUO": C(cols("word", "tag"), "\t", "BILUO", ending=".bio"),
    "PEYMA underscore": C(cols("word", "tag"), style="B_PER"),
    "lower-case prefixes": C(cols("word", "tag"), style="b-per"),
    "prefix behind": C(cols("word", "tag"), style="PER-B"),
    "O as 0": C(cols("word", "tag"), outside="0"),
    "O as _": C(cols("word", "pos", "tag"), outside="_"),
    "tag first": C(cols("tag", "word")),
    "tag in the middle": C(cols("word", "tag", "pos")),
    "sentence's number, header": C(
        cols("s", "word", "tag"), header="sentence_id\twords\tlabels", ending=".tsv"
    ),
    "header": C(cols("word", "pos", "tag"), header="token\tpos\tner_tag", ending=".tsv"),
    "header, two": C(cols("word", "tag"), header="Token\tTag", ending=".tsv"),
    "running number": C(cols("n", "word", "tag"), ending=".tsv"),
    "scores": C(cols("word", "tag", "score"), ending=".tsv"),
    "lemma": C(cols("word", "lemma", "pos", "tag"), ending=".tsv"),
    "trailing tab": C(cols("word", "tag", ""), ending=".tsv"),
    "several spaces": C(cols("word", "pos", "tag"), "   ", ending=".txt"),
    "documents by newdoc": C(cols("i1", "word", "tag"), mark="# newdoc id = d{}", ending=".conll"),
    "comments": C(cols("word", "tag"), comments=("## sentence {s}",), ending=".conll"),
    "offsets before": C(cols("span", "word", "tag")),
}
"""Layouts of real corpora and tools."""


def drawn_shape(rng: random.Random) -> Columns:
    """Draw a layout of any columns that tools write."""
    before = rng.choice(((), (), ("i",), ("i1",), ("n",), ("sent",), ("docid",), ("span",), ("start", "end")))
    after = rng.choice(
        (
            (),
            (),
            ("pos",),
            ("pos", "chunk"),
            ("lemma", "pos"),
            ("_",),
            ("-X-", "_"),
            ("score",),
            ("O",),
            ("lower",),
        )
    )
    order = rng.choice(("after", "after", "before", "first", "last"))
    names = {
        "after": (*before, "word", *after, "tag"),
        "before": (*before, "word", "tag", *after),
        "first": ("tag", *before, "word", *after),
        "last": (*after, *before, "word", "tag"),
    }[order]
    style = rng.choice(("B-PER", "B-PER", "B-PER", "B_PER", "b-per", "PER-B", "PER"))
    scheme = rng.choice(("IOB2", "IOB2", "IOB1", "BILUO", "IOBES", "BMES")) if style != "PER" else "IOB2"
    separator = rng.choice(("\t", "\t", " ", "  ")) if before != ("sent",) else "\t"
    mark = rng.choice(
        ("", "", "-DOCSTART-" + separator.strip(" ") + " O", "#begin document d{}", "# newdoc id = {}")
    )
    shape = Columns(
        cols(*names), separator, scheme, style, mark=mark, ending=rng.choice((".conll", ".txt", ".tsv"))
    )
    if style in ("B-PER", "PER"):
        shape = replace(shape, outside=rng.choice(("O", "O", "O", "_" if "_" not in after else "O")))
    if rng.random() < 0.2:
        shape = replace(
            shape, comments=(rng.choice(("# sent_id = {s}", "#\turl{s}", "# text = {text}", "## {s}", "#")),)
        )
    if rng.random() < 0.3:
        given = ["token" if name == "word" else name if name == "tag" else "_" for name in names]
        shape = replace(shape, columns=",".join(given))
    return shape
