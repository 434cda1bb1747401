"""Configs as people write them: what is sound is told to be nothing else, and what cannot work is told with
its value.
"""

from math import nan

import pytest
import spacy
from spacy.cli.init_config import init_config
from spacy.training import Example

from scripts.checks.catalogue import choose
from scripts.checks.components import factories
from scripts.checks.examine import Report, examine
from scripts.checks.inputs import Inputs
from scripts.checks.training_config import ConfigFile
from scripts.cli import UserError
from tests.planted import base, write_docbin


@spacy.registry.batchers("test_by_reference.v1")
def by_reference(size: int, fails: bool = False):
    """Batch documents by what only examples have, or fail at it."""

    def batches(items):
        items = sorted(items, key=lambda example: 1 / 0 if fails else len(example.reference))
        yield from (items[at : at + size] for at in range(0, len(items), size))

    return batches


MANY = ["tagger", "morphologizer", "trainable_lemmatizer", "parser", "ner", "textcat", "spancat"]


def findings_of(config, folder):
    """Return what the checks say of a config and sound data: code and detail."""
    data = {split: folder / f"{split}.spacy" for split in ("train", "dev")}
    for split, path in data.items():
        write_docbin(path, base(split))
        config["paths"][split] = path.as_posix()
    path = folder / "own.cfg"
    path.write_text(config.to_str(), encoding="utf-8")
    inputs = Inputs(data, (ConfigFile("own", path),))
    report = examine(inputs.files(), Report(0, choose("NER4")), configs=inputs.configs)
    return [(finding.check.code, finding.detail) for finding in report.findings]


def ner_config(pipeline=("ner",), **training):
    config = init_config(lang="en", pipeline=list(pipeline))
    config["training"] |= training
    return config


def renamed(factory="ner"):
    config = ner_config()
    config["components"]["my_ner"] = config["components"].pop("ner") | {"factory": factory}
    config["nlp"]["pipeline"] = ["tok2vec", "my_ner"]
    return config


def two_ners():
    config = renamed()
    config["components"]["ner"] = config["components"]["my_ner"]
    config["nlp"]["pipeline"] = ["tok2vec", "my_ner", "ner"]
    return config


def with_rate(rate, optimizer="Adam.v1"):
    return ner_config(optimizer={"@optimizers": optimizer, "learn_rate": rate})


def warmup(rate):
    return {"@schedules": "warmup_linear.v1", "warmup_steps": 10, "total_steps": 20000, "initial_rate": rate}


SOUND = {
    "several": lambda: ner_config(MANY),
    "beam": lambda: renamed("beam_ner"),
    "renamed": renamed,
    "two": two_ners,
    "null": lambda: ner_config(["tagger", "ner"], score_weights={"tag_acc": 1.0, "ents_f": None}),
    "other-scores": lambda: ner_config(score_weights={"tag_acc": 1.0}),
    "no-scores": lambda: ner_config(score_weights={}),
    "epochs": lambda: ner_config(max_steps=0, patience=0, max_epochs=3),
    "radam": lambda: with_rate(0.001, "RAdam.v1"),
    "sgd": lambda: with_rate(0.5, "SGD.v1"),
    "list": lambda: with_rate([0.001, 0.002]),
    "warmup": lambda: with_rate(warmup(0.001)),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_config_is_left_alone(name, tmp_path):
    assert findings_of(SOUND[name](), tmp_path) == []


IMPOSSIBLE = [
    ({"dropout": 0}, "dropout = 0: from 0.0 to below 1.0, written with a point"),
    ({"dropout": 1.0}, "dropout = 1.0: from 0.0 to below 1.0, written with a point"),
    ({"accumulate_gradient": 0}, "accumulate_gradient = 0: 1 or more"),
    ({"eval_frequency": 0}, "eval_frequency = 0: 1 or more"),
    ({"patience": -1}, "patience = -1: 0 or more"),
    ({"max_steps": -1}, "max_steps = -1: 0 or more"),
    ({"max_epochs": -2}, "max_epochs = -2: -1 or more"),
    ({"frozen_components": ["parser"]}, "frozen_components has 'parser': one of tok2vec, ner"),
    ({"annotating_components": ["parser"]}, "annotating_components has 'parser': one of tok2vec, ner"),
    (
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": 50}},
        "the learning rate is 50 at step 0: from 0 to 0.1",
    ),
    (
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": -0.1}},
        "the learning rate is -0.1 at step 0: from 0 to 0.1",
    ),
    (
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": nan}},
        "the learning rate is nan at step 0: from 0 to 0.1",
    ),
    (
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.0}},
        "the learning rate is 0 in all steps: above 0, up to 0.1",
    ),
    (
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": ".001"}},
        "learn_rate = '.001': a number, written as 0.001 or 1e-3",
    ),
    (
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": warmup(5.0)}},
        "the learning rate is 0.5 at step 1: from 0 to 0.1",
    ),
]


@pytest.mark.parametrize(
    ("settings", "detail"), IMPOSSIBLE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_setting_that_cannot_work_is_told_with_its_value_and_range(settings, detail, tmp_path):
    assert findings_of(ner_config(**settings), tmp_path) == [("NER430", detail)]


@pytest.mark.parametrize("size", [0, -5])
def test_batches_of_nothing_are_told(size, tmp_path):
    config = ner_config()
    config["nlp"]["batch_size"] = size
    config["training"]["batcher"] |= {"size": size}
    details = [detail for code, detail in findings_of(config, tmp_path) if code == "NER430"]
    assert details == [
        f"[nlp] batch_size = {size}: 1 or more",
        f"[training.batcher] size = {size}: 1 or more",
    ]


def test_a_batcher_of_one_s_own_may_look_at_examples(tmp_path):
    batcher = {"@batchers": "test_by_reference.v1", "size": 5}
    assert findings_of(ner_config(batcher=batcher), tmp_path) == []


def test_a_batcher_of_one_s_own_that_fails_is_told_in_one_line(tmp_path):
    batcher = {"@batchers": "test_by_reference.v1", "size": 5, "fails": True}
    with pytest.raises(
        UserError,
        match=r"own.cfg: \[training.batcher\] fails: ZeroDivisionError: division by zero; repair that code",
    ):
        findings_of(ner_config(batcher=batcher), tmp_path)


def source(folder):
    """Save a pipeline with two ners that know nothing; return its folder."""
    nlp = spacy.blank("en")
    for name in ("ner", "second"):
        nlp.add_pipe("ner", name=name).add_label("LOC")
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("Cork"), {"entities": [(0, 4, "LOC")]})])
    nlp.to_disk(folder / "source")
    return (folder / "source").as_posix()


def test_a_sourced_ner_is_a_ner_that_may_learn_slowly(tmp_path):
    config = with_rate(0.00005)
    config["components"]["mine"] = {"source": source(tmp_path), "component": "second"}
    config["nlp"]["pipeline"] = ["mine"]
    assert factories(config) == {"mine": "ner"}
    assert findings_of(config, tmp_path) == []


def test_a_sourced_ner_that_is_frozen_learns_nothing(tmp_path):
    config = ner_config(frozen_components=["ner"])
    config["components"]["ner"] = {"source": source(tmp_path)}
    config["nlp"]["pipeline"] = ["ner"]
    assert [code for code, _ in findings_of(config, tmp_path)] == ["NER428"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("parser", "has no component 'parser', but ner, second"), ("ner", "no such pipeline")],
)
def test_a_source_without_the_component_is_told(name, message, tmp_path):
    where = source(tmp_path) if name == "parser" else "missing"
    config = {"nlp": {"pipeline": [name]}, "components": {name: {"source": where}}}
    with pytest.raises(UserError, match=message):
        factories(config)
