"""Whatever is wrong with a folder, a checkpoint or the disk: it is told, and what was whole stays so."""

import os
import signal
import subprocess
import sys
import zipfile

import numpy
import pytest

from scripts import train as command_file
from scripts.cli import Stopped, UserError
from scripts.corpus.files import read_json
from scripts.training.checkpoint import CHECKPOINT, read_checkpoint, write_checkpoint
from scripts.training.lock import LOCK, locked
from scripts.training.options import Options
from tests.make import contents
from tests.runs import ENV, ROOT, check, command, config_for, finish, kept_ops, models

STATE = {
    "identity": {"variant": "cpu", "seed": 0},
    "step": {"random": [{}, {}]},
    "progress": {"run_id": "abc", "step": 3},
}
ARRAYS = {
    "weights.0": numpy.arange(6, dtype="float32").reshape(2, 3),
    "mom1.0": numpy.zeros(6, dtype="float32"),
}


def main(folder, corpus, **options):
    """Run the command in this process."""
    given = {"device": "cpu", "wandb_mode": "disabled", "exact": True}
    with kept_ops():
        command_file.main(Options(config=folder, corpus=corpus, **(given | options)))


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    path = tmp_path / CHECKPOINT
    write_checkpoint(path, ARRAYS, STATE)
    arrays, state = read_checkpoint(path)
    assert state == STATE
    assert arrays.keys() == ARRAYS.keys()
    assert all(numpy.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]


@pytest.mark.parametrize("damage", ["truncated", "empty", "not a zip", "another zip", "an array", "a folder"])
def test_a_damaged_checkpoint_is_told(tmp_path, damage):
    path = tmp_path / CHECKPOINT
    write_checkpoint(path, ARRAYS, STATE)
    content = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage == "another zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("readme.txt", "hello")
    elif damage == "an array":
        with path.open("wb") as file:
            numpy.save(file, ARRAYS["mom1.0"])
    else:
        path.write_bytes(
            {"truncated": content[: len(content) // 2], "empty": b"", "not a zip": b"I am no zip file. " * 9}[
                damage
            ]
        )
    with pytest.raises(UserError, match=r"checkpoint\.npz: damaged .* --restart"):
        read_checkpoint(path)


def test_a_checkpoint_with_any_bit_turned_is_told_or_means_the_same(tmp_path):
    path = tmp_path / CHECKPOINT
    write_checkpoint(path, ARRAYS, STATE)
    content = bytearray(path.read_bytes())
    refused = 0
    for place in range(len(content)):
        for bit in (0, 3, 6):
            content[place] ^= 1 << bit
            path.write_bytes(content)
            content[place] ^= 1 << bit
            try:
                arrays, state = read_checkpoint(path)
            except UserError:
                refused += 1
            else:  # a field of the archive that means nothing, such as a date
                assert state == STATE
                assert arrays.keys() == ARRAYS.keys(), place
                assert all(numpy.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS), place
    assert refused > len(content)


def stop_early(folder, corpus, monkeypatch, **options) -> None:
    """Leave a checkpoint in a folder."""
    from scripts.training.progress import Progress

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "why_stop", lambda *_, **__: signal.raise_signal(signal.SIGTERM) or "")
        with pytest.raises(Stopped):
            main(folder, corpus, **options)
    assert (folder / CHECKPOINT).exists()


@pytest.fixture
def stopped(passed, monkeypatch):
    """A folder with models of a run before, and the checkpoint of an interrupted one."""
    corpus, folder = passed
    config_for(corpus, max_steps=3).to_disk(folder / "config.cfg")
    assert check(corpus, folder) == 0
    main(folder, corpus)
    stop_early(folder, corpus, monkeypatch)
    return corpus, folder


@pytest.mark.slow
def test_a_damaged_checkpoint_leaves_the_models_and_restart_begins_anew(stopped):
    corpus, folder = stopped
    path = folder / CHECKPOINT
    content = path.read_bytes()
    path.write_bytes(content[:-1000])
    before = models(folder)
    with pytest.raises(UserError, match="--restart"):
        main(folder, corpus)
    assert models(folder) == before
    with locked(folder):
        pass
    main(folder, corpus, restart=True)
    assert models(folder) == before
    assert not path.exists()


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_refused_and_what_changed_is_named(stopped):
    corpus, folder = stopped
    path = folder / CHECKPOINT
    arrays, state = read_checkpoint(path)
    before = models(folder)
    for key, other in (
        ("seed", 9),
        ("config_sha256", "0"),
        ("corpus_sha256", {}),
        ("versions", {"spacy": "3.0.0"}),
        ("exact", False),
    ):
        write_checkpoint(path, arrays, state | {"identity": state["identity"] | {key: other}})
        with pytest.raises(
            UserError,
            match=rf"of a run with another {key}; train anew with --restart, or go on .* with --force",
        ):
            main(folder, corpus)
    assert models(folder) == before
    main(folder, corpus, force=True)
    assert not path.exists()
    assert read_json(folder / "metrics.json")["steps"] == 4


@pytest.mark.slow
def test_a_changed_config_is_refused_until_restart(stopped):
    corpus, folder = stopped
    config = config_for(corpus, max_steps=3)
    config["training"]["dropout"] = 0.3
    config.to_disk(folder / "config.cfg")
    assert check(corpus, folder) == 0
    with pytest.raises(UserError, match="another config_sha256"):
        main(folder, corpus)
    main(folder, corpus, restart=True)
    assert read_json(folder / "metrics.json")["steps"] == 4


@pytest.mark.slow
def test_a_checkpoint_of_another_pipeline_is_refused_even_by_force(stopped):
    corpus, folder = stopped
    config = config_for(corpus, max_steps=3)
    config["components"]["tok2vec"]["model"]["encode"]["depth"] = 2
    config.to_disk(folder / "config.cfg")
    assert check(corpus, folder) == 0
    before = models(folder)
    with pytest.raises(UserError, match="another pipeline's weights; start again with --restart"):
        main(folder, corpus, force=True)
    assert models(folder) == before


def test_a_checkpoint_without_its_figures_is_told(stopped):
    corpus, folder = stopped
    path = folder / CHECKPOINT
    arrays, state = read_checkpoint(path)
    for state_key in ("identity", "step", "progress"):
        write_checkpoint(path, arrays, {key: value for key, value in state.items() if key != state_key})
        with pytest.raises(UserError, match="--restart"):
            main(folder, corpus)


LIMITED = """
import resource
import signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
sys.argv = ["train", *sys.argv[2:]]
import runpy
runpy.run_module("scripts.train", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "largest",
    [*(pytest.param(size, marks=pytest.mark.long) for size in (0, 1_000, 3_000_000)), 100_000, 8_000_000],
)
def test_a_full_disk_is_told_and_leaves_what_was_whole(stopped, largest):
    """Files may be no larger than the lock, a config, a model or a checkpoint."""
    corpus, folder = stopped
    before, models_before = (folder / CHECKPOINT).read_bytes(), models(folder)
    arguments = command(folder, corpus, "--exact", "--checkpoint-minutes=0")[3:]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(largest), *arguments],
        cwd=ROOT,
        env=ENV,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1, done.stderr
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert models(folder) == models_before
    assert not [name for name in contents(folder) if name.endswith(".part")]
    assert (folder / CHECKPOINT).read_bytes() == before or read_checkpoint(folder / CHECKPOINT)
    finish(folder, corpus, "--exact")
    assert models(folder) == models_before


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / CHECKPOINT
    write_checkpoint(path, ARRAYS, STATE)
    before = path.read_bytes()
    for broken in ("fsync", "replace"):
        with monkeypatch.context() as patch:

            def fail(*_):
                raise OSError(28, "No space left on device")

            patch.setattr(*((os, "fsync", fail) if broken == "fsync" else (type(path), "replace", fail)))
            with pytest.raises(OSError, match="No space left"):
                write_checkpoint(path, ARRAYS, STATE | {"more": 1})
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_lock_is_held_and_given_back(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(UserError, match="another process works there; wait for it, or end it"),
        locked(tmp_path),
    ):
        pytest.fail("two hold one lock")
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "{", "\x00\x00"])
def test_a_lock_that_nobody_holds_is_taken_over(tmp_path, content):
    (tmp_path / LOCK).write_text(content, encoding="utf-8")
    with locked(tmp_path):
        pass


def test_a_lock_that_cannot_be_written_is_told(tmp_path):
    folder = tmp_path / "file"
    folder.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot be written"), locked(folder):
        pytest.fail("locked a file")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become somebody else"
)
def test_an_unwritable_folder_is_told(passed):
    _, folder = passed
    code = (
        "import os, pathlib; from scripts.training.lock import locked; from scripts.cli import UserError\n"
        f"path = pathlib.Path({str(folder)!r})\nos.chmod(path, 0o555)\n"
        "for up in list(path.parents)[:4]: os.chmod(up, 0o755)\nos.setuid(65534)\n"
        "try:\n    with locked(path): print('locked')\nexcept UserError as error: print('told', error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=ENV, capture_output=True, encoding="utf-8"
    )
    folder.chmod(0o755)
    assert done.stdout.startswith("told"), done.stderr
    assert "cannot be written" in done.stdout


def test_a_corrupt_shard_is_told_before_training(stopped):
    corpus, folder = stopped
    shard = next((corpus / "train").glob("*.spacy"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 4
    shard.write_bytes(content)
    before = contents(folder)
    with pytest.raises(UserError, match=shard.name):
        main(folder, corpus)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 2, "exact": True}, "--exact is for one process"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"device": "gpu"}, "write auto, cpu, cuda or cuda:N"),
    ],
)
def test_options_that_make_no_sense_are_told(passed, options, message):
    corpus, folder = passed
    before = contents(folder)
    with pytest.raises(UserError) as error:
        main(folder, corpus, **({"exact": False} | options))
    assert message in str(error.value)
    assert {name: content for name, content in contents(folder).items() if name != LOCK} == before


def test_a_folder_without_a_config_is_told(tmp_path):
    with pytest.raises(UserError, match=r"config\.cfg: no such file; run: python -m scripts\.configure"):
        main(tmp_path / "cpu", tmp_path)


@pytest.mark.slow
def test_another_number_of_workers_goes_on_too(stopped):
    """A checkpoint of one process has no random state for a second."""
    corpus, folder = stopped
    arrays, state = read_checkpoint(folder / CHECKPOINT)
    state["step"]["random"] *= 2
    write_checkpoint(folder / CHECKPOINT, arrays, state)
    main(folder, corpus)
    assert read_json(folder / "metrics.json")["workers"] == 1
