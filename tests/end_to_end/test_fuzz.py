"""Whatever a raw file holds: it is read, or the error is one for the user; and the ledger balances."""

import gzip
import itertools
import json
import shutil
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow
import pyarrow.parquet
import pytest
import srsly
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from scripts.cli import UserError
from scripts.corpus.ledger import count_docs
from scripts.corpus.shards import read_manifest
from scripts.formats.record import AnnotationError
from scripts.formats.registry import ReadOptions, items, open_file, read_records, records_of
from tests.make import build, read_split, vocab
from tests.samples import SAMPLES

FORMATS = ("json", "columns", "brat", "parquet", "docbin")
ENDINGS = {"json": "json", "columns": "conll", "brat": "ann", "parquet": "parquet", "docbin": "spacy"}
LABELS = st.sampled_from(["PER", "LOC", "", " ", "\u00a0", "B-PER", "É", "a b", "O"])
fuzz = partial(
    settings,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)


@cache
def samples(format):
    """The bytes of each sample of a format; for brat its text and annotations."""
    with TemporaryDirectory() as folder:
        paths = [
            sample.put(Path(folder), f"sample{i}")
            for i, sample in enumerate(SAMPLES)
            if sample.format == format
        ]
        return [
            (path.with_suffix(".txt").read_bytes(), path.read_bytes())
            if format == "brat"
            else path.read_bytes()
            for path in paths
        ]


# what files may hold


@st.composite
def damaged(draw, whole):
    """Bytes with some of them changed, cut out, put in or doubled."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.integers(1, 9) | st.integers(1, len(whole) + 1))
        what = draw(st.sampled_from(["change", "cut", "put", "double", "end"]))
        if what == "change":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif what == "cut":
            del data[at:end]
        elif what == "put":
            data[at:at] = draw(
                st.binary(max_size=9)
                | st.sampled_from(
                    [b"\0", b"\n", b"\r\n", b"\t", b" ", b"\xef\xbb\xbf", b"[", b"{", b'"', b"\xff"]
                )
            )
        elif what == "double":
            data[at:at] = data[at:end]
        else:
            del data[at:]
    return bytes(data)


def any_sample(format):
    return st.sampled_from(samples(format)).flatmap(damaged)


STRINGS = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["Ana went to Cork.", "", " ", "\0", "\ud800", "🎉 Ana", "\r\n"]
)
NUMBERS = (
    st.integers(-3, 30)
    | st.integers()
    | st.floats()
    | st.sampled_from([2**63, 2**64, -(2**63) - 1, 10**400, 1e300])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | STRINGS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(STRINGS | st.sampled_from(["start", "label", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)
OFFSETS = st.integers(-2, 20) | st.integers()
SPANS = (
    st.fixed_dictionaries(
        {"start": OFFSETS, "end": OFFSETS, "label": LABELS},
        optional={"text": STRINGS, "token_start": OFFSETS},
    )
    | st.fixed_dictionaries({"start_offset": OFFSETS, "end_offset": OFFSETS, "label": LABELS})
    | st.fixed_dictionaries({"start": OFFSETS, "end": OFFSETS, "labels": st.lists(LABELS, max_size=2)})
    | st.tuples(OFFSETS, OFFSETS, LABELS)
)
SPAN_LISTS = st.lists(SPANS, max_size=3) | st.lists(SPANS | VALUES, max_size=3)
TASKS = st.fixed_dictionaries(
    {"data": st.fixed_dictionaries({"text": STRINGS}) | VALUES},
    optional={
        "annotations": VALUES
        | st.lists(
            st.fixed_dictionaries(
                {
                    "result": VALUES
                    | st.lists(
                        st.fixed_dictionaries(
                            {"value": SPANS | VALUES, "type": st.just("labels") | VALUES},
                            optional={"from_name": VALUES},
                        ),
                        max_size=3,
                    )
                },
                optional={"was_cancelled": VALUES, "ground_truth": VALUES},
            ),
            max_size=2,
        ),
        "id": VALUES,
        "meta": VALUES,
    },
)
ROWS = (
    st.fixed_dictionaries(
        {"text": STRINGS | VALUES, "spans": SPAN_LISTS | VALUES},
        optional={"id": VALUES, "answer": VALUES, "meta": VALUES, "group": VALUES, "annotator": VALUES},
    )
    | st.fixed_dictionaries({"text": STRINGS, "label": SPAN_LISTS | VALUES}, optional={"id": VALUES})
    | st.fixed_dictionaries(
        {"data": STRINGS, "entities": SPAN_LISTS | VALUES}, optional={"relations": VALUES}
    )
    | TASKS
    | VALUES
)


def deep(depth, key):
    """A row in which one value is a list in a list in a list, and so on."""
    return json.dumps({"text": "Ana", "spans": []})[:-1] + f', "{key}": {"[" * depth}{"]" * depth}}}'


@st.composite
def json_files(draw):
    """Rows of any kind, as lines or as an array, with any escapes."""
    lines = [
        json.dumps(row, ensure_ascii=draw(st.booleans()))
        for row in draw(st.lists(ROWS, min_size=1, max_size=5))
    ]
    if draw(st.integers(0, 9)) == 0:
        keys = st.sampled_from(["text", "spans", "id", "answer", "meta", "group", "data", "label"])
        lines.append(deep(draw(st.sampled_from([900, 1000, 1020, 3000, 100_000])), draw(keys)))
    text = draw(
        st.sampled_from(
            [
                "\n".join(lines),
                "\r\n\n".join(lines),
                f"[{','.join(lines)}]",
                f"[\n{', '.join(lines)}\n]\n",
                f"[{' '.join(lines)}",
            ]
        )
    )
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\n "])) + text.encode("utf-8", "surrogatepass")


TAGS = st.sampled_from(
    [
        "O",
        "B-PER",
        "I-PER",
        "L-PER",
        "U-LOC",
        "E-LOC",
        "S-LOC",
        "I-",
        "B-",
        "B",
        "*",
        "(PER*",
        "*)",
        "(PER)",
        "(PER",
        "((A",
        "_",
        "",
        "1",
    ]
)
TOKENS = st.sampled_from(
    [
        "Ana",
        "went",
        ".",
        '"',
        "’s",
        "l'",
        "-DOCSTART-",
        "#",
        "# x",
        "\u00a0",
        "\u2028",
        "\x0b",
        "",
        "\ufeff",
        "é",
        "\0",
    ]
) | st.text(max_size=5)
MARKED = (
    "-DOCSTART- -X- O O",
    "#begin document (a); part 000",
    "#end document",
    "# newdoc id = a",
    "# sent_id = 1",
    "# global.columns = ID FORM NER MISC",
    "token\ttag",
)


@st.composite
def column_files(draw):
    """Rows with any number of cells, any tags and marks."""
    separator = draw(st.sampled_from(["\t", " ", "  "]))
    width = draw(st.integers(0, 11))
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            lines.append(draw(st.sampled_from(MARKED)))
        elif kind == 1:
            lines.append(draw(st.sampled_from(["", " ", "\t", "\r"])))
        else:
            cells = [draw(TOKENS), *["x"] * (width if kind > 2 else draw(st.integers(0, 12))), draw(TAGS)]
            lines.append(separator.join(cells))
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines).encode("utf-8", "surrogatepass")


@st.composite
def brat_files(draw):
    """A text, and lines that annotate it or claim to."""
    text = draw(
        st.text(max_size=40)
        | st.sampled_from(["Ana went to Cork.\n", "", "Ana\r\nBo\r\n", "\ufeffAna", "Ana\0Bo"])
    )
    number = OFFSETS | st.sampled_from(["", "x", "٣", "²", "0" * 30, "9" * 5000])
    lines = [
        draw(
            st.builds(
                "T{}\t{} {} {}\t{}".format,
                number,
                LABELS,
                number,
                number,
                st.just(text[:3]) | st.text(max_size=5),
            )
            | st.builds(
                "T{}\t{} {} {};{} {}\t{}".format,
                number,
                LABELS,
                number,
                number,
                number,
                number,
                st.text(max_size=5),
            )
            | st.sampled_from(
                [
                    "R1\tLoves Arg1:T1 Arg2:T2",
                    "E1\tMeet:T1",
                    "A1\tOld T1",
                    "#1\tAnnotatorNotes T1\tx",
                    "*\tEquiv T1 T2",
                    "T",
                    "",
                    "\0",
                ]
            )
            | st.text(max_size=20)
        )
        for _ in range(draw(st.integers(0, 5)))
    ]
    return text.encode("utf-8"), draw(st.sampled_from(["\n", "\r\n"])).join(lines).encode("utf-8")


ARRAYS = st.sampled_from(
    [
        pyarrow.array([["Ana", "ran"], ["Bo"], []]),
        pyarrow.array([["Ana", None], None, [""]]),
        pyarrow.array([["\0"], [" "], ["a\nb"]]),
        pyarrow.array([[1, 0], [7], []]),
        pyarrow.array([[1, 0], [-1], None]),
        pyarrow.array([[1.5], [float("nan")], []]),
        pyarrow.array([["B-PER", "O"], ["I-LOC"], []]),
        pyarrow.array([["x", "O"], ["B-"], []]),
        pyarrow.array([[b"Ana", b"\xff"], [b""], []]),
        pyarrow.array([[True, False], [True], []]),
        pyarrow.array([[[1], [0]], [[1]], []]),
        pyarrow.array(["Ana ran", "", "Bo"]),
        pyarrow.array(["Ana ran", None, "\0"]),
        pyarrow.array([b"Ana ran", b"\xff", b"Bo"]),
        pyarrow.StringArray.from_buffers(
            3, pyarrow.py_buffer(b"\0\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0"), pyarrow.py_buffer(b"Ana\xffB")
        ),
        pyarrow.array([1, 2, 3]),
        pyarrow.array([None, None, None]),
        pyarrow.array([2**62, -(2**62), 0], type=pyarrow.timestamp("us")),
        pyarrow.array([[{"start": 0, "end": 3, "label": "PER"}], [], None]),
        pyarrow.array(
            [{"start": [0], "end": [3], "label": ["PER"]}, None, {"start": [], "end": [], "label": []}]
        ),
        pyarrow.array([[{"start": 0, "end": None, "label": "PER"}], [None], []]),
        pyarrow.array(
            [[[("start", 0)]], [], None], type=pyarrow.list_(pyarrow.map_(pyarrow.string(), pyarrow.int64()))
        ),
        pyarrow.array(["Ana", "Bo", "Ana"]).dictionary_encode(),
    ]
)
LIKELY = {
    "tokens": st.just(pyarrow.array([["Ana", "ran"], ["Bo"], []])),
    "ner_tags": st.sampled_from(
        [pyarrow.array([[1, 0], [1], []]), pyarrow.array([["B-PER", "O"], ["I-LOC"], []])]
    ),
    "text": st.just(pyarrow.array(["Ana ran", "", "Bo"])),
    "spans": st.just(pyarrow.array([[{"start": 0, "end": 3, "label": "PER"}], [], []])),
}
OTHER_COLUMNS = st.sampled_from(["id", "group", "meta", "answer", "label", "data", "tags"])
METADATA = st.sampled_from(
    [None, b"", b"[" * 100_000, b"{", b"[]", b"1", b"\xff", b'{"info": 1}', b'{"info": {"features": []}}']
) | st.builds(
    lambda names: json.dumps({"info": {"features": {"ner_tags": {"feature": {"names": names}}}}}).encode(),
    st.lists(LABELS | VALUES, max_size=4) | VALUES,
)


@st.composite
def parquet_files(draw):
    """Columns of known names and any types, with any metadata."""
    names = draw(
        st.lists(
            st.sampled_from(
                ["tokens", "ner_tags", "text", "spans", "id", "group", "meta", "answer", "label"]
            ),
            min_size=1,
            max_size=5,
            unique=True,
        )
    )
    table = pyarrow.table({name: draw(ARRAYS) for name in names})
    metadata = draw(METADATA)
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(
        table if metadata is None else table.replace_schema_metadata({b"huggingface": metadata}),
        sink,
        compression="none",
    )
    whole = sink.getvalue().to_pybytes()
    return draw(damaged(whole)) if draw(st.integers(0, 3)) == 0 else whole


DOCBIN_TOKENS = st.sampled_from(["Ana", "went", ".", "", " ", "\n", "\0", "\u00a0", "a b", "é"])
ATTRIBUTES = st.lists(
    st.sampled_from(["ENT_IOB", "ENT_TYPE", "SENT_START", "LEMMA", "HEAD", "DEP", "ENT_ID"]),
    max_size=4,
    unique=True,
)


@st.composite
def docbin_files(draw):
    """Documents with any tokens and attributes, some numbers of which are changed."""
    docs = []
    for words in draw(st.lists(st.lists(DOCBIN_TOKENS, max_size=5), max_size=3)):
        spaces = draw(st.none() | st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
        ents = draw(
            st.none() | st.just([draw(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC"])) for _ in words])
        )
        with suppress(ValueError):  # tags that spaCy itself refuses
            docs.append(
                Doc(
                    vocab(),
                    words=words,
                    spaces=spaces,
                    ents=ents,
                    user_data=draw(
                        st.just({})
                        | st.sampled_from([{"id": id} for id in ("x", 7, None, 1.5, ["a"], {"a": 1})])
                    ),
                )
            )
    packed = DocBin(
        attrs=draw(ATTRIBUTES | st.just(["ENT_IOB", "ENT_TYPE"])),
        docs=docs,
        store_user_data=draw(st.booleans()),
    )
    known = st.sampled_from(
        [0, 1, 2, 3, 4, 255, 2**63, 2**64 - 1, *(vocab().strings[label] for label in ("PER", "LOC", "Ana"))]
    )
    for table in packed.tokens:
        for _ in range(draw(st.integers(0, 3)) if table.size else 0):
            table[draw(st.integers(0, len(table) - 1)), draw(st.integers(0, table.shape[1] - 1))] = draw(
                known | st.integers(0, 2**64 - 1)
            )
    for label in draw(st.lists(LABELS, max_size=2)):
        packed.strings.add(label)
    return packed.to_bytes()


@st.composite
def docbin_messages(draw):
    """A DocBin's message with other values under its keys, or with damage before it is packed."""
    content = zlib.decompress(draw(st.sampled_from(samples("docbin"))))
    if draw(st.booleans()):
        return zlib.compress(draw(damaged(content)))
    message = srsly.msgpack_loads(content)
    for key in draw(st.lists(st.sampled_from(sorted(message)), min_size=1, max_size=2, unique=True)):
        value = message[key]
        if isinstance(value, bytes):
            message[key] = draw(damaged(value)) if value else b"x"
        elif draw(st.booleans()):
            message[key] = draw(
                st.none()
                | st.booleans()
                | st.integers(-(2**31), 2**31)
                | st.text(max_size=5)
                | st.lists(st.text(max_size=3), max_size=3)
            )
        elif isinstance(value, list) and value:
            at = draw(st.integers(0, len(value) - 1))
            message[key] = (
                value[:at]
                + draw(st.just([]) | st.lists(st.text(max_size=3) | st.integers(-9, 99), max_size=2))
                + value[at + 1 :]
            )
        else:
            message.pop(key)
    return zlib.compress(srsly.msgpack_dumps(message))


MADE = {
    "json": json_files(),
    "columns": column_files(),
    "brat": brat_files(),
    "parquet": parquet_files(),
    "docbin": docbin_files() | docbin_files() | docbin_messages(),
}


def contents(format):
    """What a file of a format may hold: rubbish, a damaged sample, or something made up."""
    rubbish = st.binary(max_size=80) | st.binary(max_size=40).map(gzip.compress)
    if format == "brat":
        pairs = st.sampled_from(samples(format)).flatmap(
            lambda pair: st.tuples(st.just(pair[0]) | damaged(pair[0]), damaged(pair[1]))
        )
        return st.tuples(rubbish, rubbish) | pairs | MADE[format]
    return st.integers(0, 9).flatmap(
        lambda kind: rubbish if kind == 0 else any_sample(format) if kind < 4 else MADE[format]
    )


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "group_by": st.sampled_from(["group", "file", "id", "meta"]),
        "sentences_per_doc": st.integers(0, 2),
        "columns": st.sampled_from(
            ["", "token,tag", "id,form,ner", "tag,token", "a,b", ",", "token,x,misc,ner"]
        ),
        "lang": st.sampled_from(["en", "fr"]),
    },
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "align": st.sampled_from(["strict", "contract", "expand"]),
        "trim": st.booleans(),
        "overlaps": st.sampled_from(["error", "longest", "first"]),
        "max_tokens": st.sampled_from([0, 1, 3]),
    },
)


@pytest.fixture(scope="module")
def fresh_path(tmp_path_factory):
    """Write content to a file whose name no other has: readers may remember a file."""
    folder = tmp_path_factory.mktemp("fuzz")
    numbers = itertools.count()

    def write(format, content):
        path = folder / f"{next(numbers)}.{ENDINGS[format]}"
        if format == "brat":
            path.with_suffix(".txt").write_bytes(content[0])
            content = content[1]
        path.write_bytes(content)
        return path

    yield write
    shutil.rmtree(folder)


@pytest.fixture(scope="module", autouse=True)
def _no_flushing():
    """Leave it to the system when to write: the disk's pace is no concern here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
@fuzz(max_examples=200)
def test_whatever_a_file_holds_it_is_read_or_refused_with_a_reason(fresh_path, format, data):
    path = fresh_path(format, data.draw(contents(format)))
    options = ReadOptions(**data.draw(OPTIONS))
    for name in (format, "auto"):
        with suppress(UserError):
            opened = open_file(path, name, options)
            for item, _ in items(opened, options):
                try:
                    records = records_of(item, opened.format)
                except AnnotationError as error:
                    told = str(error)
                    assert path.with_suffix("").as_posix() in told
                    assert "fault of this reader" not in told
                    continue
                for record in records:
                    assert (
                        record.words is None
                        or "".join(record.words) == record.text.replace(" ", "")
                        or " " in "".join(record.words)
                    )


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
@fuzz(max_examples=50)
def test_whatever_files_hold_the_corpus_is_made_or_refused_with_a_reason(fresh_path, format, data):
    path = fresh_path(format, data.draw(contents(format)))
    name = data.draw(st.sampled_from([format, "auto"]))
    held_out = ("", "") if data.draw(st.integers(0, 3)) == 0 else (path, path)
    corpus = path.with_suffix("") / "corpus"
    with suppress(UserError):
        ledgers = build(
            corpus,
            path,
            *held_out,
            format=name,
            on_error="reject",
            max_reject_rate=1.0,
            **data.draw(OPTIONS),
            **data.draw(CHOICES),
        )
        for split, ledger in ledgers.items():
            ledger.check()
            docs = read_split(corpus, split)
            assert count_docs(docs) == replace(ledger.stages["sharded"], other=Counter())
            assert len(docs) == read_manifest(corpus / split)["documents"]
    shutil.rmtree(corpus, ignore_errors=True)


@pytest.mark.parametrize("key", ["text", "spans", "id", "answer", "meta", "group", "data", "label"])
@pytest.mark.parametrize("depth", [300, 1000, 1020, 5000, 100_000])
@pytest.mark.parametrize("array", [False, True])
def test_values_however_deep_are_read_or_refused_with_a_reason(tmp_path, depth, key, array):
    path = tmp_path / "a.json"
    path.write_text(f"[{deep(depth, key)}]" if array else deep(depth, key), encoding="utf-8")
    with suppress(UserError):
        list(read_records(path))


def docbin_without_its_label() -> bytes:
    packed = DocBin(
        attrs=["ENT_IOB", "ENT_TYPE"], docs=[Doc(vocab(), words=["Ana", "ran"], ents=["B-PER", "O"])]
    )
    packed.tokens[0][0, packed.attrs.index(vocab().strings["ENT_TYPE"])] = 2**63  # of no string
    return packed.to_bytes()


def parquet_with_deep_metadata() -> bytes:
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table({"tokens": [["Ana"]], "ner_tags": [["B-PER"]]})
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": "[" * 100_000}), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("format", "content"),
    [
        (
            "columns",
            lambda: b"# global.columns = ID FORM NER\n1\tBo\tB-PER\n\n1.1\tAna\tO\n",
        ),  # a sentence of an empty node
        ("docbin", docbin_without_its_label),
        ("docbin", lambda: DocBin(docs=[Doc(vocab(), words=[])]).to_bytes()),
        ("parquet", parquet_with_deep_metadata),
    ],
)
def test_what_was_found_by_fuzzing_is_read_or_refused_with_a_reason(tmp_path, format, content):
    path = tmp_path / f"a.{ENDINGS[format]}"
    path.write_bytes(content())
    with suppress(UserError):
        list(read_records(path, format))
