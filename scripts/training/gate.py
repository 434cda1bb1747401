"""Train only on what passed validation: this very corpus, for this very config."""

from pathlib import Path

from scripts.command import UserError
from scripts.corpus.files import read_json, sha256
from scripts.corpus.shards import MANIFEST, VALIDATED, check_shards, read_manifest

RUN = "run: python -m spacy project run validate"
SPLITS = ("train", "dev")


def require_validated(corpus: Path, folder: Path) -> dict[str, dict]:
    """Return what reaches the trainer from train, and the evaluation from dev: documents, tokens, entities, batches of an epoch.

    folder: the variant's, with config.cfg. Raises UserError unless the corpus is whole and unchanged since it passed validation, and did so
    for this config.
    """
    for split in SPLITS:
        check_shards(corpus / split, read_manifest(corpus / split))
        report = _passed(corpus / split / VALIDATED)
        if sha256(corpus / split / MANIFEST) != report["manifest_sha256"]:
            raise UserError(f"{corpus / split} changed after it was validated; {RUN}")
    report = _passed(folder / VALIDATED)
    if sha256(folder / "config.cfg") != report["config_sha256"]:
        raise UserError(f"{folder / 'config.cfg'} changed after the corpus was validated for it; {RUN}")
    for split in SPLITS:
        if sha256(corpus / split / MANIFEST) != report["corpus_sha256"][split]:
            raise UserError(f"{folder / VALIDATED} is about another {split} split than {corpus / split}; {RUN}")
    return report["reaches"]


def _passed(path: Path) -> dict:
    if not path.exists():
        raise UserError(f"{path}: no such file; {RUN}")
    report = read_json(path)
    if report["errors"]:
        raise UserError(f"{path} counts {report['errors']} errors; mend the data or the config and {RUN}")
    return report
