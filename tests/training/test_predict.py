"""Texts predicted by a command: what is written, that it goes on where it was stopped, and what it refuses."""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy
import pyarrow.parquet
import pytest
import spacy
import torch
from spacy.tokens import DocBin

from scripts.cli import UserError
from scripts.corpus.texts import TEXTS
from scripts.formats.record import AnnotationError
from scripts.training import predict as module
from scripts.training.device import set_threads
from scripts.training.fast.transformer import PackedLinear
from scripts.training.predict import (
    LOADED,
    Options,
    load,
    needs_torch,
    predict,
    predict_chunk,
    predict_files,
    speed_up,
)
from tests.make import contents
from tests.runs import kept_ops, small_pipeline
from tests.tiny import hearing, make_transformer, transformer_pipeline

COUNT = 2 * TEXTS + 30


def entities(doc) -> list[tuple]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model-best"
    with kept_ops():
        small_pipeline().to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "a.jsonl"
    rows = ({"id": i, "text": f"Ana{i} saw New York – 😀 on day {i}."} for i in range(COUNT))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def fresh_load():
    """No pipeline is loaded before or after a test; threads then change as they did before, and BLAS has as
    many as before, also where a thread of its own had set them.
    """
    LOADED.clear()
    interval = sys.getswitchinterval()
    yield
    set_threads(torch.get_num_threads())
    sys.setswitchinterval(interval)
    LOADED.clear()


def run(names, output: Path, model: Path, *, workers: int = 1, restart: bool = False, **options) -> Counter:
    given = Options(model, **options)
    return predict_files([str(name) for name in names], output, given, workers=workers, restart=restart)


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def expected(model: Path, texts: Path) -> list[list[tuple]]:
    return [entities(doc) for doc in spacy.load(model).pipe(row["text"] for row in rows(texts))]


def test_rows_keep_their_keys_and_get_spacys_entities_in_order(tmp_path, model, texts):
    count = run([texts], tmp_path / "out.jsonl", model)
    found = rows(tmp_path / "out.jsonl")
    assert count["texts"] == COUNT
    assert [row["id"] for row in found] == list(range(COUNT))
    spans = [[(one["start"], one["end"], one["label"]) for one in row["spans"]] for row in found]
    assert spans == expected(model, texts)
    assert any(spans)
    assert list(tmp_path.iterdir()) == [tmp_path / "out.jsonl"]


def test_the_text_that_was_predicted_is_the_rows_text(tmp_path, model):
    (tmp_path / "a.jsonl").write_text('{"text": "another", "body": "Ana left."}', encoding="utf-8")
    run([tmp_path / "a.jsonl"], tmp_path / "out.jsonl", model, text_key="body")
    assert rows(tmp_path / "out.jsonl")[0]["text"] == "Ana left."


def test_every_kind_of_output_holds_the_same_entities(tmp_path, model, texts):
    right = expected(model, texts)
    for name in ("out.parquet", "out.conll", "out"):
        run([texts], tmp_path / name, model)
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [[tuple(span.values()) for span in row["spans"]] for row in table] == right
    vocab = spacy.blank("en").vocab
    docs = [
        doc
        for path in sorted((tmp_path / "out").iterdir())
        for doc in DocBin(store_user_data=True).from_disk(path).get_docs(vocab)
    ]
    assert [entities(doc) for doc in docs] == right
    assert docs[-1].user_data["id"] == str(COUNT - 1)
    lines = (tmp_path / "out.conll").read_text(encoding="utf-8").splitlines()
    assert sum("\tB-" in line for line in lines) == sum(map(len, right))


@pytest.fixture
def done(monkeypatch) -> list[int]:
    """The chunks that are predicted; the one of number `done.stops` is interrupted."""

    class Numbers(list):
        stops = -1

    numbers = Numbers()

    def watched(options, texts, part, position):
        if int(part.stem) == numbers.stops:
            raise KeyboardInterrupt
        numbers.append(int(part.stem))
        return predict_chunk(options, texts, part, position)

    monkeypatch.setattr(module, "predict_chunk", watched)
    return numbers


@pytest.fixture
def stopped(tmp_path, model, texts, done) -> Path:
    """An output of which the first chunk is done."""
    done.stops = 1
    with pytest.raises(KeyboardInterrupt):
        run([texts], tmp_path / "out.jsonl", model)
    done.stops = -1
    assert not (tmp_path / "out.jsonl").exists()
    return tmp_path / "out.jsonl"


def test_a_run_that_was_stopped_goes_on_and_does_nothing_twice(model, texts, done, stopped):
    run([texts], stopped, model)
    assert done == [*range(9)]
    assert list(stopped.parent.iterdir()) == [stopped]
    run([texts], stopped.with_name("whole.jsonl"), model)
    assert stopped.read_bytes() == stopped.with_name("whole.jsonl").read_bytes()


def test_a_run_does_not_go_on_with_other_texts_options_or_model(tmp_path, model, texts, stopped):
    lines = texts.read_text(encoding="utf-8").splitlines(keepends=True)
    texts = tmp_path / "a.jsonl"
    for changed in (["{}\n", *lines], lines[:10]):
        texts.write_text("".join(changed), encoding="utf-8")
        with pytest.raises(UserError, match="is of other texts; add --restart"):
            run([texts], stopped, model)
    with pytest.raises(UserError, match="is of other rejects, texts; add --restart"):
        run([texts], stopped, model, rejects=True)
    (model / "further").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="is of other model, texts; add --restart"):
        run([texts], stopped, model)
    (model / "further").unlink()
    run([texts], stopped, model, restart=True)
    assert len(rows(stopped)) == 10


def test_a_run_whose_output_is_complete_ends_at_once(tmp_path, model, texts, done, stopped):
    parts = stopped.with_name(f".{stopped.name}.parts")
    stopped.write_text("complete", encoding="utf-8")  # killed between the last two things that it does
    run([texts], stopped, model)
    assert stopped.read_text(encoding="utf-8") == "complete"
    assert not parts.exists()
    assert done == [0]


@pytest.mark.slow
def test_several_processes_write_the_same_bytes(tmp_path, model, texts):
    for workers in (1, 2):
        run([texts], tmp_path / f"{workers}.jsonl", model, workers=workers)
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()


def test_threads_share_a_transformers_weights_and_write_the_same_bytes(tmp_path, texts):
    with kept_ops():
        folder = tmp_path / "model-best"
        transformer_pipeline(make_transformer("bert", tmp_path)).to_disk(folder)
        for workers in (1, 3):
            run([texts], tmp_path / f"{workers}.jsonl", folder, workers=workers)
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "3.jsonl").read_bytes()
    first, *others = LOADED[folder, -1, "fp32"].values()
    assert others
    for nlp in others:
        both = (each.get_pipe("transformer").model.transformer.modules() for each in (first, nlp))
        weighted = (pair for pair in zip(*both, strict=True) if hasattr(pair[0], "weight"))
        assert {one is other for one, other in weighted} == {True}


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_a_transformer_that_was_sped_up_finds_the_same_and_can_be_saved(tmp_path, kind):
    texts = ["Ana saw New York.", "", "Bo " * 300, "Cork"]
    with kept_ops():
        nlp = transformer_pipeline(make_transformer(kind, tmp_path))
        nlp.to_disk(tmp_path / "stock")
        stock, fast = (spacy.load(tmp_path / "stock") for _ in range(2))
        speed_up(fast).to_disk(tmp_path / "saved")
        expected = [entities(doc) for doc in stock.pipe(texts)]
        assert [entities(doc) for doc in fast.pipe(texts)] == expected
        saved = spacy.load(tmp_path / "saved")
        assert [entities(doc) for doc in saved.pipe(texts)] == expected
    modules = [own.get_pipe("transformer").model.transformer for own in (fast, saved, stock)]
    assert any(type(layer) is PackedLinear for layer in modules[0].modules())
    pairs = zip(*(module.state_dict().items() for module in modules[1:]), strict=True)
    assert all(name == own and torch.equal(one, other) for (name, one), (own, other) in pairs)


def test_in_bf16_a_transformers_vectors_are_about_the_same(tmp_path):
    texts = ["Ana saw New York.", "Bo " * 300]
    with kept_ops():
        transformer_pipeline(make_transformer("bert", tmp_path)).to_disk(tmp_path / "stock")
        exact, rounded = (
            speed_up(spacy.load(tmp_path / "stock"), precision=precision) for precision in ("fp32", "bf16")
        )
        found = [hearing(nlp)[0].predict([*map(nlp.make_doc, texts)]) for nlp in (exact, rounded)]
    difference = max(abs(one - other).max() for one, other in zip(*found, strict=True))
    assert 0 < difference < 0.05


def test_an_output_that_is_there_is_never_written_over_unasked(tmp_path, model, texts):
    (tmp_path / "out.jsonl").write_text("mine", encoding="utf-8")
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="is there already; add --restart"):
        run([texts], tmp_path / "out.jsonl", model)
    for restart in (False, True):
        with pytest.raises(UserError, match="is there already; delete it"):
            run([texts], tmp_path / "out", model, restart=restart)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.jsonl"}


def test_texts_that_cannot_be_read_stop_the_run_or_are_rejected(tmp_path, model):
    texts = tmp_path / "a.jsonl"
    texts.write_text('{"text": "Ana left."}\n{"text": 3}\n{"text": "Bo left."}\n', encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"a\.jsonl:2: has no text"):
        run([texts], tmp_path / "out.jsonl", model)
    count = run([texts], tmp_path / "other.jsonl", model, rejects=True)
    assert count["rejected"] == 1
    assert [row["text"] for row in rows(tmp_path / "other.jsonl")] == ["Ana left.", "Bo left."]
    (reject,) = rows(tmp_path / "other.rejects.jsonl")
    assert reject["source"] == f"{texts.as_posix()}:2"


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_no_text_at_all_is_an_error(tmp_path, model, content):
    (tmp_path / "a.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="no text is in it"):
        run([tmp_path / "a.jsonl"], tmp_path / "out.jsonl", model)


def test_long_texts_are_put_together_again(model):
    nlp = load(model, -1, "fp32")
    nlp.max_length = 60
    text = "Ana saw New York 😀.\n\nBo went to  Cork. " * 20
    (doc,) = predict(nlp, [text])
    assert doc.text == text
    found = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    parts = list(module.cut(text, 60))
    shifted, at = [], 0
    for part in parts:
        shifted += [(at + start, at + end, label) for start, end, label in entities(nlp(part))]
        at += len(part)
    assert found == shifted


def test_vectors_are_read_from_the_file(tmp_path):
    with kept_ops():
        nlp = small_pipeline()
        nlp.vocab.set_vector("Ana", numpy.ones(4, dtype="float32"))
        nlp.to_disk(tmp_path / "model")
        vectors = load(tmp_path / "model", -1, "fp32").vocab.vectors
    assert isinstance(vectors.data, numpy.memmap)
    assert vectors["Ana"].tolist() == [1.0] * 4


def test_a_pipeline_that_cannot_be_loaded_is_one_line(tmp_path, model):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.cfg").write_text("[nlp]\n", encoding="utf-8")
    with pytest.raises(UserError, match="model: cannot be loaded"):
        load(folder, -1, "fp32")


def test_only_pipelines_of_spacys_own_layers_do_without_torch(tmp_path, model):
    assert not needs_torch(model)
    for factory in ("transformer", "my_own"):
        (tmp_path / "config.cfg").write_text(f'factory = "{factory}"\n', encoding="utf-8")
        assert needs_torch(tmp_path)


def test_a_pipeline_that_was_sped_up_finds_the_same_and_can_be_saved(tmp_path, model):
    texts = ["Ana saw New York.", "", "Bo " * 300, "Cork"]
    stock, fast = spacy.load(model), speed_up(spacy.load(model))
    assert [entities(doc) for doc in fast.pipe(texts)] == [entities(doc) for doc in stock.pipe(texts)]
    assert entities(fast(texts[0])) == entities(stock(texts[0]))
    fast.to_disk(tmp_path / "saved")
    assert contents(tmp_path / "saved").keys() == contents(model).keys()
    assert entities(spacy.load(tmp_path / "saved")(texts[0])) == entities(stock(texts[0]))
