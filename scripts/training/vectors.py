"""Make the word vectors from which pipelines start: a folder that `[initialize] vectors` takes."""

from pathlib import Path

import numpy
import spacy
from spacy.strings import StringStore, hash_string
from spacy.vectors import Vectors

from scripts.cli import UserError
from scripts.corpus.files import read_json, replace_folder, sha256
from scripts.corpus.shards import MANIFEST, Shard
from scripts.corpus.vectors import FACTS, ORIGIN, read_vectors, require_vectors, table_sha256
from scripts.training.packaged import find_source
from scripts.training.vector_file import read_vector_file

CASED = 0.001
"""Share of words with a capital from which a table knows case."""


def make_vectors(source: str, folder: Path, *, lang: str, keep: int = 0, train: Path | None = None) -> dict:
    """Make a pipeline without components that has a source's vectors; return its meta.

    source: a packaged model's name, an installed pipeline's, a pipeline's folder, or a text file. keep: 0, or
    how many words keep their vectors, the most frequent (tables are in that order), beside all of the corpus
    in `train`. In a table without capitals a word's capitalised forms have its vector, too.
    The strings of the words are left out: they take a third as much again, and serve `most_similar` alone.
    What is there already, made of the same, stays as it is. Raises UserError where a source is none.
    """
    path = find_source(source, lang, "vectors")
    if path.is_dir():
        path = require_vectors(path.as_posix())
    manifest = train / MANIFEST if keep and train is not None else None
    made_of = {
        "source": source,
        "sha256": sha256(path) if path.is_file() else table_sha256(path),
        "lang": lang,
        "keep": keep,
        "train_sha256": sha256(manifest) if manifest else None,
    }
    meta = folder / "meta.json"
    if meta.is_file() and read_json(meta).get(ORIGIN, {}).get("made_of") == made_of:
        return read_json(meta)
    words = _words(train) if manifest else set()
    vectors = _of_file(path, keep, words) if path.is_file() else _of_pipeline(path, keep, words)
    if not vectors.size:
        raise UserError(f"{path}: holds no word vectors; set vars.vectors to what does, or leave it empty")
    facts = read_json(path / meta.name) if path.is_dir() else {}
    nlp = spacy.blank(lang)
    vectors.strings = nlp.vocab.strings
    vectors.name = f"{lang}_vectors"
    nlp.vocab.vectors = vectors
    nlp.meta["name"] = "vectors"
    nlp.meta |= {name: facts[name] for name in FACTS if name in facts}
    table = sha256(path / "vocab" / "vectors") if path.is_dir() else None
    nlp.meta[ORIGIN] = {"made_of": made_of, "lang": facts.get("lang"), "vectors_sha256": table}
    new = folder.with_name(f".{folder.name}.new")
    new.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(new)
    replace_folder(new, folder)
    return read_json(meta)


def _words(train: Path) -> set[int]:
    """Return the hashes of a split's words, as they are and in lower case."""
    paths = [train / shard["name"] for shard in read_json(train / MANIFEST)["shards"]]
    strings = {string for path in paths for string in Shard(path).strings}
    return {hash_string(form) for string in strings for form in (string, string.lower())}


def _of_file(path: Path, keep: int, kept: set[int]) -> Vectors:
    """Return the vectors of a text file."""

    def is_wanted(row: int, word: str) -> bool:
        return not keep or row < keep or hash_string(word) in kept

    words, data, floret = read_vector_file(path, is_wanted)
    if floret:
        return Vectors(data=data, **floret)
    return _vectors(data, {hash_string(word): row for row, word in enumerate(words)}, words)


def _of_pipeline(folder: Path, keep: int, words: set[int]) -> Vectors:
    """Return the vectors of a pipeline."""
    vectors, strings = read_vectors(folder), folder / "vocab" / "strings.json"
    if vectors.mode == "floret":
        return vectors
    known = StringStore().from_disk(strings) if strings.is_file() else StringStore()
    pairs = enumerate(vectors.key2row.items())
    rows = {key: row for number, (key, row) in pairs if not keep or number < keep or key in words}
    return _vectors(vectors.data, rows, [known[key] for key in rows if key in known])


def _vectors(data: numpy.ndarray, rows: dict[int, int], words: list[str]) -> Vectors:
    """Make a table of the rows, by hash of word, and let capitalised forms find those in lower case."""
    used, numbers = numpy.unique(numpy.array([*rows.values()], dtype=numpy.int64), return_inverse=True)
    rows = dict(zip(rows, numbers.tolist(), strict=True))
    if sum(word != word.lower() for word in words) < CASED * len(words):
        for word in words:
            for form in (word.capitalize(), word.title(), word.upper()):
                rows.setdefault(hash_string(form), rows[hash_string(word)])
    vectors = Vectors(data=data[used])
    vectors.key2row = rows
    return vectors
