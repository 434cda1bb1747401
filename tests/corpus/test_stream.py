"""Training data that is streamed is the training data, in an order of its own."""

import json
import os
import random
import subprocess
import sys
from itertools import chain, groupby, islice, takewhile

import pytest
import spacy
from spacy.tokens import DocBin, Span
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches
from spacy.util import import_file, load_config, registry, resolve_dot_names

from scripts import configure
from scripts.checks.config_checks import streaming as streaming_check
from scripts.checks.training_config import ConfigFile, TrainingConfig
from scripts.cli import UserError
from scripts.corpus import stream
from scripts.corpus.shards import LABELS, MANIFEST, ShardError
from scripts.corpus.stream import HELD, ShardStream, find_shards
from scripts.training import configs
from scripts.training.configs import Settings, Stream, Variant
from tests.closure import ROOT
from tests.drawn import ALL_ATTRS, any_doc, examined, sound_doc, write, write_config
from tests.make import make_corpus
from tests.runs import config_for

OWN = ROOT / "scripts" / "training" / "stream.py"


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def folder(tmp_path, nlp):
    """Twelve files of ten documents, some of them empty."""
    draw = random.Random(1)
    for i in range(12):
        write(tmp_path / "data" / f"{i:02d}.spacy", [any_doc(draw, nlp.vocab) for _ in range(10)], ALL_ATTRS)
    return tmp_path / "data"


def places(refs):
    return [(ref.shard, ref.index, len(ref)) for ref in refs]


def seen(examples):
    """What can be told of examples, in order."""
    return [
        (
            example.predicted.text,
            [token.text for token in example.predicted],
            example.predicted.to_array(["ORTH", "SPACY"]).tolist(),
            example.reference.to_bytes(exclude=["tensor"]),
            [
                (span.start, span.end, span.label_)
                for spans in example.reference.spans.values()
                for span in spans
            ],
        )
        for example in examples
    ]


def test_an_epoch_has_every_document_once_in_an_order_of_its_own(folder):
    reader = ShardStream(folder)
    files = places(ShardStream(folder, shuffle=False).order(0))
    first, second = places(reader.order(0)), places(reader.order(1))
    assert files == sorted(first) == sorted(second) == sorted(files)
    assert len({str(files), str(first), str(second), str(places(ShardStream(folder, seed=1).order(0)))}) == 4
    assert places(ShardStream(folder).order(1)) == second


def test_the_order_is_the_same_on_every_machine(folder):
    assert [(ref.shard, ref.index) for ref in islice(ShardStream(folder, seed=3).order(2), 6)] == [
        (4, 2),
        (5, 7),
        (3, 1),
        (9, 9),
        (2, 9),
        (5, 4),
    ]


def test_documents_are_mixed_in_windows_of_shards(folder, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW", 3)
    refs = list(ShardStream(folder).order(0))
    windows = ShardStream(folder)._windows(0)
    assert [len(window) for window in windows] == [3, 3, 3, 3]
    assert sorted(chain(*windows)) == list(range(12))
    window_of = {shard: i for i, window in enumerate(windows) for shard in window}
    assert len(list(groupby(refs, key=lambda ref: window_of[ref.shard]))) == 4
    assert len(list(groupby(refs, key=lambda ref: ref.shard))) > 2 * 12
    monkeypatch.setattr(stream, "TOKENS", 1)
    assert [len(group) for group in ShardStream(folder)._windows(0)] == [1] * 12


def test_examples_are_those_of_spacys_corpus(folder, nlp):
    assert seen(ShardStream(folder, shuffle=False)(nlp)) == seen(Corpus(folder)(nlp))
    shuffled = ShardStream(folder)
    assert sorted(seen(shuffled(nlp)), key=str) == sorted(seen(Corpus(folder)(nlp)), key=str)
    assert shuffled.calls == 1


def test_spans_categories_and_user_data_come_with_a_document(tmp_path, nlp):
    doc = nlp("She saw Cork again")
    doc.spans["places"] = [Span(doc, 2, 3, label="A_LABEL_OF_SPANS_ALONE")]
    doc.cats, doc.user_data = {"travel": 1.0}, {"id": "a"}
    DocBin(docs=[doc, nlp("And left")], store_user_data=True).to_disk(tmp_path / "a.spacy")
    fresh = spacy.blank("en")
    first, second = ShardStream(tmp_path / "a.spacy", shuffle=False)(fresh)
    assert [span.label_ for span in first.reference.spans["places"]] == ["A_LABEL_OF_SPANS_ALONE"]
    assert (first.reference.cats, first.reference.user_data["id"], len(second.reference.spans)) == (
        {"travel": 1.0},
        "a",
        0,
    )


def test_a_part_of_the_documents_can_be_loaded_and_gives_the_same_examples(folder, nlp, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW", 2)
    whole, part = ShardStream(folder), ShardStream(folder)
    assert (
        seen(part.load(islice(part.order(4), 3, None, 4), nlp)) == seen(whole.load(whole.order(4), nlp))[3::4]
    )
    again = list(islice(part.order(4), 5))
    assert seen(part.load(again + again, nlp)) == 2 * seen(whole.load(again, nlp))


def test_few_shards_are_in_memory_whatever_is_loaded(folder, nlp, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW", 2)
    reader = ShardStream(folder)
    for step in (1, 2):
        held = [len(reader._held) for _ in reader.load(islice(reader.order(step), 0, None, step), nlp)]
        assert max(held) == HELD * 2
    monkeypatch.setattr(stream, "TOKENS", 50)
    most = max(int(reader.lengths[shard].sum()) for shard in range(12))
    for _ in reader.load(reader.order(3), nlp):
        assert sum(len(shard.tokens) for shard in reader._held.values()) <= max(HELD * 50, most)


def test_words_are_forgotten_where_a_memory_zone_ends(tmp_path, nlp):
    write(tmp_path / "a.spacy", [sound_doc(random.Random(i), nlp.vocab) for i in range(20)])
    reader, fresh = ShardStream(tmp_path), spacy.blank("en")
    before = len(fresh.vocab.strings)
    for _ in range(2):
        with fresh.memory_zone():
            assert len(list(reader(fresh))) == 20
            assert len(fresh.vocab.strings) > before
        assert len(fresh.vocab.strings) == before


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_shard_that_went_bad_is_named_when_its_turn_comes(damage, folder, nlp, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW", 2)
    reader = ShardStream(folder, shuffle=False)
    assert len(reader.lengths) == 12
    path = folder / "05.spacy"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-50] if damage == "cut" else (folder / "04.spacy").read_bytes())
    before = sum(int((tokens > 0).sum()) for tokens in reader.lengths[:5])
    examples = reader(nlp)
    assert len(list(islice(examples, before))) == before
    with pytest.raises(ShardError, match=r"05\.spacy: .*build the corpus again"):
        next(examples)


def test_a_shard_that_changed_under_its_manifest_is_an_error(tmp_path, write_jsonl, nlp):
    train = make_corpus(tmp_path, write_jsonl) / "train"
    reader = ShardStream(train)
    assert len(list(reader(nlp))) == 40
    shard = train / "00000-00.spacy"
    whole = DocBin().from_disk(shard)
    whole.tokens[0] = whole.tokens[0].copy()
    whole.tokens[0][0, 1] = 2
    whole.to_disk(shard)
    with pytest.raises(ShardError, match=r"00000-00\.spacy: not the file that was written"):
        list(ShardStream(train)(nlp))


def test_no_shard_at_all_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"holds no \.spacy file"):
        next(ShardStream(tmp_path).order(0))


def streaming(tmp_path, write_jsonl, *, max_steps=4):
    corpus = make_corpus(tmp_path, write_jsonl)
    return corpus, [
        config_for(corpus, max_steps=max_steps, stream=stream) for stream in (Stream.never, Stream.always)
    ]


def test_labels_counted_in_preprocessing_are_those_of_a_pass_over_the_data(tmp_path, write_jsonl):
    corpus, found = streaming(tmp_path, write_jsonl)
    moves = [init_nlp(config).get_pipe("ner").move_names for config in found]
    (corpus / "train" / LABELS).unlink()
    assert len(moves[0]) == 9
    assert moves == [init_nlp(found[0]).get_pipe("ner").move_names] * 2


def test_large_training_data_is_streamed(tmp_path, write_jsonl, monkeypatch):
    corpus, _ = streaming(tmp_path, write_jsonl)
    tokens = json.loads((corpus / "train" / MANIFEST).read_text(encoding="utf-8"))["tokens"]
    for most, choice, expected in (
        (tokens, "auto", 0),
        (tokens - 1, "auto", -1),
        (tokens - 1, "never", 0),
        (tokens, "always", -1),
    ):
        monkeypatch.setattr(configs, "IN_MEMORY", most)
        path = tmp_path / "config.cfg"
        settings = Settings(
            Variant.cpu,
            stream=Stream[choice],
            vectors="",
            tok2vec="",
            pretrained=tmp_path,
            configs=ROOT / "configs",
            corpus=corpus,
            output=path,
        )
        configure.main(settings)
        config = load_config(path).interpolate()
        assert config["training"]["max_epochs"] == expected
        assert config["initialize"]["components"]["ner"]["labels"]["require"] == (expected == -1)


def test_the_same_reaches_the_trainer_as_from_memory_in_the_batches_that_spacy_makes(folder, tmp_path, nlp):
    batcher = {
        "@batchers": "spacy.batch_by_words.v1",
        "size": 60,
        "tolerance": 0.2,
        "discard_oversize": False,
    }
    plain = write_config(tmp_path / "plain.cfg", folder, batcher=batcher)
    config = load_config(plain.path)
    config["corpora"]["train"] = {"@readers": "ner_template.shards.v1", "path": "${paths.train}", "seed": 5}
    config["training"]["max_epochs"] = -1
    config.to_disk(tmp_path / "streamed.cfg")
    files = [*find_shards(folder)]
    assert TrainingConfig(ConfigFile("it", tmp_path / "streamed.cfg", (OWN,))).has_plain_readers
    memory, streamed = (
        examined(files, recipe)
        for recipe in (plain, plain._replace(path=tmp_path / "streamed.cfg", code=(OWN,)))
    )
    ours, theirs = streamed.trainers["it"]["train"], memory.trainers["it"]["train"]
    assert (ours.documents, ours.tokens, ours.entities) == (theirs.documents, theirs.tokens, theirs.entities)
    assert ours.documents > 90
    config = load_config(tmp_path / "streamed.cfg").interpolate()
    reader = resolve_dot_names(config, ["corpora.train"])[0]
    spacys = create_train_batches(nlp, reader, registry.resolve({"it": batcher})["it"], -1)
    assert ours.batches == sum(1 for _ in takewhile(lambda one: one[0] == 0, spacys))


def test_streaming_is_no_fault_where_documents_are_shuffled_and_labels_given(tmp_path, write_jsonl):
    _, (_, config) = streaming(tmp_path, write_jsonl)
    for shuffle, labels, found in ((True, True, 0), (False, True, 1), (True, False, 1)):
        config["corpora"]["train"]["shuffle"] = shuffle
        if not labels:
            del config["initialize"]["components"]["ner"]["labels"]
        config.to_disk(tmp_path / f"{shuffle}-{labels}.cfg")
        assert (
            len(
                list(
                    streaming_check(
                        TrainingConfig(ConfigFile("it", tmp_path / f"{shuffle}-{labels}.cfg", (OWN,)))
                    )
                )
            )
            == found
        )


def test_the_reader_is_one_however_it_is_imported():
    import_file("python_code", OWN)
    assert type(registry.readers.get("ner_template.shards.v1")(ROOT)) is ShardStream


@pytest.mark.slow
def test_bare_spacy_trains_on_a_stream(tmp_path, write_jsonl):
    _, (_, config) = streaming(tmp_path, write_jsonl, max_steps=30)
    config.to_disk(tmp_path / "config.cfg")
    command = [sys.executable, "-m", "spacy", "train", "config.cfg", "--output", "out", "--code", str(OWN)]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert spacy.load(tmp_path / "out" / "model-last").get_pipe("ner").labels == ("LOC", "PERSON")
