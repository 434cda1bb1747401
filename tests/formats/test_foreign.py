import io
import json
import pickle
import sqlite3
import tarfile
from pathlib import Path

import pyarrow
import pyarrow.feather
import pytest

from scripts.formats.foreign import recognise_foreign, recognise_foreign_row

CONLL = "Ana\tB-PER\nleft\tO\n\n"


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jsonl"))
    return buffer.getvalue()


def arrow(write) -> bytes:
    sink = io.BytesIO()
    write(pyarrow.table({"tokens": [["Ana"]]}), sink)
    return sink.getvalue()


def ipc(table, sink) -> None:
    with pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def stream(table, sink) -> None:
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def sqlite(path: Path) -> bytes:
    with sqlite3.connect(path) as database:
        database.execute("create table example (content blob)")
    database.close()
    return path.read_bytes()


BINARY = {
    "PDF": b"%PDF-1.7\n%\xe2\xe3",
    "RTF": b"{\\rtf1\\ansi Ana left.}",
    "tar": tarred(),
    "Feather": arrow(lambda table, sink: pyarrow.feather.write_feather(table, sink)),
    "Arrow IPC": arrow(ipc),
    "Arrow stream": arrow(stream),
}


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_format_is_recognised(name):
    assert name in recognise_foreign(BINARY[name], Path("a.data"))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value", [[("Ana left.", {"entities": [(0, 3, "PER")]})], {"text": "Ana"}, ["Ana"] * 300]
)
def test_a_pickle_is_recognised(protocol, value):
    assert "a pickle" in recognise_foreign(pickle.dumps(value, protocol), Path("a.data"))


def test_a_database_is_recognised(tmp_path):
    assert "prodigy db-out" in recognise_foreign(sqlite(tmp_path / "prodigy.db"), Path("prodigy.db"))


TEXTS = [
    ("GATE", '<?xml version="1.0"?>\n<GateDocument version="3">'),
    ("TEI", '<TEI xmlns="http://www.tei-c.org/ns/1.0"><text>'),
    ("TEI", '\ufeff<?xml version="1.0"?>\r\n<TEI>'),
    ("BioC", "<collection>\n<source>PubMed</source>\n<document><id>1</id>"),
    ("BioC", '<?xml version="1.0"?><!DOCTYPE collection SYSTEM "BioC.dtd"><collection>'),
    ("XMI", '<?xml version="1.0"?><xmi:XMI xmlns:xmi="http://www.omg.org/XMI">'),
    ("APF", '<?xml version="1.0"?><!DOCTYPE source_file SYSTEM "apf.dtd"><source_file URI="a.sgm">'),
    ("MUC", '<ENAMEX TYPE="PERSON">Ana</ENAMEX> left.'),
    ("MUC", 'Yesterday <ENAMEX TYPE="PERSON">Ana</ENAMEX> left <ENAMEX TYPE="LOCATION">Cork</ENAMEX>.'),
    ("MUC", '<DOC>\n<DOCNO> 1 </DOCNO>\n<TEXT>\n<TIMEX TYPE="DATE">Monday</TIMEX> was dull.\n'),
    ("labelling configuration", '<View>\n  <Labels name="label" toName="text">\n    <Label value="PER"/>'),
    ("HTML", "<!DOCTYPE html>\n<html><body>"),
    ("HTML", "\n<html lang='en'>"),
    ("XML", '<?xml version="1.0" encoding="UTF-8"?>\n<corpus><s>Ana</s></corpus>'),
    ("XML", "<deIdi2b2>\n<TEXT><![CDATA[Ana left.]]></TEXT>"),
    ("XML", '<doc id="1">\n  <s n="1">Ana</s>'),
    ("OpenNLP", "<START:person> Ana <END> left <START:location> Cork <END> .\n"),
    ("OpenNLP", "Then <START:person> Ana Pilar <END> left .\n"),
    ("OpenNLP", "\n\nThen <START:organization> Yipco <END> closed .\n"),
    ("Stanford", "Yesterday, in rain, <PERSON>Ana Pilar</PERSON> left <LOCATION>Cork</LOCATION>.\n"),
    ("Stanford", "<PERSON>Ana</PERSON> left for a day in <LOCATION>Cork</LOCATION>.\n"),
    ("Stanford", "It rained.\nThe firm of old <ORGANIZATION>Yipco</ORGANIZATION> closed.\n"),
    ("Rasa", 'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hi [Ana](person)\n'),
    ("Rasa", "nlu:\n  - intent: greet\n"),
    ("Rasa", "nlu:\n- lookup: city\n"),
    ("Rasa", "## intent:greet\n- hi [Ana](person)\n"),
    ("Rasa", "\n## synonym:Cork\n- cork city\n"),
    ("Rasa", "# training\n## intent:leave\n* I left [Cork](city)\n"),
    ("Comprehend", "File,Line,Begin Offset,End Offset,Type\na.txt,0,0,3,PERSON\n"),
    ("Comprehend", "\ufeffFile, Line, Begin Offset, End Offset, Type\n"),
    ("Comprehend", '"File","Line","Begin Offset","End Offset","Type"\n'.replace('"', "")),
    ("PubTator", "123|t|Ana left\n123|a|She went to Cork.\n123\t0\t3\tAna\tPerson\n"),
    ("YAML", "---\ntext: Ana left\n"),
    ("YAML", "%YAML 1.2\n---\n"),
    ("annotation.conf", "[entities]\nPER\nLOC\n[relations]\n"),
    ("annotation.conf", "# types\n[entities]\nPER\n"),
]


@pytest.mark.parametrize(("name", "text"), TEXTS)
def test_a_text_format_is_recognised(name, text):
    assert name in recognise_foreign(text.encode(), Path("a.data"))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("dataset_dict.json", "splits"),
        ("data-00000.arrow", "Arrow"),
        ("a.tfrecord", "TFRecord"),
        ("a.toml", "TOML"),
    ],
)
def test_a_files_name_tells(file, name):
    assert name in recognise_foreign(b"\x01\x02", Path(file))


@pytest.mark.parametrize(
    "text",
    [
        CONLL,
        "<TEI>\tO\nAna\tB-PER\n",
        "<b> O\nAna B-PER\n</b> O\n",
        "<?xml\tO\nAna\tB-PER\n".replace("<?xml", "<x"),
        "ORC O\nAna B-PER\n",
        "BZh O\n",
        "%PDF O\n",
        "ARROW1 O\n",
        "---\tO\nAna\tB-PER\n",
        "[entities]\tO\n",
        "nlu: O\nAna B-PER\n",
        "<PERSON>Ana</PERSON>\tB-PER\nleft\tO\n",
        "<PER>x</PER> B-PER\n",
        "## intent O\n",
        "1|a|O 2|t|B-PER\n",
        "Ana|B-PER left|O\n",
        "sentence_id,words,labels\n0,Ana,B-PER\n",
        "-DOCSTART- -X- O O\n\nAna NNP B-NP B-PER\n",
        "#begin document (a); part 000\n",
        "T1\tPER 0 3\tAna\n",
        "<START:person>\tO\nAna\tB-PER\n<END>\tO\n",
        "",
    ],
)
def test_what_is_read_is_not_taken_for_something_else(text):
    assert recognise_foreign(text.encode(), Path("train.conll")) is None


ROWS = [
    (
        "inclusive",
        {
            "content": "Ana left",
            "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 2, "text": "Ana"}]}],
            "extras": None,
        },
    ),
    (
        "Argilla",
        {"text": "Ana left", "tokens": ["Ana", "left"], "annotation": [["PER", 0, 3]], "status": "Validated"},
    ),
    (
        "Argilla",
        {
            "text": "Ana left",
            "tokens": ["Ana", "left"],
            "prediction": [["PER", 0, 3, 0.9]],
            "annotation": None,
        },
    ),
    (
        "Argilla",
        {"id": "1", "fields": {"text": "Ana left"}, "responses": [{"values": {"ner": {"value": []}}}]},
    ),
    ("Argilla", {"fields": {"text": "Ana"}, "suggestions": {"ner": []}, "metadata": {}}),
    ("Argilla", {"id": "1", "_server_id": "a", "text": "Ana", "ner.responses": [], "ner.suggestion": None}),
    (
        "UBIAI",
        {
            "document": "Ana left",
            "tokens": [{"text": "Ana", "start": 0, "end": 3, "entityLabel": "PER"}],
            "relations": [],
        },
    ),
    ("LightTag", {"examples": [{"content": "Ana left", "annotations": []}], "schema": {}}),
    (
        "LightTag",
        {"example_id": "1", "content": "Ana", "annotations": [{"start": 0, "end": 3, "tag": "PER"}]},
    ),
    ("tagtog", {"annotatable": {"parts": ["s1p1"]}, "anncomplete": True, "entities": [], "relations": []}),
    ("Rasa", {"rasa_nlu_data": {"common_examples": []}}),
    (
        "Comprehend",
        {"File": "a.txt", "Line": 0, "Entities": [{"BeginOffset": 0, "EndOffset": 3, "Type": "PERSON"}]},
    ),
    (
        "Ground Truth",
        {"source": "Ana left", "job": {"annotations": {"entities": []}}, "job-metadata": {"type": "x"}},
    ),
    ("patterns", {"label": "ORG", "pattern": "Yipco"}),
    ("patterns", {"label": "PER", "pattern": [{"lower": "ana"}], "id": "ana"}),
    ("AutoML", {"annotations": [{"text_extraction": {}}], "text_snippet": {"content": "Ana"}}),
    ("Vertex", {"textContent": "Ana", "textSegmentAnnotations": []}),
    ("Azure", {"projectFileVersion": "2022-05-01", "assets": {"documents": []}}),
    ("LUIS", {"luis_schema_version": "7.0.0", "utterances": []}),
    ("COCO", {"images": [], "annotations": [], "categories": []}),
    ("chat", {"messages": [{"role": "user", "content": "Ana"}]}),
    ("prompts", {"prompt": "Ana left", "completion": "PER: Ana"}),
    ("CoreNLP", {"sentences": [{"index": 0, "tokens": [{"word": "Ana", "ner": "PERSON"}]}]}),
    ("SciERC", {"doc_key": "a", "sentences": [["Ana"]], "ner": [[[0, 0, "PER"]]]}),
    ("BioC", {"source": "PubMed", "documents": [{"id": "1", "passages": []}]}),
    ("BioC", {"id": "1", "passages": [{"offset": 0, "text": "Ana", "annotations": []}]}),
    (
        "PubAnnotation",
        {"text": "Ana", "denotations": [{"id": "T1", "span": {"begin": 0, "end": 3}, "obj": "PER"}]},
    ),
    ("CAS", {"%TYPES": {}, "%FEATURE_STRUCTURES": []}),
    ("DocRED", {"title": "Ana", "sents": [["Ana"]], "vertexSet": []}),
    ("splits", {"splits": ["train", "test"]}),
    ("description", {"features": {}, "splits": {}, "dataset_size": 1}),
    ("state", {"_data_files": [], "_fingerprint": "a"}),
    ("configuration", {"model_type": "bert", "id2label": {"0": "O"}}),
]


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_a_json_row_of_another_tool_is_recognised(name, row):
    assert name in recognise_foreign_row(json.loads(json.dumps(row)))


@pytest.mark.parametrize(
    "row",
    [
        {"text": "Ana left", "spans": [{"start": 0, "end": 3, "label": "PER"}]},
        {
            "text": "Ana left",
            "spans": [],
            "tokens": [{"text": "Ana", "start": 0, "end": 3, "id": 0}],
            "answer": "accept",
        },
        {"text": "Ana left", "spans": [{"start": 0, "end": 3, "label": "PER", "pattern": 3}], "label": "PER"},
        {"id": 1, "text": "Ana left", "label": [[0, 3, "PER"]], "Comments": []},
        {
            "id": 1,
            "text": "Ana left",
            "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3}],
            "relations": [],
        },
        {"text": "Ana", "annotations": [{"label": 1, "start_offset": 0, "end_offset": 3}], "meta": {}},
        {"id": 1, "data": {"text": "Ana"}, "annotations": [{"result": []}], "predictions": []},
        {
            "id": 1,
            "text": "Ana",
            "label": [{"start": 0, "end": 3, "labels": ["PER"]}],
            "annotator": 1,
            "annotation_id": 2,
        },
        {"tokens": ["Ana"], "ner_tags": ["B-PER"]},
        {"tokens": ["Ana"], "tags": [1], "pos_tags": [2], "source": "web"},
        {
            "text": "Ana",
            "ents": [{"start": 0, "end": 3, "label": "PER"}],
            "tokens": [{"id": 0, "start": 0, "end": 3}],
        },
        {"id": 0, "paragraphs": [{"sentences": [{"tokens": [{"orth": "Ana", "ner": "U-PER"}]}]}]},
        {
            "text": "Ana",
            "spans": [],
            "source": "news",
            "fields": ["a"],
            "documents": 3,
            "splits": "train",
            "messages": 4,
        },
        {"text": "Ana", "label": "PER", "pattern": "x", "spans": []},
        {"content": "Ana", "annotation": {"entities": []}},
        {
            "text": "Ana",
            "spans": [],
            "prediction": [],
            "annotation": None,
            "examples": 2,
            "sentences": ["Ana"],
        },
    ],
)
def test_a_row_that_is_read_is_not_taken_for_another_tools(row):
    assert recognise_foreign_row(row) is None
