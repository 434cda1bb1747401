"""A corpus with known content, written as many tools could: it is read as it is, or there is an error."""

import json
import os
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin, Span

from scripts.formats.record import AnnotationError
from scripts.formats.registry import ReadOptions, read_records

EXAMPLES = int(os.environ.get("EXPORTS", "300"))
"""How many corpora are drawn for each reader."""
_WORDS = 'Ana left Köln 东京 😀 José U.S. "Bo" a\\b {x} [1] l\'an 3 . PER กรุงเทพ'
WORDS = [*_WORDS.split(), "\u2028", "text"]
LABELS = ["PER", "LOC", "Music Group/Band", "人物", "B-52", "O", "1"]
Content = list[tuple[str, list[tuple[int, int, str]]]]


def a_corpus(draw: random.Random) -> Content:
    """Draw documents: a text, and spans that do not cross."""
    corpus = []
    for _ in range(draw.randint(1, 5)):
        text, spans = "", []
        for _ in range(draw.randint(1, 12)):
            word = draw.choice(WORDS)
            if draw.random() < 0.35:
                spans.append((len(text), len(text) + len(word), draw.choice(LABELS)))
            text += word + draw.choice([" ", " ", " ", "  ", "\n", "\r\n", "\t"])
        corpus.append((text, spans))
    return corpus


def shuffled(draw: random.Random, row: dict) -> dict:
    """Turn the keys of an object around, sometimes."""
    keys = list(row)
    if draw.random() < 0.3:
        draw.shuffle(keys)
    return {key: row[key] for key in keys}


NAMES = [
    ("start", "end"),
    ("start_offset", "end_offset"),
    ("begin", "end"),
    ("startOffset", "endOffset"),
    ("from", "to"),
    ("start_char", "end_char"),
]
NAMES += [
    ("Start", "End"),
    ("start_idx", "end_idx"),
    ("anfang", "ende"),
    ("a", "b"),
    ("first", "last"),
    ("s", "e"),
    ("x1", "x2"),
    ("begin", "stop"),
]
_LABEL_NAMES = "label label type entity tag category labels class entity_group kind ner_type Label name"
LABEL_NAMES = _LABEL_NAMES.split()
UNHEARD = [("a", "b"), ("first", "last"), ("s", "e"), ("x1", "x2")]
"""Beside a label of a name as unheard of, and an empty list of spans, these do not look like offsets."""
_SPAN_FIELDS = "id score text rank user note token_start answer created_at word kb_id"
SPAN_FIELDS = _SPAN_FIELDS.split()


def a_span(
    draw: random.Random,
    names: tuple[str, str],
    label_name: str,
    extra: list[str],
    text: str,
    span: tuple[int, int, str],
) -> dict:
    start, end, label = span
    value = {names[0]: start, names[1]: end, label_name: [label] if label_name == "labels" else label}
    more = {
        "id": draw.randint(0, 99),
        "score": 0.5,
        "text": text[start:end],
        "rank": 0,
        "user": 7,
        "note": None,
        "token_start": 3,
    }
    more |= {"answer": "accept", "created_at": "2024-01-01", "word": text[start:end], "kb_id": ""}
    return shuffled(draw, value | {key: more[key] for key in extra})


def own(draw: random.Random) -> Callable[[str, list], dict]:
    """Spans as objects or lists under some key, at some depth."""
    names = draw.choice(NAMES[:6] if draw.random() < 0.6 else NAMES)
    label_name = draw.choice(LABEL_NAMES[:-5] if names in UNHEARD else LABEL_NAMES)
    extra = draw.sample(SPAN_FIELDS, draw.choice([0, 0, 1, 3]))
    field = draw.choice(
        [
            "spans",
            "entities",
            "label",
            "labels",
            "ents",
            "annotations",
            "ner",
            "mentions",
            "marks",
            "ergebnis",
        ]
    )
    text_field = draw.choice(["text", "text", "text", "content", "sentence", "data", "body"])
    kind = draw.choice(
        [
            "object",
            "object",
            "triple",
            "label first",
            "nested pair",
            "with text",
            "by label",
            "offset and length",
            "pair",
        ]
    )
    above = draw.choice([None, None, None, "annotation", "result", "x"])
    listed = draw.random() < 0.3

    def row(text: str, spans: list) -> dict:
        if kind == "by label":
            value = {label: [[s, e] for s, e, one in spans if one == label] for *_, label in spans}
        else:
            value = [
                {
                    "object": lambda s, e, one: a_span(draw, names, label_name, extra, text, (s, e, one)),
                    "triple": lambda s, e, one: [s, e, one],
                    "label first": lambda s, e, one: [one, s, e],
                    "nested pair": lambda s, e, one: [[s, e], one],
                    "with text": lambda s, e, one: [s, e, one, text[s:e]],
                    "offset and length": lambda s, e, one: {
                        "offset": s,
                        "length": e - s,
                        "category": one,
                        "text": text[s:e],
                    },
                    "pair": lambda s, e, one: {"span": [s, e], "label": one},
                }[kind](*span)
                for span in spans
            ]
        value = {field: value}
        if above is not None:
            value = {above: [value] if listed else value}
        return {text_field: text} | value

    return row


def prodigy(draw: random.Random) -> Callable[[str, list], dict]:
    with_tokens = draw.random() < 0.7

    def row(text: str, spans: list) -> dict:
        edges = sorted({0, len(text), *(edge for span in spans for edge in span[:2])})
        tokens = [
            {"text": text[s:e], "start": s, "end": e, "id": i, "ws": False}
            for i, (s, e) in enumerate(pairwise(edges))
        ]
        number = {token["start"]: token["id"] for token in tokens}
        made = []
        for start, end, label in spans:
            place = {"start": start, "end": end}
            made.append(place | {"token_start": number[start], "token_end": number[start], "label": label})
        return {
            "text": text,
            "_input_hash": 1,
            "_task_hash": 2,
            "spans": made,
            "answer": "accept",
            "_view_id": "ner_manual",
            "_timestamp": 3,
        } | ({"tokens": tokens} if with_tokens else {})

    return row


def label_studio(draw: random.Random) -> Callable[[str, list], dict]:
    name, several, guess = draw.choice(["text", "body", "t"]), draw.random() < 0.3, draw.random() < 0.3
    minimal, control = draw.random() < 0.4, draw.choice(["label", "ner"])

    def row(text: str, spans: list) -> dict:
        regions = [{"start": s, "end": e, "text": text[s:e], "labels": [label]} for s, e, label in spans]
        if minimal:
            return {"text": text, "id": 1, "annotator": 1, "annotation_id": 2, "lead_time": 1.5} | (
                {control: regions} if regions else {}
            )
        results = [
            {"id": str(i), "from_name": control, "to_name": "text", "type": "labels", "value": value}
            for i, value in enumerate(regions)
        ]
        made = {
            "id": 1,
            "completed_by": 1,
            "result": results,
            "was_cancelled": False,
            "ground_truth": False,
            "prediction": {},
        }
        annotations = [made] + ([made | {"id": 2, "completed_by": 2}] if several else [])
        predictions = [{"result": results[:1], "score": 0.5}] if guess else []
        return {
            "id": 1,
            "data": {name: text, "n": 3},
            "annotations": annotations,
            "predictions": predictions,
            "drafts": [],
        }

    return row


def pairs(draw: random.Random) -> Callable[[str, list], list]:
    bare = draw.random() < 0.2
    return lambda text, spans: [
        text,
        [list(span) for span in spans] if bare else {"entities": [list(span) for span in spans]},
    ]


def to_json(draw: random.Random) -> Callable[[str, list], dict]:
    nlp = spacy.blank("xx")

    def row(text: str, spans: list) -> dict:
        doc = nlp.make_doc(text).to_json()
        return doc | {
            "ents": [{"start": s, "end": e, "label": label} for s, e, label in spans],
            "sents": [{"start": 0, "end": len(text)}],
        }

    return row


BESIDE = [
    {"meta": {"source": "x", "page": 3}},
    {"id": None},
    {"url": "https://example.org", "date": "2024-01-01"},
    {"relations": [], "Comments": []},
    {"cats": {"A": 1.0}},
    {"start": 0, "end": 500},
    {"offset_mapping": [[0, 3], [4, 7]]},
    {"sections": [{"start": 0, "end": 3, "type": "title"}]},
    {"scores": [0.1, 0.2], "versions": [1, 2, 3]},
    {"language": "de", "type": "news", "user": 3},
    {"spans": []},
    {"entities": []},
    {"label": None},
]


def written(draw: random.Random, rows: list) -> bytes:
    """Write rows as lines, as an array, one after the other, or under a key."""
    ascii, indent = draw.random() < 0.5, draw.choice([None, 0, 2])
    lines = [json.dumps(row, ensure_ascii=ascii) for row in rows]
    kind = draw.choice(
        [
            "lines",
            "lines",
            "no last end",
            "blank lines",
            "array",
            "pretty",
            "a line an element",
            "stream",
            "held",
            "held, pretty",
        ]
    )
    whole = json.dumps(rows, ensure_ascii=ascii, indent=indent)
    held = {draw.choice(["data", "documents", "train", "annotations", "rows"]): rows}
    text = {
        "lines": "\n".join(lines) + "\n",
        "no last end": "\n".join(lines),
        "blank lines": "\n\n".join(lines) + "\n \n",
        "array": json.dumps(rows, ensure_ascii=ascii),
        "pretty": whole,
        "a line an element": "[" + ",\n".join(lines) + "]",
        "stream": "\n".join(json.dumps(row, ensure_ascii=ascii, indent=2) for row in rows),
        "held": json.dumps({"version": 1} | held if draw.random() < 0.5 else held, ensure_ascii=ascii),
        "held, pretty": json.dumps(held | {"classes": ["PER"]}, ensure_ascii=ascii, indent=2),
    }[kind]
    text = text.replace("\n", draw.choice(["\n", "\n", "\r\n"]))
    return draw.choice([b"", b"", b"\xef\xbb\xbf"]) + text.encode()


def content_of(path: Path) -> Content:
    """Read a file, without what is left out on purpose."""
    records = read_records(path, options=ReadOptions())
    return [
        (record.text, sorted([*record.spans, *(fault.span for fault in record.faults if fault.span)]))
        for record in records
    ]


def differs(corpus: Content, path: Path) -> str | None:
    """Return the error, or None where the content is right; wrong content or a reader's own fault fails."""
    try:
        found = content_of(path)
    except AnnotationError as error:
        message = str(error)
    else:
        assert found == [(text, sorted(spans)) for text, spans in corpus]
        return None
    assert "a fault of this reader" not in message
    assert len(message) < 900
    return message


@pytest.mark.parametrize("tool", [own, prodigy, label_studio, pairs, to_json], ids=lambda tool: tool.__name__)
def test_json_is_read_exactly_or_is_an_error(tmp_path, tool):
    errors = 0
    for seed in range(EXAMPLES):
        draw = random.Random(f"{tool.__name__} {seed}")
        corpus = a_corpus(draw)
        make = tool(draw)
        beside = draw.choice(BESIDE) if draw.random() < 0.5 else {}
        rows = [make(text, spans) for text, spans in corpus]
        rows = [row if isinstance(row, list) else shuffled(draw, {**beside, **row}) for row in rows]
        path = tmp_path / draw.choice(["a.json", "a.jsonl"])
        path.write_bytes(written(draw, rows))
        errors += differs(corpus, path) is not None
    assert errors < EXAMPLES * {own: 0.3, pairs: 0.2}.get(tool, 0.02)


def test_brat_is_read_exactly_or_is_an_error(tmp_path):
    errors = 0
    for seed in range(EXAMPLES):
        draw = random.Random(f"brat {seed}")
        text, spans = a_corpus(draw)[0]
        spans = [(start, end, label.replace(" ", "_")) for start, end, label in spans]
        lines = []
        for number, (start, end, label) in enumerate(spans, start=1):
            quoted = draw.choice(["\t" + " ".join(text[start:end].split("\n"))] * 9 + [""])
            lines.append(f"T{number}\t{label} {start} {end}{quoted}")
        others = [
            "R1\tIn Arg1:T1 Arg2:T2",
            "#1\tAnnotatorNotes T1\tThe note T2",
            "A1\tOld T1",
            "*\tEquiv T1 T2",
            "",
            "E1\tMeet:T1 Who:T2",
        ]
        lines += draw.sample(others, draw.randint(0, 4))
        if draw.random() < 0.5:
            draw.shuffle(lines)
        if draw.random() < 0.1 and lines:
            at = draw.randrange(len(lines))
            lines[at] = draw.choice(
                [
                    " " + lines[at],
                    lines[at].replace("\t", " "),
                    lines[at].replace(" ", "\t"),
                    "X" + lines[at],
                    lines[at].lower(),
                ]
            )
        end = draw.choice(["\n", "\r\n"])
        mark = draw.choice(["", "", "\ufeff"])
        (tmp_path / "a.txt").write_bytes((draw.choice(["", "", "\ufeff"]) + text).encode())
        (tmp_path / "a.ann").write_bytes((mark + end.join(lines) + draw.choice(["", end])).encode())
        errors += differs([(text, spans)], tmp_path / "a.ann") is not None
    assert errors < EXAMPLES * 0.2


def test_a_docbin_is_read_exactly_or_is_an_error(tmp_path):
    nlp = spacy.blank("xx")
    errors = 0
    for seed in range(EXAMPLES):
        draw = random.Random(f"docbin {seed}")
        corpus, docs = [], []
        kind = draw.choice(
            ["ents", "ents", "also as a group", "a group alone", "another group", "twice in a group"]
        )
        for text, places in a_corpus(draw):
            doc = nlp.make_doc(text)
            spans = [doc.char_span(start, end, label) for start, end, label in places]
            spans = [span for span in spans if span is not None]
            doc.ents = [] if kind == "a group alone" else spans
            if kind != "ents":
                doc.spans["sc"] = spans * (2 if kind == "twice in a group" else 1)
            if kind == "another group" and len(doc):
                doc.spans["other"] = [Span(doc, 0, 1, "OTHER")]
            docs.append(doc)
            corpus.append((text, [(span.start_char, span.end_char, span.label_) for span in spans]))
        DocBin(docs=docs, store_user_data=draw.random() < 0.5).to_disk(tmp_path / "a.spacy")
        errors += differs(corpus, tmp_path / "a.spacy") is not None
        if kind == "a group alone" and any(spans for _, spans in corpus):
            records = read_records(tmp_path / "a.spacy", options=ReadOptions(spans_field="sc"))
            assert [(record.text, sorted(record.spans)) for record in records] == [
                (text, sorted(spans)) for text, spans in corpus
            ]
    assert errors < EXAMPLES * 0.5
