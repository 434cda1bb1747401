"""The command line of `spacy train`, with configs of one's own: what the README says of it works."""

import os
import re
import shlex
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import parse_config_overrides
from spacy.cli.init_config import init_config
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from typer.testing import CliRunner

from scripts import train
from scripts.checks.training_config import ConfigFile, TrainingConfig
from scripts.cli import UserError, command_line
from scripts.corpus.config_file import (
    default_output,
    fingerprint,
    import_code,
    parse_overrides,
    read_config,
)
from scripts.corpus.files import read_json
from tests.closure import ROOT
from tests.runs import ENV, run_python

SECTION = (
    (ROOT / "scripts" / "training" / "README.md")
    .read_text(encoding="utf-8")
    .partition("## Your own config\n")[2]
    .partition("\n## ")[0]
)
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", SECTION, flags=re.DOTALL)
    for line in block.splitlines()
]
(FINETUNE,) = re.findall(r"```ini\n(.*?)```", SECTION, flags=re.DOTALL)
CODE = """import spacy

@spacy.registry.schedules("own_test.rate.v1")
def rate(value: float):
    while True:
        yield value
"""
CONFIG = """[paths]
train = "train.spacy"
dev = "dev.spacy"

[nlp]
lang = "en"
pipeline = ["ner"]

[components]

[components.ner]
factory = "ner"

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.dev}

[training]
seed = 0
gpu_allocator = null
max_steps = 40
eval_frequency = 20

[training.optimizer]
@optimizers = "Adam.v1"

[training.optimizer.learn_rate]
@schedules = "own_test.rate.v1"
value = 0.001
"""


def write_docs(path, *ents, count=40, offset=0):
    """Write documents of eight words, with entities at some of them."""
    nlp = spacy.blank("en")
    docs = []
    for i in range(offset, offset + count):
        doc = Doc(nlp.vocab, words=["Ana", "left", "Acme", "in", "Cork", "on", f"Monday{i}", "."])
        doc.ents = [Span(doc, at, at + 1, label) for at, label in ents]
        docs.append(doc)
    path.parent.mkdir(exist_ok=True)
    DocBin(docs=docs).to_disk(path)


@pytest.fixture
def folder(tmp_path):
    """A folder with a config, its code and its data."""
    (tmp_path / "my.cfg").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "my.py").write_text(CODE, encoding="utf-8")
    write_docs(tmp_path / "train.spacy", (0, "PERSON"), (4, "LOC"))
    write_docs(tmp_path / "dev.spacy", (0, "PERSON"), (4, "LOC"), count=10, offset=100)
    return tmp_path


def run(folder, command, **environment):
    """Run a command of the README in a folder; return its exit code and what it says."""
    env = ENV | {"PYTHONPATH": os.fspath(ROOT)} | environment
    done = run_python(folder, *shlex.split(command)[1:], env=env)
    return done.returncode, done.stdout


@pytest.fixture
def said(folder, monkeypatch):
    """Tells what training says in the end, in one line, of a command line that is refused."""
    monkeypatch.chdir(folder)
    app = command_line(train.main, takes_settings=True)

    def refused(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--device=cpu", "--wandb-mode=disabled"])
        assert result.exit_code == 1, result.output
        return result.output.splitlines()[-1]

    return refused


@pytest.mark.slow
def test_the_readmes_commands_train_and_validate(folder):
    commands = [command for command in COMMANDS if "my.cfg" in command]
    assert len(commands) == len(COMMANDS) - 1
    for command in commands:
        code, output = run(folder, command)
        assert code == 0, output
    assert read_json(folder / "training" / "mine" / "metrics.json")["config_sha256"]
    assert read_json(folder / "training" / "my" / "metrics.json")["exact"]


@pytest.mark.slow
def test_the_readmes_fine_tuning_adds_labels_and_leaves_the_tagger_alone(folder):
    trained = folder / "training" / "cpu"
    trained.mkdir(parents=True)
    init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=False, silent=True).to_disk(
        trained / "config.cfg"
    )
    settings = (
        "--paths.train train.spacy --paths.dev dev.spacy --training.max_steps 20 --training.eval_frequency 10"
    )
    code, output = run(folder, f"python -m scripts.train training/cpu --device cpu {settings}")
    assert code == 0, output
    tagger = spacy.blank("en")
    tagger.add_pipe("tagger")
    doc = Doc(tagger.vocab, words=["Ana", "left"], tags=["NNP", "VBD"])
    tagger.initialize(lambda: [Example(tagger.make_doc("Ana left"), doc)])
    (folder / "training" / "tagger").mkdir()
    tagger.to_disk(folder / "training" / "tagger" / "model-best")
    write_docs(folder / "new" / "train.spacy", (0, "PERSON"), (2, "ORG"), (6, "DATE"))
    write_docs(folder / "new" / "dev.spacy", (0, "PERSON"), (2, "ORG"), (6, "DATE"), count=10, offset=100)
    (folder / "finetune.cfg").write_text(FINETUNE, encoding="utf-8")
    code, output = run(folder, f"{COMMANDS[-1]} --device cpu")
    assert code == 0, output
    nlp = spacy.load(folder / "training" / "finetune" / "model-best")
    assert nlp.get_pipe("ner").labels == ("DATE", "LOC", "ORG", "PERSON")
    assert read_json(folder / "training" / "finetune" / "metrics.json")["best"]["ents_f"] > 0.9
    assert nlp.get_pipe("tagger").model.to_bytes() == tagger.get_pipe("tagger").model.to_bytes()


@pytest.mark.slow
def test_what_is_set_reaches_every_process(folder):
    settings = "--code my.py --paths.train=train.spacy --training.max_steps 8"
    code, output = run(
        folder,
        f"python -m scripts.train my.cfg --device cpu --workers 2 {settings}",
        SPACY_CONFIG_OVERRIDES="--training.max_steps 6 --training.eval_frequency 3",
        RANK="3",
        WORLD_SIZE="9",
    )
    assert code == 0, output
    metrics = read_json(folder / "training" / "my" / "metrics.json")
    assert (metrics["workers"], [row["step"] for row in metrics["history"]]) == (2, [0, 3, 6])
    assert metrics["trainer"]["documents"] == 40


@pytest.mark.slow
def test_errors_stop_training_unless_told_otherwise(folder):
    settings = (
        "--code my.py --device cpu --training.max_steps 10 --training.eval_frequency 10 --training.patience 5"
    )
    code, output = run(folder, f"python -m scripts.train my.cfg {settings}")
    assert code == 1
    assert "training/my: not validated for this config yet; validating…" in output
    assert "counts 1 errors, as told above" in output.splitlines()[-1]
    code, output = run(folder, f"python -m scripts.train my.cfg {settings} --unvalidated")
    assert code == 0, output
    assert "trainer" not in read_json(folder / "training" / "my" / "metrics.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.cfg"], "none.cfg: no such file"),
        (["--training.max_steps", "4", "my.cfg"], "--training.max_steps: the config comes first"),
        (["my.cfg", "--exakt"], "no such option: --exakt"),
        (["my.cfg", "--trainig.max_steps", "40"], "--trainig.max_steps: my.cfg has no section [trainig]"),
        (
            ["my.cfg", "--training.max_stepz", "40"],
            "--training.max_stepz: [training] has no 'max_stepz'; perhaps max_steps",
        ),
        (["my.cfg", "--training.max_steps"], "--training.max_steps: wants a value"),
        (["my.cfg", "40"], "unexpected '40'"),
        (["my.cfg", "--code", "none.py"], "none.py: no such file; --code wants a Python file"),
        (["my.cfg", "--code", "bad.py"], "bad.py:2: ZeroDivisionError: division by zero"),
    ],
)
def test_a_mistake_is_one_line(folder, said, arguments, message):
    (folder / "bad.py").write_text("import spacy\n1 / 0\n", encoding="utf-8")
    assert message in said(*arguments)


def test_one_device_is_named_once(said):
    assert "both say where to train" in said("my.cfg", "--gpu-id", "0")


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["--training.max_steps", "40"], {"training.max_steps": 40}),
        (["--training.max_steps=40"], {"training.max_steps": 40}),
        (["--nlp.lang", "de"], {"nlp.lang": "de"}),
        (["--training.optimizer.use_averages"], {"training.optimizer.use_averages": True}),
        (["--training.max-steps=40"], {"training.max_steps": 40}),
        (["--training.max_epochs", "-1"], {"training.max_epochs": -1}),
        (["--nlp.pipeline", '["ner"]'], {"nlp.pipeline": ["ner"]}),
        (["--a.b", "--c.d=null"], {"a.b": True, "c.d": None}),
        (["--paths.train", "a=b"], {"paths.train": "a=b"}),
    ],
)
def test_settings_are_read_as_spacy_reads_them(words, settings):
    assert parse_overrides(tuple(words)) == settings == parse_config_overrides(list(words), None)


def test_settings_in_the_environment_win(monkeypatch):
    monkeypatch.setenv("SPACY_CONFIG_OVERRIDES", "--a.b 'x y'")
    assert parse_overrides(("--a.b", "1", "--a.c", "2")) == {"a.b": "x y", "a.c": 2}


def test_settings_are_part_of_a_configs_hash(folder):
    hashes = {
        fingerprint(read_config(folder / "my.cfg", words), (), {})["config_sha256"]
        for words in ((), ("--training.max_steps", "41"), ("--training.max_steps", "40"))
    }
    assert len(hashes) == 2


def test_code_is_imported_once_until_it_changes(tmp_path):
    path, log = tmp_path / "code.py", tmp_path / "log"
    path.write_text(f"with open({str(log)!r}, 'a') as file: file.write('1')", encoding="utf-8")
    import_code((path,))
    import_code((path,))
    assert log.read_text(encoding="utf-8") == "1"
    path.write_text(f"with open({str(log)!r}, 'a') as file: file.write('2')", encoding="utf-8")
    import_code((path,))
    assert log.read_text(encoding="utf-8") == "12"


def test_pipelines_go_to_a_variants_folder_or_to_one_of_the_configs_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training" / "cpu").mkdir(parents=True)
    assert default_output(Path("training/cpu/config.cfg")) == Path("training/cpu")
    assert default_output(Path("configs/my.cfg")) == Path("training/my")
    assert default_output(Path("elsewhere/config.cfg")) == Path("training/config")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "own_test.rate.v1",
            "own_test.none.v1",
            r"learn_rate\] names the schedule 'own_test.none.v1', which nothing registers; .* --code",
        ),
        ("spacy.Corpus.v1", "spacy.Corpora.v1", r"\[corpora.train\] names the reader 'spacy.Corpora.v1'"),
        ('factory = "ner"', 'factory = "nerd"', r"\[components.ner\] names the factory 'nerd'"),
        ("Adam.v1", "Eve.v1", r"\[training.optimizer\] names the optimizer 'Eve.v1'"),
        (
            'factory = "ner"',
            'source = "none/model-best"',
            r"\[components.ner\] source = 'none/model-best': no such pipeline",
        ),
        (
            'pipeline = ["ner"]',
            'pipeline = ["ner","tagger"]',
            r"\[nlp\] pipeline names 'tagger', and there is no \[components.tagger\]",
        ),
    ],
)
def test_what_nothing_registers_is_told_by_name(folder, before, after, message):
    path = folder / "my.cfg"
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        TrainingConfig(ConfigFile("my", path, (folder / "my.py",)))


def test_a_source_without_the_component_is_told(folder):
    spacy.blank("en").to_disk(folder / "blank")
    path = folder / "my.cfg"
    path.write_text(
        CONFIG.replace('factory = "ner"', f'source = "{(folder / "blank").as_posix()}"'), encoding="utf-8"
    )
    with pytest.raises(UserError, match="has no component 'ner'"):
        TrainingConfig(ConfigFile("my", path, (folder / "my.py",)))


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
def test_all_that_spacys_quickstart_names_is_known(tmp_path, variant):
    path = tmp_path / "quick.cfg"
    pipeline = ["tagger", "parser", "ner", "textcat", "spancat", "entity_linker"]
    init_config(lang="de", pipeline=pipeline, optimize="accuracy", gpu=variant == "gpu", silent=True).to_disk(
        path
    )
    assert (
        TrainingConfig(ConfigFile("quick", path, overrides=("--paths.train", "a.spacy"))).config["paths"][
            "train"
        ]
        == "a.spacy"
    )
