"""Formats that are not read: how to recognise each, and the way out of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

JSONL = 'write one object a line: {"text": "…", "spans": [{"start": 0, "end": 3, "label": "PER"}]}, `end` exclusive'
COLUMNS = "write a token and its tag a line, with a blank line after each sentence"
TEXT = "save it as plain text or CSV in UTF-8"

MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF", "annotate its text, and export the annotations"),
    (b"{\\rtf", "RTF", TEXT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word or Excel document", TEXT),
    (
        b"SQLite format 3\0",
        "an SQLite database (Prodigy's?)",
        "export it: prodigy db-out, or a SELECT as CSV or JSONL",
    ),
    (
        b"ARROW1",
        "Arrow IPC or Feather",
        "write it as Parquet: pyarrow.parquet.write_table, or Dataset.to_parquet",
    ),
    (b"FEA1", "Feather", "write it as Parquet: pyarrow.parquet.write_table"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "write it as Parquet: Dataset.to_parquet"),
    (b"Obj\x01", "Avro", "write it as JSONL or Parquet"),
    (b"ORC", "ORC", "write it as Parquet"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", "write it as Parquet or JSONL"),
    (b"\x93NUMPY", "a numpy array", "write it as Parquet or JSONL"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name the folder"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it, and name the folder"),
    (b"BZh", "a bzip2 file", "unpack it: bunzip2"),
    (b"\xfd7zXZ\0", "an xz file", "unpack it: unxz"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it: unzstd"),
    (b"\x89PNG", "an image", "name the file of annotations instead"),
    (b"\xff\xd8\xff", "an image", "name the file of annotations instead"),
)
"""What a binary format begins with, its name and the way out."""

MARKUP: tuple[tuple[str, str, str], ...] = (
    (r"<GateDocument\b", "GATE's XML", "export it from GATE as JSON with offsets, and " + JSONL),
    (r"<TEI\b|<teiCorpus\b", "TEI XML", JSONL),
    (
        r"<collection>.*?<document>|BioC\.dtd",
        "BioC XML",
        JSONL + "; BioC's offsets count from the start of the document",
    ),
    (r"<xmi:XMI\b", "UIMA's XMI", "export it from INCEpTION as WebAnno TSV 3 or CoNLL"),
    (r"<source_file\b", "ACE's APF", JSONL + "; APF's `END` is inclusive"),
    (r"<(?:ENAMEX|TIMEX|NUMEX)\b", "MUC's inline SGML", "turn each <ENAMEX TYPE=…> into a span: " + JSONL),
    (r"<FoLiA\b|<NAF\b|<D-Spin\b", "a linguistic XML format", "export it as CoNLL columns"),
    (r"<View\b.*?<Labels?\b", "Label Studio's labelling configuration", "export the project's tasks as JSON"),
    (
        r"\A\s*(?:<!--.*?-->\s*)?<!DOCTYPE html|\A\s*<html\b",
        "HTML",
        "annotate its text without tags: " + JSONL,
    ),
    (r"\A\s*<\?xml\b|\A\s*<!DOCTYPE\b", "XML", JSONL),
)
"""What stands in a file with angle brackets, in the order in which it is looked for."""

LINES: tuple[tuple[str, str, str], ...] = (
    (r"<START:[^>\s]+> .*? <END>", "OpenNLP's name finder format", COLUMNS),
    (
        r"<(?P<tag>PERSON|ORGANIZATION|LOCATION|MISC|PER|ORG|LOC)>[^<>\n]+</(?P=tag)>",
        "inline XML as Stanford NER writes it",
        COLUMNS,
    ),
    (r"\A(?:.*\n)?nlu:\s*\n(?:.*\n)*?\s*- (?:intent|lookup|synonym|regex):", "Rasa's YAML", JSONL),
    (r"^## (?:intent|lookup|synonym|regex):.*\n(?:\s*[-*] )", "Rasa's Markdown", JSONL),
    (
        r"\A\W*File,\s*Line,\s*Begin Offset,\s*End Offset,\s*Type",
        "Amazon Comprehend's CSV",
        JSONL + ", with the text of its `Line`",
    ),
    (r"\A\d+\|[ta]\|", "PubTator", JSONL + ", with title and abstract as one text"),
    (r"\A\W*WebAnno|\A#\s*webanno\.custom", "an old WebAnno TSV", "export it again as WebAnno TSV 3"),
    (
        r"\A(?:\s*#.*\n)*\s*\[entities\]\s*\n",
        "brat's annotation.conf",
        "name the folder of .txt and .ann files",
    ),
    (r"\A%YAML|\A---\s*\n\s*[\w-]+:", "YAML", JSONL),
)
"""What stands in a text file."""

ENDINGS: tuple[tuple[str, str, str], ...] = (
    (
        "dataset_dict.json",
        "the list of splits of a saved Hugging Face dataset",
        "write each: dataset['train'].to_parquet('train.parquet')",
    ),
    (".arrow", "Arrow", "write it as Parquet: Dataset.to_parquet"),
    (".tfrecord", "TFRecord", "write it as JSONL or Parquet"),
    (".pkl", "a pickle", "write it as JSONL or Parquet"),
    (".pickle", "a pickle", "write it as JSONL or Parquet"),
    (".yaml", "YAML", JSONL),
    (".yml", "YAML", JSONL),
    (".toml", "TOML", JSONL),
)
"""What a file's name ends with."""


def recognise_foreign(head: bytes, path: Path) -> str | None:
    """Return what a file that no format recognises seems to be, and the way out; None where nothing is certain.

    head: the first bytes, unpacked.
    """
    for magic, name, remedy in MAGIC:
        if head.startswith(magic):
            return _text(name, remedy)
    if head.startswith(b"PK\x03\x04"):
        return _text(*_zipped(head))
    if re.match(rb"\x80[\x02-\x05]", head) and (b"q\x00" in head or b"\x94" in head or b"\x95" in head):
        return _text("a pickle", "write it as JSONL or Parquet")
    if head[257:262] == b"ustar":
        return _text("a tar archive", "unpack it, and name the folder")
    name = path.name.lower().removesuffix(".gz")
    for ending, what, remedy in ENDINGS:
        if name.endswith(ending):
            return _text(what, remedy)
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\r\n", "\n")
    if text.lstrip()[:1] in ("{", "["):
        return (
            _text("brat's annotation.conf", "name the folder of .txt and .ann files")
            if text.lstrip().startswith("[entities]\n")
            else None
        )
    for pattern, what, remedy in (*MARKUP, *LINES) if "<" in text else LINES:
        if re.search(pattern, text, re.MULTILINE | (re.DOTALL if (pattern, what, remedy) in MARKUP else 0)):
            return _text(what, remedy)
    return None


def _zipped(head: bytes) -> tuple[str, str]:
    """Say what a zip archive holds by the names of its first members."""
    for mark, name, remedy in (
        (b"xl/", "an Excel workbook", "save its sheet as CSV (UTF-8)"),
        (b"word/", "a Word document", TEXT),
        (b"opendocument.spreadsheet", "an OpenDocument spreadsheet", "save its sheet as CSV (UTF-8)"),
        (b"opendocument.text", "an OpenDocument text", TEXT),
        (b"[Content_Types].xml", "an Office document", TEXT),
    ):
        if mark in head:
            return name, remedy
    return "a zip archive", "unpack it, and name the folder"


def _text(name: str, remedy: str) -> str:
    return f"looks like {name}, which is not read: {remedy}"


def _objects(value: Any, *keys: str) -> bool:
    """Tell whether a value is a list whose first item is an object with these keys."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and all(key in value[0] for key in keys)
    )


def _holds(*keys: str) -> Callable[[dict], bool]:
    return lambda row: all(key in row for key in keys)


def _argilla_old(row: dict) -> bool:
    """`annotation` or `prediction`: [["PER", 0, 3]]."""
    lists = [row.get(key) for key in ("annotation", "prediction")]
    return "tokens" in row and any(
        isinstance(one, list)
        and one
        and isinstance(one[0], list)
        and len(one[0]) >= 3
        and isinstance(one[0][0], str)
        for one in lists
    )


def _argilla_new(row: dict) -> bool:
    told = any(isinstance(row.get(key), dict | list) for key in ("responses", "suggestions"))
    return (isinstance(row.get("fields"), dict) and told) or any(
        key.endswith((".responses", ".suggestion")) for key in row
    )


def _ground_truth(row: dict) -> bool:
    """SageMaker Ground Truth's augmented manifest has `source`, a job's annotations and its `…-metadata`."""
    jobs = [key for key in row if f"{key}-metadata" in row]
    return "source" in row and any(isinstance(row[job], dict) and "annotations" in row[job] for job in jobs)


ROWS: tuple[tuple[str, Callable[[dict], bool], str], ...] = (
    (
        "Dataturks' JSON",
        lambda row: "content" in row and _objects(row.get("annotation"), "points"),
        "its `end` is inclusive: add 1 to it, and " + JSONL,
    ),
    ("Argilla's records", _argilla_old, "its `annotation` has the label before start and end: " + JSONL),
    ("Argilla's records", _argilla_new, "take the responses that count, and " + JSONL),
    (
        "UBIAI's JSON",
        lambda row: _objects(row.get("tokens"), "entityLabel"),
        "export it as spaCy or IOB instead, or " + JSONL,
    ),
    ("LightTag's JSON", lambda row: _objects(row.get("examples"), "content"), JSONL),
    ("LightTag's JSON", lambda row: "example_id" in row and _objects(row.get("annotations"), "tag"), JSONL),
    (
        "tagtog's ann.json",
        _holds("annotatable", "entities"),
        "its offsets count within each part: join the parts' texts, and " + JSONL,
    ),
    ("Rasa's JSON", _holds("rasa_nlu_data"), "write each of its `common_examples`: " + JSONL),
    (
        "Amazon Comprehend's output",
        lambda row: _objects(row.get("Entities"), "BeginOffset"),
        "add the text, and " + JSONL,
    ),
    (
        "SageMaker Ground Truth's manifest",
        _ground_truth,
        "write `source` as text and its `startOffset` and `endOffset`: " + JSONL,
    ),
    (
        "spaCy's patterns",
        lambda row: {"label", "pattern"} <= set(row) <= {"label", "pattern", "id"},
        "that is for an entity ruler; name a file of annotated texts",
    ),
    (
        "Google's AutoML or Vertex AI JSON",
        lambda row: "textSegmentAnnotations" in row or "text_snippet" in row or "textSnippet" in row,
        JSONL,
    ),
    ("Azure's Language JSON", _holds("projectFileVersion", "assets"), JSONL),
    (
        "LUIS's JSON",
        _holds("luis_schema_version", "utterances"),
        "its `endPos` is inclusive: add 1 to it, and " + JSONL,
    ),
    (
        "COCO's JSON",
        _holds("images", "annotations", "categories"),
        "that is for images; name a file of annotated texts",
    ),
    (
        "chat messages for fine-tuning",
        lambda row: _objects(row.get("messages"), "role", "content"),
        "that has no annotations; " + JSONL,
    ),
    (
        "prompts for fine-tuning",
        lambda row: {"prompt", "completion"} <= set(row),
        "that has no annotations; " + JSONL,
    ),
    (
        "CoreNLP's JSON",
        lambda row: _objects(row.get("sentences"), "tokens", "index"),
        "ask it for -outputFormat conll, or " + JSONL,
    ),
    (
        "BioC's JSON",
        lambda row: _objects(row.get("passages"), "offset") or _objects(row.get("documents"), "passages"),
        JSONL,
    ),
    (
        "PubAnnotation's JSON",
        lambda row: _objects(row.get("denotations"), "span", "obj"),
        "write its `denotations` as spans: " + JSONL,
    ),
    ("UIMA CAS JSON", _holds("%FEATURE_STRUCTURES"), "export it from INCEpTION as WebAnno TSV 3 or CoNLL"),
    (
        "DocRED's JSON",
        _holds("vertexSet", "sents"),
        "write tokens and tags a sentence: " + '{"tokens": […], "ner_tags": […]}',
    ),
    (
        "sentences as SciERC has them",
        _holds("doc_key", "sentences", "ner"),
        "write tokens and tags a sentence: " + '{"tokens": […], "ner_tags": […]}',
    ),
    (
        "a saved Hugging Face dataset's list of splits",
        lambda row: set(row) == {"splits"},
        "write each split: dataset['train'].to_parquet('train.parquet')",
    ),
    ("a Hugging Face dataset's description", _holds("features", "splits"), "name the file of its data"),
    ("a model's configuration", _holds("id2label", "model_type"), "name a file of annotated texts"),
    (
        "a Label Studio task without annotations",
        lambda row: (
            isinstance(row.get("data"), dict)
            and "predictions" in row
            and "annotations" not in row
            and "completions" not in row
        ),
        "annotate it, and export again",
    ),
)
"""What a JSON row may be: its name, how it is recognised, and the way out."""


def recognise_foreign_row(row: dict) -> str | None:
    """Return what a JSON row that is not read seems to be, and the way out; None where nothing is certain."""
    return next((_text(name, remedy) for name, test, remedy in ROWS if test(row)), None)
