"""The command that predicts, as a user meets it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.closure import ROOT
from tests.make import contents
from tests.runs import UTF8, kept_ops, small_pipeline

pytestmark = pytest.mark.slow
PATIENCE = 300
TEXTS = 1_500


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cpu")
    with kept_ops():
        small_pipeline().to_disk(folder / "model-best")
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "a.jsonl"
    rows = ({"text": f"Ana{i} saw New York and went to Cork. " * 4} for i in range(TEXTS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "scripts.predict", *map(str, arguments)]


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    return subprocess.run(command(*arguments), cwd=ROOT, env=UTF8, timeout=PATIENCE, **(pipes | options))


def test_the_process_that_hands_out_texts_loads_no_spacy():
    code = "import sys, scripts.predict; print({'spacy', 'torch'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=UTF8, capture_output=True, encoding="utf-8"
    )
    assert done.stdout == "set()\n", done.stderr


def test_lines_from_standard_input_are_predicted(tmp_path, model):
    done = run(model, "-", "--output", tmp_path / "out.jsonl", input="Ana saw New York.\n\nBo left.\n")
    assert done.returncode == 0, done.stdout
    assert "2 texts; 8 words" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["text"], row["meta"]) for row in rows] == [
        ("Ana saw New York.", {"source": "stdin:1"}),
        ("Bo left.", {"source": "stdin:3"}),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "{texts}", "--output={out}.jsonl"], "nowhere: no pipeline is there"),
        (["{model}", "nowhere.jsonl", "--output={out}.jsonl"], "nowhere.jsonl: no such file"),
        (["{model}", "{texts}", "--output={out}.csv"], "ends in .jsonl, .conll, .parquet, or a folder"),
        (["{model}", "{texts}", "--output={model}"], "is there already"),
        (["{model}", "{texts}", "--output={out}.jsonl", "--text-key=body"], "a.jsonl:1: has no text under"),
        (["{model}", "{texts}", "--output={texts}/out.jsonl"], "a file stands where the folder would be"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, model, texts, arguments, said):
    places = {"model": model, "texts": texts, "out": tmp_path / "out"}
    done = run(*(argument.format(**places) for argument in arguments), "--workers=1")
    assert done.returncode == 1
    assert said in done.stdout
    assert done.stdout.count("\n") == 1
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.skipif(os.name != "posix", reason="a closed standard input is a matter of shells")
def test_a_closed_standard_input_is_one_line(tmp_path, model):
    done = run(model, "-", "--output", tmp_path / "out.jsonl", preexec_fn=lambda: os.close(0))
    assert done.returncode == 1
    assert "standard input is closed" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.skipif(
    os.name != "posix", reason="Ctrl-C is no signal that can be sent to one process elsewhere"
)
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on_to_the_same_bytes(tmp_path, model, texts, sent):
    for name in ("whole", "out"):
        process = subprocess.Popen(
            command(model, texts, "--output", tmp_path / name, "--workers=2"),
            cwd=ROOT,
            env=UTF8,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        parts = tmp_path / f".{name}.parts" / "parts"
        while name == "out" and process.poll() is None and not list(parts.glob("[0-9]*")):
            time.sleep(0.01)
        if name == "out":
            process.send_signal(sent)
        _, said = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in said
    assert process.returncode == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "out").exists()
    done = run(model, texts, "--output", tmp_path / "out", "--workers=1")
    assert done.returncode == 0, done.stdout
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.long
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path, model, request):
    texts, moments = tmp_path / "a.jsonl", random.Random(7)
    with texts.open("w", encoding="utf-8") as file:
        file.writelines(f'{{"text": "Ana{i} saw New York and went to Cork."}}\n' for i in range(100_000))
    started = time.monotonic()
    assert run(model, texts, "--output", tmp_path / "whole.jsonl").returncode == 0
    usual = time.monotonic() - started
    for _ in range(request.config.getoption("--kills")):
        process = subprocess.Popen(
            command(model, texts, "--output", tmp_path / "out.jsonl"), cwd=ROOT, env=UTF8
        )
        try:
            process.wait(moments.uniform(0, usual / 4))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert (tmp_path / "out.jsonl").exists() or run(
        model, texts, "--output", tmp_path / "out.jsonl"
    ).returncode == 0
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
