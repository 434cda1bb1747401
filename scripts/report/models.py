"""Score any spaCy pipelines on any annotated data: folders or installed packages, whatever trained them."""

import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from scripts.cli import UserError, console
from scripts.corpus.build import build_corpus
from scripts.corpus.config_file import import_code, one_line
from scripts.corpus.files import read_json, replace_folder
from scripts.corpus.raw import RawCorpus
from scripts.corpus.settings import read_settings
from scripts.corpus.shards import MANIFEST
from scripts.corpus.vectors import pipeline_folder
from scripts.formats.registry import find_raw_files
from scripts.report.predictions import write_scores
from scripts.report.scores import in_words, score_pipeline

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "corpus.cfg"


def find_models(values: list[str]) -> dict[str, Path]:
    """Return the folders of pipelines, by `NAME=MODEL`, or `MODEL` that is called as its package or folder.
    Raises UserError where one is not there, or two have one name.
    """
    models: dict[str, Path] = {}
    for value in values:
        is_named = "=" in value and pipeline_folder(value) is None
        name, _, model = value.partition("=") if is_named else ("", "", value)
        folder = pipeline_folder(model)
        if folder is None:
            what = "neither a pipeline's folder nor an installed package"
            raise UserError(f"--model {value}: {what}; name a folder with meta.json, or pip install it")
        here = Path(model).absolute()
        name = name or (here.parent if here.name in ("model-best", "model-last") else here).name
        if name in models or name != Path(name).name:
            why = "another --model has that name, too" if name in models else "it is to name a folder"
            raise UserError(f"--model {value}: called {name!r}, but {why}; write --model OTHER_NAME={model}")
        models[name] = folder
    return models


def parse_labels(values: list[str]) -> dict[str, str]:
    """Read `PREDICTED=LABEL`, by which predicted labels are renamed, or left out where LABEL is empty."""
    if wrong := next((value for value in values if not value.partition("=")[1]), None):
        raise UserError(f"--map {wrong}: write PREDICTED=LABEL, or PREDICTED= to leave a label out")
    return {old.strip(): new.strip() for old, _, new in (value.partition("=") for value in values)}


def make_test_set(data: str, corpus: Path, models: dict[str, Path], options: list[str]) -> None:
    """Make `corpus/test` of raw files (the tokeniser is that of the first pipeline's language), or of a split
    that preprocess made. options: of preprocess. Raises UserError.
    """
    if (Path(data) / MANIFEST).exists():
        shutil.rmtree(corpus / ".new", ignore_errors=True)
        shutil.copytree(data, corpus / ".new")
        return replace_folder(corpus / ".new", corpus / "test")
    found = find_raw_files(data)
    lang = read_json(next(iter(models.values())) / "meta.json")["lang"]
    settings = read_settings(CONFIG, options, lang=lang, seed=0)
    raw = RawCorpus({"test": data}, {"test": found.files}, {"test": found.passed_over})
    build_corpus(raw, corpus, settings, tell=partial(console.print, markup=False, soft_wrap=True))


def score_models(
    models: dict[str, Path], corpus: Path, output: Path, **options
) -> Iterator[tuple[Path, str]]:
    """Score each pipeline in a process of its own, for its memory; yield its folder, and its scores in words.

    options: of `score_model`. Raises UserError where a pipeline cannot be loaded, or predicts no entities.
    """
    ends = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_DFL)}  # without a word
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1, **ends) as pool:
        for name, model in models.items():
            try:
                done = pool.submit(score_model, name, model, corpus, output / name, **options)
                yield output / name, done.result()
            except BrokenProcessPool:
                why = "its process died, perhaps for want of memory"
                raise UserError(f"{model}: {why}; run this again with less data") from None


def score_model(
    name: str, model: Path, corpus: Path, output: Path, *, code: tuple[Path, ...], **options
) -> str:
    """Write a pipeline's scores and predictions; return the scores in words. options: of `score_pipeline`."""
    import_code(code)
    try:
        scores, rows = score_pipeline(name, model, corpus, code=code, **options)
    except UserError:
        raise
    except Exception as error:  # whatever somebody's pipeline does
        problem = f"{type(error).__name__}: {one_line(error)}"
        raise UserError(f"{model}: cannot be scored ({problem}); see that it works with spacy.load") from None
    return in_words(write_scores(output, scores, rows, corpus))
