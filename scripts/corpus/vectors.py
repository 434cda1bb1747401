"""Where trained pipelines and their tables of word vectors are on disk, and what identifies a table."""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spacy.vectors import Vectors

from scripts.cli import UserError
from scripts.corpus.files import read_json, sha256

TABLE = ("vectors", "key2row", "vectors.cfg")
"""The files in a pipeline's `vocab` that are its table; the second is missing in a floret table."""
FACTS = ("author", "url", "license", "sources")
"""What of a pipeline's meta.json goes with what is taken from it."""
ORIGIN = "ner_template"
"""The key in a pipeline's meta.json where what this project makes says of what it was made."""


def pipeline_folder(name: str) -> Path | None:
    """Return where a pipeline is that is a folder or an installed package; None where there is none."""
    if (Path(name) / "meta.json").is_file():
        return Path(name)
    package = package_folder(name.replace("-", "_"))
    if package is None or not (package / "meta.json").is_file():
        return None
    meta = read_json(package / "meta.json")
    return package / f"{meta['lang']}_{meta['name']}-{meta['version']}"


def package_folder(module: str) -> Path | None:
    """Return where an installed package is, which is not imported; None where there is none."""
    spec = find_spec(module) if module.isidentifier() else None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def require_vectors(name: str) -> Path:
    """Return the folder of a pipeline that has word vectors. Raises UserError where there is none."""
    folder = pipeline_folder(name)
    if folder is None:
        remedy = "run: python -m scripts.configure, or name a folder or an installed pipeline"
        raise UserError(f"{name}: holds no word vectors, and no installed pipeline has that name; {remedy}")
    if not (folder / "vocab" / TABLE[0]).is_file():
        raise UserError(f"{folder}: has no word vectors (vocab/vectors); name a pipeline that has some")
    return folder


def table_sha256(folder: Path) -> str:
    """Return a hash of a pipeline's table of vectors."""
    paths = [folder / "vocab" / name for name in TABLE]
    return hashlib.sha256(" ".join(sha256(path) for path in paths if path.is_file()).encode()).hexdigest()


def read_vectors(folder: Path) -> Vectors:
    """Read a pipeline's table of vectors, without its words' strings. Raises UserError if it is damaged."""
    vectors = Vectors()
    try:
        vectors.from_disk(folder / "vocab", exclude=["strings"])
        rows = vectors.data.shape[0]
        if vectors.data.ndim != 2 or any(not 0 <= row < rows for row in vectors.key2row.values()):
            raise ValueError("its keys and rows do not agree")
    except (OSError, ValueError, TypeError, AttributeError, EOFError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        remedy = "make or install it again"
        raise UserError(f"{folder / 'vocab'}: is no table of word vectors ({why}); {remedy}") from None
    return vectors


_cached = lru_cache(maxsize=1)(lambda folder, modified: read_vectors(folder))


def cached_vectors(folder: Path) -> Vectors:
    """Return `read_vectors`, once as long as the table stays what it is."""
    return _cached(folder, (folder / "vocab" / TABLE[0]).stat().st_mtime_ns)


def pretrained_sha256(full: dict[str, Any]) -> dict[str, str | None]:
    """Return hashes of the vectors and the tok2vec from which a filled config without variables starts.

    None: it starts from none, or it is not there.
    """
    vectors, weights = (full["initialize"].get(name) for name in ("vectors", "init_tok2vec"))
    folder = pipeline_folder(vectors) if vectors else None
    return {
        "vectors": table_sha256(folder) if folder else None,
        "tok2vec": sha256(Path(weights)) if weights and Path(weights).is_file() else None,
    }


def pretrained_facts(full: dict[str, Any]) -> dict[str, dict | None]:
    """Return where vectors and tok2vec of such a config are from: source, author, licence, and their size."""
    vectors, weights = (full["initialize"].get(name) for name in ("vectors", "init_tok2vec"))
    meta = read_json(require_vectors(vectors) / "meta.json") if vectors else None
    notes = Path(weights).with_suffix(".json") if weights else None
    return {
        "vectors": meta and {name: meta[name] for name in ("vectors", ORIGIN, *FACTS) if name in meta},
        "tok2vec": read_json(notes) if notes is not None and notes.is_file() else None,
    }
