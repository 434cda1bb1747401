"""Predict texts with a trained pipeline: faster than `nlp.pipe`, and to go on with where it was stopped.

spaCy is imported late: a process that predicts without a transformer does without torch.
"""

import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import UserError, console
from scripts.corpus.files import read_json, require_folder, sha256, whole_file, write_bytes, write_json
from scripts.corpus.pool import ordered_map
from scripts.corpus.predicted import WRITERS, join
from scripts.corpus.texts import STDIN, Chunk, cut, find_texts, read_chunks, read_text
from scripts.corpus.versions import versions
from scripts.corpus.without_torch import without_torch
from scripts.formats.record import AnnotationError
from scripts.training.lock import locked

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

LONGEST = 100_000
"""Characters, or `nlp.max_length` where that is less. Longer texts are cut, so that they fit into memory."""
BATCH, BATCH_CHARACTERS = 128, 50_000
"""Texts that run through the pipeline together; fewer where one of a chunk is long."""
LIGHT = {"attribute_ruler", "doc_cleaner", "lemmatizer", "morphologizer", "ner", "parser", "sentencizer"}
LIGHT |= {"senter", "tagger", "textcat", "textcat_multilabel", "tok2vec", "entity_ruler", "span_ruler"}
"""Components that do without torch."""
ANEW = "add --restart to begin anew, or name another --output"


@dataclass(frozen=True, slots=True)
class Options:
    """What changes what is written, beside the texts. ending: of the output. precision: see `speed_up`."""

    model: Path
    ending: str = ".jsonl"
    lines: bool = False
    text_key: str = "text"
    encoding: str = "utf-8"
    rejects: bool = False
    gpu_id: int = -1
    precision: str = "fp32"


def needs_torch(model: Path) -> bool:
    """Say whether a saved pipeline has components that may need torch."""
    config = (model / "config.cfg").read_text(encoding="utf-8")
    return not LIGHT.issuperset(re.findall(r'^factory = "(.+)"$', config, re.MULTILINE))


def find_gpu(device: str) -> int:
    """Return a GPU's number, -1 for the CPU; torch is loaded only where it may find a GPU."""
    if device == "cpu" or (device == "auto" and not find_library("nvcuda" if os.name == "nt" else "cuda")):
        return -1
    from scripts.training.device import choose_device

    return choose_device(device, needs_cupy=False).gpu_id


def speed_up(nlp: "Language", *, gpu_id: int = -1, precision: str = "fp32") -> "Language":
    """Let a pipeline that was loaded on the CPU predict faster from here on; return it.

    Without scripts/training/fast, or with other versions than that is made for, it stays as it is.
    gpu_id: where its transformer is to compute. precision: bf16, fp16, auto or int8; only fp32 gives the
    entities that spaCy gives.
    """
    try:
        from scripts.training.fast import why_not
    except ImportError:
        return nlp
    if why := why_not():
        console.print(f"Predicting as spaCy does, slower: {why}", style="yellow")
        return nlp
    from scripts.training.fast import predict

    predict.speed_up(nlp, gpu_id, precision)
    return nlp


@cache
def load(model: Path, gpu_id: int, precision: str) -> "Language":
    """Load a pipeline that predicts fast, on one thread. Raises UserError where that fails."""
    if not needs_torch(model) and "spacy" not in sys.modules:
        without_torch()
    import numpy
    import spacy
    from thinc.api import use_ops
    from threadpoolctl import threadpool_limits

    try:
        with use_ops("numpy"):
            nlp = spacy.load(model)
    except Exception as error:  # spaCy and thinc raise many kinds
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{model}: cannot be loaded ({what}); train it again") from error
    vectors = model / "vocab" / "vectors"
    if len(nlp.vocab.vectors) and vectors.is_file():  # all processes share the file's pages
        nlp.vocab.vectors.data = numpy.load(vectors, mmap_mode="r")
    speed_up(nlp, gpu_id=gpu_id, precision=precision)
    threadpool_limits(1)
    if needs_torch(model):
        import torch

        torch.set_num_threads(1)
    return nlp


def predict(nlp: "Language", texts: list[str]) -> list["Doc"]:
    """Return a document for each text, in their order. A long one is predicted in parts."""
    from spacy.tokens import Doc

    parts = [list(cut(text, min(nlp.max_length, LONGEST))) for text in texts]
    flat = [part for own in parts for part in own]
    size = BATCH_CHARACTERS // max([1, *map(len, flat)])
    found = nlp.pipe(flat, batch_size=max(1, min(BATCH, size)))
    docs = [[next(found) for _ in own] for own in parts]
    return [own[0] if len(own) == 1 else Doc.from_docs(own, ensure_whitespace=False) for own in docs]


def predict_chunk(options: Options, chunk: Chunk, part: Path) -> tuple[int, Counter]:
    """Predict a chunk and write it; return its position, and count words and rejects.

    Raises AnnotationError with the place of a text that cannot be read, unless the options reject it.
    """
    nlp = load(options.model, options.gpu_id, options.precision)
    read, rejects = [], []
    for item in chunk.items:
        try:
            read.append((item.source, *read_text(item, options.text_key)))
        except AnnotationError as error:
            if not options.rejects:
                raise
            rejects.append({"source": str(item.source), "reason": str(error)})
    sources, texts, rows = map(list, zip(*read, strict=True)) if read else ([], [], [])
    with nlp.memory_zone():
        try:
            docs = predict(nlp, texts)
        except Exception as error:  # a component's own
            places = f"{chunk.items[0].source} to {chunk.items[-1].source}"
            raise UserError(f"{places}: cannot be predicted ({type(error).__name__}: {error})") from error
        for doc, source, row in zip(docs, sources, rows, strict=True):
            doc.user_data |= {"id": str(row.get("id", source)), "source": str(source)}
        written = WRITERS[options.ending](docs, rows)
        words = sum(map(len, docs))
        docs.clear()  # none may be used outside
    if rejects:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rejects)
        write_bytes(part.parents[1] / "rejects" / part.stem, lines.encode())
    write_bytes(part, written)
    return chunk.position, Counter(words=words, rejected=len(rejects))


def score(model: Path, gpu_id: int, precision: str, shards: Path) -> float:
    """Return a pipeline's F of entities on a folder of shards, in percent."""
    nlp = load(model, gpu_id, precision)
    from spacy.training import Corpus

    return 100 * (nlp.evaluate(list(Corpus(shards)(nlp)))["ents_f"] or 0.0)


def price(model: Path, gpu_id: int, precision: str, shards: Path) -> str:
    """Say what a precision costs in F, measured on a folder of shards in a process of its own."""
    if not shards.is_dir():
        return f"{precision}: what it costs is not known, as there is no {shards}"
    calls = [(model, gpu_id, name, shards) for name in ("fp32", precision)]
    exact, found = ordered_map(score, calls, workers=2)
    return f"{precision}: F {found:.2f} on {shards}, {exact:.2f} in fp32"


def predict_files(
    names: list[str],
    output: Path,
    options: Options,
    *,
    workers: int,
    restart: bool = False,
    progress: Callable[[int, int, int], None] = lambda total, done, words: None,
) -> Counter:
    """Predict all texts that names stand for, and write them; count texts, and of this run words and rejects.

    What is done waits in a hidden folder beside the output until all is. The result is the same byte by byte
    whatever the number of workers, and however often a run was stopped.
    progress: is told the bytes of all input, those that are done, and the words that were predicted.
    Raises UserError where the output is there, or what is done is of other texts, options or another model.
    """
    folder = output.with_name(f".{output.name}.parts")
    if output.is_dir() and (restart or not folder.exists()):
        raise UserError(f"{output}: is there already; delete it, or name another --output")
    if output.exists() and not (restart or folder.exists()):
        raise UserError(f"{output}: is there already; {ANEW}")
    require_folder(output.parent)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if restart:
            output.unlink(missing_ok=True)
        for path in (folder / "parts", folder / "rejects"):
            if restart:
                shutil.rmtree(path, ignore_errors=True)
            path.mkdir(exist_ok=True)
        try:
            _check_state(folder, options)
            count = Counter()
            if not output.exists():  # else only the folder is left to be deleted
                count = _predict_files(names, folder, output, options, workers, progress)
        except BaseException:
            if not any((folder / "parts").iterdir()):
                shutil.rmtree(folder, ignore_errors=True)
            raise
    shutil.rmtree(folder)
    return count


def _predict_files(
    names: list[str], folder: Path, output: Path, options: Options, workers: int, progress: Callable
) -> Counter:
    """Predict what is still to be done, and put all together."""
    files = find_texts([_keep_stdin(folder) if name == "-" else name for name in names], lines=options.lines)
    total = sum(path.stat().st_size for path in files)
    count: Counter = Counter()
    calls = _calls(files, folder / "parts", options, count)
    for position, found in ordered_map(predict_chunk, calls, workers=workers):
        count += found
        progress(total, position, count["words"])
    if not count["texts"]:
        raise UserError(f"{', '.join(names)}: no text is in it; name a file that holds some")
    if rejects := sorted((folder / "rejects").glob("[0-9]*")):
        join(rejects, output.with_name(f"{output.stem}.rejects.jsonl"))
    if output.suffix:
        join(sorted((folder / "parts").glob("[0-9]*")), output)
    else:
        (folder / "parts").rename(output)
    return count


def _keep_stdin(folder: Path) -> str:
    """Copy standard input into a file: its size and its first bytes are asked for before it is read."""
    if sys.stdin is None:
        raise UserError("-: standard input is closed; pipe texts into this command, or name a file")
    with whole_file(folder / STDIN, durable=False) as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return str(folder / STDIN)


def _check_state(folder: Path, options: Options) -> None:
    """See that what is done is of the same model, options and versions; note these at the start."""
    weights = {path.as_posix(): sha256(path) for path in sorted(options.model.rglob("*")) if path.is_file()}
    state = asdict(options) | {"model": weights, "versions": versions()}
    path = folder / "state.json"
    if not any((folder / "parts").iterdir()):
        write_json(path, state)
    before = read_json(path)
    if changed := [name for name in state if before.get(name) != state[name]]:
        raise UserError(f"{folder}: what is done there is of other {', '.join(changed)}; {ANEW}")


def _calls(files: dict[Path, str], parts: Path, options: Options, count: Counter) -> Iterator[tuple]:
    """Yield what is still to be done. Raises UserError where what is done is of other texts."""
    done = {path.name.partition("-")[0]: path for path in parts.glob("[0-9]*")}
    for chunk in read_chunks(files, options.encoding):
        count["texts"] += len(chunk.items)
        part = parts / f"{chunk.name}{options.ending or '.spacy'}"
        if done.pop(f"{chunk.number:07}", part) != part:
            raise UserError(f"{chunk.items[0].source}: other texts are done in {parts}; {ANEW}")
        if not part.exists():
            yield options, chunk, part
    if done:
        raise UserError(f"{parts}: more texts are done there than there are now; {ANEW}")
