"""Formats that are not read: how to recognise each, and the way out of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.formats.raw_file import OFFICE, OFFICE_REMEDY

JSONL = 'write {"text": "…", "spans": [{"start": 0, "end": 3, "label": "PER"}]} a line, `end` exclusive'
COLUMNS = "write a token and its tag a line, with a blank line after each sentence"
SPLIT_FILES = "write each: dataset['train'].to_parquet('train.parquet')"
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
        b"ARROW1\0\0",
        "Arrow IPC or Feather",
        "write it as Parquet: pyarrow.parquet.write_table, or Dataset.to_parquet",
    ),
    (b"FEA1\0\0\0\0", "Feather", "write it as Parquet: pyarrow.parquet.write_table"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "write it as Parquet: Dataset.to_parquet"),
    (b"Obj\x01", "Avro", "write it as JSONL or Parquet"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", "write it as Parquet or JSONL"),
    (b"\x93NUMPY", "a numpy array", "write it as Parquet or JSONL"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name the folder"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it, and name the folder"),
    (b"BZh91AY&SY", "a bzip2 file", "unpack it: bunzip2"),
    (b"\xfd7zXZ\0", "an xz file", "unpack it: unxz"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it: unzstd"),
    (b"\x89PNG", "an image", "name the file of annotations instead"),
    (b"\xff\xd8\xff", "an image", "name the file of annotations instead"),
)
"""What a binary format begins with, its name and the way out."""

MUC = (r"<(?:ENAMEX|TIMEX|NUMEX) TYPE=", "MUC's inline SGML", "turn each element into a span: " + JSONL)
MARKUP: tuple[tuple[str, str, str], ...] = (
    (r"<GateDocument\b", "GATE's XML", "export it from GATE as JSON with offsets, and " + JSONL),
    MUC,
    (r"<TEI\b|<teiCorpus\b", "TEI XML", JSONL),
    (
        r"<collection>.*?<document>|BioC\.dtd",
        "BioC XML",
        JSONL + "; BioC's offsets count from the start of the document",
    ),
    (r"<xmi:XMI\b", "UIMA's XMI", "export it from INCEpTION as WebAnno TSV 3 or CoNLL"),
    (r"<source_file\b", "ACE's APF", JSONL + "; APF's `END` is inclusive"),
    (r"<FoLiA\b|<NAF\b|<D-Spin\b", "a linguistic XML format", "export it as CoNLL columns"),
    (r"<View\b.*?<Labels?\b", "Label Studio's labelling configuration", "export the project's tasks as JSON"),
    (
        r"\A\s*(?:<!--.*?-->\s*)?<!DOCTYPE html|\A\s*<html\b",
        "HTML",
        "annotate its text without tags: " + JSONL,
    ),
    (r"\A\s*<\?xml\b|\A\s*<!DOCTYPE\b", "XML", JSONL),
    (r'\A\s*<[A-Za-z][\w:.-]*(?: [\w:.-]+="[^"]*")*>\s*<[A-Za-z]', "XML", JSONL),
)
"""What stands in a file that begins with an angle bracket, in the order in which it is looked for."""

COLUMNS_ROW = re.compile(r"\s*\S+[ \t]+[^\s<>=\"]+\s*\n")
"""A first token `<b>` with its tag."""
LINES: tuple[tuple[str, str, str], ...] = (
    MUC,
    (r"<START:[^>\s]+> .*? <END>", "OpenNLP's name finder format", COLUMNS),
    (
        r"^(?=(?:\S+ ){3})[^\t\n]*<(?P<tag>PERSON|ORGANIZATION|LOCATION|MISC|PER|ORG)>[^<>\t\n]+</(?P=tag)>",
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
    (r"\A(\d+)\|t\|.*\n\1\|a\|", "PubTator", JSONL + ", with title and abstract as one text"),
    (r"\A\W*WebAnno|\A#\s*webanno\.custom", "an old WebAnno TSV", "export it again as WebAnno TSV 3"),
    (
        r"\A(?:\s*#.*\n)*\s*\[entities\]\s*\n",
        "brat's annotation.conf",
        "name the folder of .txt and .ann files",
    ),
    (r"\A%YAML|\A---\s*\n\s*[\w-]+:", "YAML", JSONL),
)
"""What stands in a text file, line by line."""

ENDINGS: tuple[tuple[str, str, str], ...] = (
    (
        "dataset_dict.json",
        "the list of splits of a saved Hugging Face dataset",
        SPLIT_FILES,
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
    """Say what a file that no format recognises is, and the way out; None where that is not certain.

    head: the first bytes, unpacked.
    """
    for magic, name, remedy in MAGIC:
        if head.startswith(magic):
            return _text(name, remedy)
    if re.match(rb"\x80[\x02-\x05][\x95})\](cX]", head):
        return _text("a pickle", "write it as JSONL or Parquet")
    if head[257:262] == b"ustar":
        return _text("a tar archive", "unpack it, and name the folder")
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\r\n", "\n")
    if text.lstrip().startswith("<") and not COLUMNS_ROW.match(text):
        for pattern, what, remedy in MARKUP:
            if re.search(pattern, text, re.DOTALL):
                return _text(what, remedy)
    for pattern, what, remedy in LINES:
        if re.search(pattern, text, re.MULTILINE):
            return _text(what, remedy)
    name = path.name.lower().removesuffix(".gz")
    for ending, what, remedy in ENDINGS:
        if name.endswith(ending):
            return _text(what, remedy)
    return None


def foreign_formats() -> dict[str, list[str]]:
    """Return the names of all that is recognised and not read, by the way out, in alphabetical order."""
    tables = ((name, remedy) for table in (MAGIC, MARKUP, LINES, ENDINGS) for _, name, remedy in table)
    office = ((what, OFFICE_REMEDY) for what in OFFICE.values())
    rows = ((name, remedy) for kinds in ROWS.values() for name, _, remedy in kinds)
    found: dict[str, set[str]] = {}
    for name, remedy in (*tables, *office, *rows):
        found.setdefault(remedy, set()).add(name)
    return {remedy: sorted(names, key=str.casefold) for remedy, names in sorted(found.items())}


def _text(name: str, remedy: str) -> str:
    return f"looks like {name}, which is not read: {remedy}"


Test = Callable[[dict], bool]


def _is_list_of(value: Any, *keys: str) -> bool:
    """Tell whether a value is a list whose first item is an object with these keys."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and all(key in first for key in keys)


def _objects(key: str, *inner: str) -> Test:
    return lambda row: _is_list_of(row.get(key), *inner)


def _holds(*keys: str) -> Test:
    return lambda row: all(key in row for key in keys)


def _alone(row: dict) -> bool:
    return len(row) == 1 and isinstance(row["splits"], list)


def _patterns(row: dict) -> bool:
    return {"label", "pattern"} <= set(row) <= {"label", "pattern", "id"}


def _dataturks(row: dict) -> bool:
    return "content" in row and _is_list_of(row["annotation"], "points")


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
    return isinstance(row["fields"], dict) and told


def _argilla_table(row: dict) -> bool:
    return any(key.endswith((".responses", ".suggestion")) for key in row)


def _ground_truth(row: dict) -> bool:
    """SageMaker Ground Truth's augmented manifest has `source`, a job's annotations and its `…-metadata`."""
    jobs = [key for key in row if f"{key}-metadata" in row]
    return "source" in row and any(isinstance(row[job], dict) and "annotations" in row[job] for job in jobs)


SENTENCES = 'write tokens and tags a sentence: {"tokens": ["…"], "ner_tags": ["B-PER"]}'
NOT_ANNOTATED = "it has no annotated texts; name a file that has"

ROWS: dict[str, tuple[tuple[str, Test, str], ...]] = {
    "annotation": (
        ("Dataturks' JSON", _dataturks, "its `end` is inclusive: add 1 to it, and " + JSONL),
        ("Argilla's records", _argilla_old, "its `annotation` has the label first: " + JSONL),
    ),
    "prediction": (("Argilla's records", _argilla_old, "nobody has annotated them; " + JSONL),),
    "fields": (("Argilla's records", _argilla_new, "take the responses that count, and " + JSONL),),
    "_server_id": (("Argilla's records", _argilla_table, "take the responses that count, and " + JSONL),),
    "tokens": (
        ("UBIAI's JSON", _objects("tokens", "entityLabel"), "export it as spaCy or IOB, or " + JSONL),
    ),
    "examples": (("LightTag's JSON", _objects("examples", "content"), JSONL),),
    "example_id": (("LightTag's JSON", _objects("annotations", "tag"), JSONL),),
    "annotatable": (
        ("tagtog's ann.json", _holds("entities"), "its offsets count within each part: " + JSONL),
    ),
    "rasa_nlu_data": (("Rasa's JSON", _holds(), "write each of its `common_examples`: " + JSONL),),
    "Entities": (
        ("Amazon Comprehend's output", _objects("Entities", "BeginOffset"), "add the text: " + JSONL),
    ),
    "source": (("SageMaker Ground Truth's manifest", _ground_truth, "write `source` as text: " + JSONL),),
    "pattern": (("spaCy's patterns", _patterns, "they are for an entity ruler; " + NOT_ANNOTATED),),
    "textSegmentAnnotations": (("Vertex AI's JSON", _holds(), JSONL),),
    "text_snippet": (("AutoML's JSON", _holds(), JSONL),),
    "textSnippet": (("AutoML's JSON", _holds(), JSONL),),
    "projectFileVersion": (("Azure's Language JSON", _holds("assets"), JSONL),),
    "luis_schema_version": (
        ("LUIS's JSON", _holds("utterances"), "its `endPos` is inclusive: add 1 to it, and " + JSONL),
    ),
    "images": (("COCO's JSON", _holds("annotations", "categories"), "it is for images; " + NOT_ANNOTATED),),
    "messages": (("chat messages", _objects("messages", "role", "content"), NOT_ANNOTATED),),
    "completion": (("prompts for a language model", _holds("prompt"), NOT_ANNOTATED),),
    "sentences": (
        ("CoreNLP's JSON", _objects("sentences", "tokens", "index"), "ask CoreNLP for -outputFormat conll"),
        ("sentences as SciERC has them", _holds("doc_key", "ner"), SENTENCES),
    ),
    "passages": (("BioC's JSON", _objects("passages", "offset"), JSONL),),
    "documents": (("BioC's JSON", _objects("documents", "passages"), JSONL),),
    "denotations": (("PubAnnotation's JSON", _objects("denotations", "span", "obj"), JSONL),),
    "%FEATURE_STRUCTURES": (("UIMA CAS JSON", _holds(), "export WebAnno TSV 3 or CoNLL from INCEpTION"),),
    "vertexSet": (("DocRED's JSON", _holds("sents"), SENTENCES),),
    "splits": (
        ("a saved Hugging Face dataset's list of splits", _alone, SPLIT_FILES),
        ("a Hugging Face dataset's description", _holds("features"), "name the file of its data"),
    ),
    "_data_files": (("a saved Hugging Face dataset's state", _holds("_fingerprint"), SPLIT_FILES),),
    "model_type": (("a model's configuration", _holds("id2label"), NOT_ANNOTATED),),
}
"""What a JSON row that has some key may be: its name, how it is told, and the way out."""


def recognise_foreign_row(row: dict) -> str | None:
    """Return what a JSON row that is not read seems to be, and the way out; None where nothing is certain."""
    for key in row:
        for name, test, remedy in ROWS.get(key, ()):
            if test(row):
                return _text(name, remedy)
    return None
