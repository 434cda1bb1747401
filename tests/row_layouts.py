"""Pipes, WebAnno TSV, tables, Parquet and JSON rows of tokens as tools write them."""

import csv
import io
import json
import random

import pyarrow
import pyarrow.parquet

from tests.content import Corpus, Sentence, chunk, merged, tags
from tests.layouts import Written, encoded

SCHEMES = ("IOB2", "IOB2", "IOB2", "IOB1", "BILUO", "IOBES")


def sentences_of(corpus: Corpus) -> list[Sentence]:
    """All sentences."""
    return [sentence for document in corpus for sentence in document]


def alone(corpus: Corpus, *, plain: bool = False) -> Corpus:
    """Each sentence as a document; `plain`: as tags without prefixes tell it."""
    return [[merged(sentence) if plain else sentence] for sentence in sentences_of(corpus)]


def write_pipes(corpus: Corpus, rng: random.Random) -> Written:
    """A sentence a line, each token with its tag behind a mark."""
    separator, scheme = rng.choice("||/"), rng.choice(SCHEMES)
    marked, pos, columns = rng.random() < 0.3, rng.random() < 0.3, rng.random() < 0.2
    lines = []
    for document in corpus:
        lines += ["-DOCSTART-"] if marked else []
        for s in document:
            cells = [
                (w, p, t) if pos else (w, t) for w, p, t in zip(s.words, s.pos, tags(s, scheme), strict=True)
            ]
            lines += [" ".join(separator.join(cell) for cell in cells), *([""] if marked else [])]
    options = {"columns": "token,_,tag" if pos else "token,tag"} if columns else {}
    options |= {"format": "pipes"} if columns else {}
    return encoded(
        "\n".join(lines) + "\n",
        "a" + rng.choice((".iob", ".txt")),
        options,
        corpus if marked else alone(corpus),
        rng,
    )


def write_webanno(corpus: Corpus, rng: random.Random) -> Written:
    """WebAnno TSV 3 with named entities, and parts of speech beside them."""
    with_pos, identifier, version = rng.random() < 0.3, rng.random() < 0.6, rng.choice(("3.1", "3.2", "3.3"))
    lines = [f"#FORMAT=WebAnno TSV {version}"]
    pos_line = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|coarseValue|PosValue"
    features = "identifier|value" if identifier else "value"
    entity_line = f"#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|{features}"
    lines += [pos_line, entity_line, "", ""] if with_pos else [entity_line, "", ""]
    at = number = 0
    for n, s in enumerate(sentences_of(corpus), start=1):
        cells = ["_"] * len(s.words)
        ids = ["_"] * len(s.words)
        for start, end, label in s.entities:
            number += 1
            several = end - start > 1
            for i in range(start, end):
                value = label.replace("_", "\\_") if label == "_" else label
                cells[i] = f"{value}[{number}]" if several else value
                ids[i] = f"*[{number}]" if several else "*"
        text = " ".join(s.words)
        escaped = text.replace("\\", "\\\\")
        lines.append(f"#Text={escaped}")
        for i, word in enumerate(s.words):
            size = len(word.encode("utf-16-le")) // 2
            row = [f"{n}-{i + 1}", f"{at}-{at + size}", word, *(["_", s.pos[i]] if with_pos else [])]
            row += [ids[i], cells[i]] if identifier else [cells[i]]
            lines.append("\t".join(row) + "\t")
            at += size + 1
        lines.append("")
    text = "\n".join(lines) + "\n"
    return Written(
        "a.tsv", (text.replace("\n", "\r\n") if rng.random() < 0.3 else text).encode(), {}, alone(corpus)
    )


def table_text(rows: list[list[str]], rng: random.Random, delimiter: str) -> str:
    """Rows as csv writes them, by one of its rules of quoting."""
    out = io.StringIO()
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC))
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)
    return out.getvalue()


def write_table(corpus: Corpus, rng: random.Random) -> Written:
    """A token a row, below a header: Kaggle, pandas."""
    delimiter = rng.choice((",", ",", ",", ";", "|", "\t"))
    plain, scheme = rng.random() < 0.2, rng.choice(SCHEMES)
    number = rng.choice(("first", "every", "every", "sentence #", "blank"))
    index, pos, docs, empty = (rng.random() < share for share in (0.3, 0.5, 0.2, 0.05))
    if delimiter == "\t" and number == "blank":
        number = "every"
    header = rng.choice(
        (["Word", "Tag"], ["token", "label"], ["words", "labels"], ["tokens", "ner_tags"], ["word", "ner"])
    )
    if docs and number == "first":
        docs = False
    names = [
        *([""] if index else []),
        *(["doc_id"] if docs else []),
        "sentence_id",
        header[0],
        *(["POS"] if pos else []),
        header[1],
    ]
    names = [
        {"first": "Sentence #", "sentence #": "Sentence #"}.get(number, name)
        if name == "sentence_id"
        else name
        for name in names
    ]
    if number == "blank":
        names.remove("sentence_id")
    rows, n = [names], 0
    for d, document in enumerate(corpus):
        for s in document:
            n += 1
            written = tags(s, scheme, "PER" if plain else "B-PER", "" if empty else "O")
            for i, word in enumerate(s.words):
                mark = f"Sentence: {n}" if number in ("first", "sentence #") else str(n - 1)
                cells = [str(len(rows) - 1)] if index else []
                cells += [f"doc{d}"] if docs else []
                cells += [] if number == "blank" else ["" if number == "first" and i else mark]
                rows.append([*cells, word, *([s.pos[i]] if pos else []), written[i]])
            rows += [[""] * len(names)] if number == "blank" else []
    options = {}
    if number != "first" and delimiter in ",;|" and rng.random() < 0.3:
        known = {
            "sentence_id": "sentence",
            "Sentence #": "sentence",
            "doc_id": "document",
            header[0]: "token",
            header[1]: "tag",
        }
        options = {"columns": ",".join(known.get(name, "_") for name in names)}
        rows = rows[rng.choice((0, 1)) :]
    documents = (
        [[merged(s) if plain else s for s in document] for document in corpus]
        if docs
        else alone(corpus, plain=plain)
    )
    text = table_text(rows, rng, delimiter)
    return encoded(text, "a" + (".tsv" if delimiter == "\t" else ".csv"), options, documents, rng)


def numpy_list(words: list[str]) -> str:
    """A list of strings as numpy prints it."""
    return "[" + " ".join(map(repr, words)) + "]"


def write_wide_table(corpus: Corpus, rng: random.Random) -> Written:
    """A sentence a row, with lists of tokens and tags."""
    dump = rng.choice((json.dumps, repr, numpy_list, lambda words: json.dumps(words, ensure_ascii=False)))
    scheme, delimiter = rng.choice(SCHEMES), rng.choice((",", ",", ";", "\t"))
    names = rng.choice(
        (["tokens", "ner_tags"], ["words", "labels"], ["id", "tokens", "tags"], ["", "tokens", "ner_tags"])
    )
    rows = [names]
    for n, s in enumerate(sentences_of(corpus)):
        rows.append([*([str(n)] if len(names) > 2 else []), dump(list(s.words)), dump(tags(s, scheme))])
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return encoded(out.getvalue(), "a" + (".tsv" if delimiter == "\t" else ".csv"), {}, alone(corpus), rng)


def write_split_table(corpus: Corpus, rng: random.Random) -> Written:
    """A sentence a row as text, with as many tags in the other column."""
    names = rng.choice(
        (["text", "labels"], ["sentence", "word_labels"], ["sentence", "labels"], ["text", "tags"])
    )
    between = rng.choice((" ", ",", ", "))
    rows = [names]
    rows += [[" ".join(s.words), between.join(tags(s, rng.choice(("IOB2",))))] for s in sentences_of(corpus)]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return encoded(out.getvalue(), "a.csv", {}, alone(corpus), rng)


def token_rows(corpus: Corpus, rng: random.Random) -> tuple[list[dict], tuple[str, ...]]:
    """Rows of tokens and tags under a corpus's keys; the key of the tags, and the names of their numbers."""
    keys = rng.choice(
        (
            ("tokens", "ner_tags"),
            ("tokens", "ner_tags"),
            ("words", "ner"),
            ("tokens", "tags"),
            ("tokens", "labels"),
            ("sentence", "labels"),
            ("tokens", "fine_ner_tags"),
            ("tokens", "entities"),
            ("words", "ner_tags"),
            ("token", "label"),
            ("words", "labels"),
            ("tokens", "ner_labels"),
        )
    )
    scheme = rng.choice(SCHEMES)
    style = "PER" if rng.random() < 0.15 else "B-PER"
    extra = rng.choice(
        (None, None, None, "id", "pos_tags", "conll", "langs", "text", "spans", "lemmas", "spaces")
    )
    rows = []
    for n, s in enumerate(sentences_of(corpus)):
        row = {keys[0]: list(s.words), keys[1]: tags(s, scheme, style)}
        if extra == "id":
            row = {"id": str(n), **row}
        elif extra == "pos_tags":
            row["pos_tags"] = list(s.pos)
        elif extra == "conll":
            row = {
                "id": str(n),
                "tokens": row.pop(keys[0]),
                "pos_tags": [len(p) for p in s.pos],
                "chunk_tags": [chunk(p) for p in s.pos],
                "ner_tags": row.pop(keys[1]),
            }
        elif extra == "langs":
            row["langs"] = ["en"] * len(s.words)
            row["spans"] = [f"{label}: {' '.join(s.words[a:b])}" for a, b, label in s.entities]
        elif extra == "text":
            row["text"] = " ".join(s.words)
        elif extra == "lemmas":
            row["lemmas"] = list(s.lemmas)
        elif extra == "spaces":
            row["spaces"] = [True] * len(s.words)
        rows.append(row)
    key = "ner_tags" if extra == "conll" else keys[1]
    names: tuple[str, ...] = ()
    if key != "entities" and rng.random() < 0.5:
        names = tuple(dict.fromkeys(["O", *sorted({tag for row in rows for tag in row[key]})]))
        for row in rows:
            row[key] = [names.index(tag) for tag in row[key]]
    corpus_style = style == "PER"
    return rows, (key, *names) if not corpus_style else (key + "\0", *names)


def write_json(corpus: Corpus, rng: random.Random) -> Written:
    """Rows of tokens as JSON: a line each, an array, or printed prettily."""
    rows, (key, *names) = token_rows(corpus, rng)
    documents = alone(corpus, plain=key.endswith("\0"))
    ascii_only = rng.random() < 0.5
    kind = rng.choice(("lines", "lines", "array", "pretty"))
    if kind == "lines":
        text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    else:
        text = json.dumps(rows, ensure_ascii=ascii_only, indent=2 if kind == "pretty" else None) + "\n"
    options = {"label_names": tuple(names)} if names else {}
    return encoded(text, "a" + (".jsonl" if kind == "lines" else ".json"), options, documents, rng)


def write_parquet(corpus: Corpus, rng: random.Random) -> Written:
    """Rows of tokens as Parquet, with ClassLabel's names or strings."""
    rows, (key, *names) = token_rows(corpus, rng)
    documents = alone(corpus, plain=key.endswith("\0"))
    key = key.rstrip("\0")
    table = pyarrow.Table.from_pylist(rows)
    options = {}
    if names and rng.random() < 0.7:
        feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": {key: feature}}})}
        )
    elif names:
        options = {"label_names": tuple(names)}
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, row_group_size=rng.choice((5, 1000)))
    return Written("a.parquet", out.getvalue(), options, documents)


def without_spaces(corpus: Corpus) -> Corpus:
    """The corpus without white space in or as tokens, which no line of tokens can hold."""
    return [[replace_words(s) for s in document] for document in corpus]


def replace_words(sentence: Sentence) -> Sentence:
    """White space as an underscore."""
    words = tuple(
        "".join("_" if c.isspace() or c == "\ufeff" else c for c in word) for word in sentence.words
    )
    return sentence._replace(words=words)
