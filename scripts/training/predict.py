"""Predict texts with a trained pipeline: faster than `nlp.pipe`, and to go on with where it was stopped.

spaCy is imported late: a process that predicts without a transformer does without torch.
"""

import json
import os
import re
import shutil
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scripts.cli import UserError
from scripts.corpus.files import read_json, require_folder, sha256, whole_file, write_bytes, write_json
from scripts.corpus.pool import ordered_map
from scripts.corpus.predicted import WRITERS, join
from scripts.corpus.texts import STDIN, Text, cut, find_texts, read_chunks
from scripts.corpus.versions import versions
from scripts.corpus.without_torch import without_torch
from scripts.formats.record import AnnotationError
from scripts.training.fast_guard import has_fast
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
LOADED: dict[tuple, dict[int, "Language"]] = defaultdict(dict)
"""The pipelines that were loaded in this process, by what was asked for and by thread."""
LOADING = threading.Lock()
ANEW = "add --restart to begin anew, or name another --output"


@dataclass(frozen=True, slots=True)
class Options:
    """What changes what is written, beside the texts. precision: see `speed_up`."""

    model: Path
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
    if has_fast("Predicting"):
        from scripts.training.fast import predict

        predict.speed_up(nlp, gpu_id, precision)
    return nlp


def load(model: Path, gpu_id: int, precision: str) -> "Language":
    """Load a pipeline that predicts fast, in this thread alone; all share weights. Raises UserError."""
    by_thread, thread = LOADED[model, gpu_id, precision], threading.get_ident()
    with LOADING:
        if thread not in by_thread:
            nlp = _load(model, gpu_id, precision)
            if by_thread:
                _share_weights(next(iter(by_thread.values())), nlp)
            by_thread[thread] = nlp
    return by_thread[thread]


def _share_weights(first: "Language", other: "Language") -> None:
    """Let a transformer compute by another's layers, but for dropout, which is on or off in each."""
    for name in first.pipe_names:
        if first.get_pipe_meta(name).factory == "transformer":
            shared, own = (nlp.get_pipe(name).model.transformer for nlp in (first, other))
            for path, layer in shared.named_modules():
                if not any(layer.children()) and "Dropout" not in type(layer).__name__:
                    own.set_submodule(path, layer)


def _load(model: Path, gpu_id: int, precision: str) -> "Language":
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


def predict_chunk(options: Options, texts: list[Text], part: Path, position: int) -> tuple[int, float, int]:
    """Predict a chunk and write it; return its position, when that began (`time.time`), and count words."""
    nlp = load(options.model, options.gpu_id, options.precision)
    started = time.time()
    with nlp.memory_zone():
        try:
            docs = predict(nlp, [text.text for text in texts])
        except Exception as error:  # a component's own
            places = f"{texts[0].source} to {texts[-1].source}"
            raise UserError(f"{places}: cannot be predicted ({type(error).__name__}: {error})") from error
        for doc, text in zip(docs, texts, strict=True):
            doc.user_data |= {"id": str(text.row.get("id", text.source)), "source": text.source}
        write_bytes(part, WRITERS[part.suffix](docs, [text.row for text in texts]))
        words = sum(map(len, docs))
        docs.clear()  # none may be used outside
    return position, started, words


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
    progress: Callable[[Counter], None] = lambda count: None,
) -> Counter:
    """Predict all texts that names stand for, and write them; return a count.

    The result is the same byte by byte whatever the number of workers, and however often a run was stopped.
    progress: is told the count so far: `bytes` of the input and `position` in them, `texts` and `rejected`;
    of this run `words` and, from when a worker had loaded, `seconds`.
    Raises UserError where the output is there, or what is done is of other texts, options or another model;
    AnnotationError with the place of a text that cannot be read, unless the options reject it.
    """
    count: Counter = Counter()
    with _unfinished(output, restart) as folder:
        files = find_texts([_keep_stdin(folder) if name == "-" else name for name in names], options.lines)
        _check_state(folder, options, files)
        if output.exists():  # only the folder was left to be deleted
            return count
        count["bytes"] = sum(path.stat().st_size for path in files)
        parts, rejects, began = folder / "parts", folder / "rejects", None
        with whole_file(rejects) as file:
            calls = _calls(files, parts, output.suffix or ".spacy", options, file, count)
            threads = needs_torch(options.model)  # which takes much memory in each process
            found = ordered_map(predict_chunk, calls, workers=workers, threads=threads)
            for position, started, words in found:
                began = min(began or started, started)
                count["words"] += words
                count |= {"position": position, "seconds": time.time() - began}
                progress(count)
        if not count["texts"]:
            raise UserError(f"{', '.join(names)}: no text is in it; name a file that holds some")
        if count["rejected"]:
            rejects.replace(output.with_name(f"{output.stem}.rejects.jsonl"))
        if output.suffix:
            join(sorted(parts.glob("[0-9]*")), output)
        else:
            parts.rename(output)
    return count


@contextmanager
def _unfinished(output: Path, restart: bool) -> Iterator[Path]:
    """Hold the hidden folder beside the output where what is done waits until all is, then delete it."""
    folder = output.with_name(f".{output.name}.parts")
    if output.exists() and (output.is_dir() if restart else not folder.exists()):
        remedy = "delete it, or name another --output" if output.is_dir() else ANEW
        raise UserError(f"{output}: is there already; {remedy}")
    require_folder(output.parent)
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        for path in (output, *parts.iterdir()) if restart else ():
            path.unlink(missing_ok=True)
        try:
            yield folder
        except BaseException:
            if not any(parts.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)
            raise
    shutil.rmtree(folder)


def _keep_stdin(folder: Path) -> str:
    """Copy standard input into a file: its size and its first bytes are asked for before it is read."""
    if sys.stdin is None:
        raise UserError("-: standard input is closed; pipe texts into this command, or name a file")
    with whole_file(folder / STDIN, durable=False) as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return str(folder / STDIN)


def _check_state(folder: Path, options: Options, files: Iterable[Path]) -> None:
    """See that what is done is of the same texts, model, options and versions; note these at the start."""
    inside = sorted(path for path in options.model.rglob("*") if path.is_file())
    texts, model = ([[path.as_posix(), sha256(path)] for path in paths] for paths in (files, inside))
    state = asdict(options) | {"texts": texts, "model": model, "versions": versions()}
    path = folder / "state.json"
    if not any((folder / "parts").iterdir()):
        write_json(path, state)
    before = read_json(path)
    if changed := [name for name in state if before.get(name) != state[name]]:
        raise UserError(f"{folder}: what is done there is of other {', '.join(changed)}; {ANEW}")


def _calls(
    files: dict[Path, str], parts: Path, ending: str, options: Options, rejects: BinaryIO, count: Counter
) -> Iterator[tuple]:
    """Yield what is still to be done."""
    for number, (texts, position) in enumerate(read_chunks(files, options.text_key, options.encoding)):
        for text in (text for text in texts if text.error):
            if not options.rejects:
                raise AnnotationError(text.error)
            row = {"source": text.source, "reason": text.error}
            rejects.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
            count["rejected"] += 1
        count["texts"] += len(texts)
        part = parts / f"{number:07}{ending}"
        if not part.exists():
            yield options, [text for text in texts if not text.error], part, position
