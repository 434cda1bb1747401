"""Build a corpus: read, convert, shard, and keep the ledger."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from scripts.annotations.record import AnnotationError, Record
from scripts.corpus.convert import to_doc
from scripts.corpus.files import replace_folder, sha256
from scripts.corpus.ledger import Ledger
from scripts.corpus.shards import ShardWriter
from scripts.corpus.splits import SPLITS, RawCorpus
from scripts.corpus.tokenizer import load_tokenizer
from scripts.corpus.versions import versions


def build_corpus(raw: RawCorpus, records: Iterable[tuple[str, Record]], folder: Path, *, lang: str) -> dict[str, Ledger]:
    """Write `folder/{train,dev,test}` from `records`, which is `raw.read()` or a wrapper around it.

    Everything is written beside the old corpus and takes its place at the end, so an error leaves the old one whole.
    Returns each split's ledger. Raises AnnotationError on data that cannot be read, on an id used twice in a file and on a
    split that ends up empty.
    """
    tokenizer = load_tokenizer(lang)
    ledgers = {split: Ledger() for split in SPLITS}
    ids: dict[tuple[str, str], str] = {}
    staging = folder / ".new"
    with ExitStack() as stack:
        writers = {split: stack.enter_context(ShardWriter(staging / split)) for split in SPLITS}
        for split, record in records:
            ledger = ledgers[split]
            place = f"{record.source} ({record.id})"
            key = (record.source.path, record.id)
            if key in ids:
                raise AnnotationError(f"{place}: the id is used at {ids[key]} too; give each document its own")
            ids[key] = str(record.source)
            tokens = None if record.words is None else len(record.words)
            ledger.stage("raw").add(tokens=tokens, entities=len(record.spans))
            if record.excluded or not record.text:
                ledger.lose(record.excluded or "empty text", place, documents=1, entities=len(record.spans))
                continue
            doc, losses = to_doc(record, tokenizer)
            for loss in losses:
                surface = record.text[loss.span.start : loss.span.end]
                ledger.lose(loss.code, f"{place}: {surface!r} {loss.span.label}: {loss.detail}", entities=1)
            ledger.stage("corpus").add_doc(doc)
            writers[split].add(doc)
        for split, ledger in ledgers.items():
            if not ledger.stage("corpus").documents:
                raise AnnotationError(f"the {split} split has no document; {_remedy(raw, split)}")
            ledger.check("raw", "corpus")
            writers[split].write_manifest(_identity(raw, split, lang) | {"ledger": ledger.as_json()})
    for split in SPLITS:
        replace_folder(staging / split, folder / split)
    staging.rmdir()
    return ledgers


def _identity(raw: RawCorpus, split: str, lang: str) -> dict:
    path = raw.files[split] or raw.files["train"]
    return {
        "split": split,
        "source": {"path": path.as_posix(), "sha256": sha256(path), "drawn_from_train": raw.files[split] is None},
        "format": str(raw.format),
        "lang": lang,
        "seed": raw.seed,
        "versions": {name: version for name, version in versions().items() if name in ("python", "spacy")},
    }


def _remedy(raw: RawCorpus, split: str) -> str:
    missing = [name for name, path in raw.files.items() if path is None]
    if missing:
        variables = ", ".join(f"vars.{name}" for name in missing)
        return f"too few different texts are in {raw.files['train']} to hold some out; add documents, or set {variables} to a file"
    return f"every document of {raw.files[split]} was left out; see the file's answers and texts"
