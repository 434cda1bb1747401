"""What is to be checked: this project's corpus or any DocBin files, and the configs."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from spacy.tokens import DocBin
from spacy.training.corpus import FILE_TYPE

from scripts.checks.training_config import TrainingConfig, load_training_config
from scripts.cli import UserError
from scripts.corpus.config_file import CONFIG, ConfigFile, one_line
from scripts.corpus.files import sha256
from scripts.corpus.shards import read_manifest
from scripts.corpus.splits import SPLITS
from scripts.corpus.stream import docbin_files


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is to be checked.

    data: a `.spacy` file or a folder of them for each split. corpus: the folder where all of them are, if
    preprocessing made them. drawn: holds the files of splits that a reader of another kind has elsewhere.
    """

    data: dict[str, Path]
    configs: tuple[ConfigFile, ...]
    corpus: Path | None = None
    manifests: dict[str, dict] = field(default_factory=dict)
    drawn: tempfile.TemporaryDirectory | None = None

    @property
    def kept(self) -> dict[str, Path]:
        """The data that are still there when this is over."""
        drawn = Path(self.drawn.name) if self.drawn is not None else None
        return {split: path for split, path in self.data.items() if path.parent != drawn}

    def files(self) -> dict[str, list[Path]]:
        """Return the DocBin files of each split, in spaCy's order. Raises UserError where there are none."""
        found = {}
        for split, path in self.data.items():
            if not path.exists():
                remedy = f"--{split} wants a .spacy file, or a folder of them"
                raise UserError(f"{path}: no such file or folder; {remedy}")
            if path.is_file() and path.suffix != FILE_TYPE:
                remedy = f"turn it into a corpus by: python -m scripts.preprocess --train={path}"
                raise UserError(f"{path}: is no .spacy file; {remedy}")
            found[split] = docbin_files(path)
            if not found[split] and self.corpus is None:
                raise UserError(f"{path}: holds no .spacy file")
        return found


def find_inputs(
    configs: list[Path], data: dict[str, Path | None], corpus: Path, code: list[Path], overrides: tuple = ()
) -> Inputs:
    """Find out what is to be checked: the files that are named, or else the configs', or else the corpus.

    All configs have to name the same: the corpus, other files, or a reader (of which the first is asked).
    code, overrides: of every config, as the command line has them.
    Raises UserError where something is missing, or raw files changed after the corpus was made.
    """
    if overrides and not configs:
        problem = f"{overrides[0]}: no such option, and no config that it could be a setting of"
        raise UserError(f"{problem}; name one by --config")
    given = {split: path for split, path in data.items() if path is not None}
    if given and "train" not in given:
        raise UserError(f"--{next(iter(given))} is given without --train; name the training data, too")
    splits = ("train", "dev") if given else ()
    paths = tuple((split, given.get(split, given["train"]).as_posix()) for split in splits)
    files: dict[str, ConfigFile] = {}
    for path in configs:  # each is named by its folder, if it is called config.cfg, or by its own name
        name = path.resolve().parent.name if path.name == CONFIG else path.stem
        name = path.as_posix() if name in files else name
        files[name] = ConfigFile(name, path, tuple(code), paths, overrides)
    named, loaded = tuple(files.values()), [load_training_config(file) for file in files.values()]
    if given:
        return Inputs(given, named)
    found = {split: config.path(split) for config in loaded[:1] for split in ("train", "dev")}
    for config in loaded[1:]:
        if {split: config.path(split) for split in found} != found:
            both = f"{config.file.path} and {named[0].path} name other data"
            raise UserError(f"{both}; give --train and --dev, or check one at a time")
    if all(path and path.resolve() == (corpus / split).resolve() for split, path in found.items()):
        return _of_corpus(corpus, named)
    if all(found.values()):
        return Inputs(found, named)
    folder = tempfile.TemporaryDirectory(prefix="validate-", ignore_cleanup_errors=True)
    drawn = {split: path or _draw(loaded[0], split, Path(folder.name)) for split, path in found.items()}
    return Inputs(drawn, named, drawn=folder)


def _draw(config: TrainingConfig, split: str, folder: Path) -> Path:
    """Write what a config's reader yields to a `.spacy` file, to be looked at as any other."""
    whole = DocBin()
    try:
        for example in config.read(split):
            whole.add(example.reference)
    except Exception as error:  # a reader may be anybody's code
        name = config.training[f"{split}_corpus"]
        failed = f"[{name}] fails after {len(whole):,} examples: {one_line(error)}"
        raise UserError(f"{config.file.path}: {failed}; repair the reader or its data") from None
    path = folder / f"{split}.spacy"
    whole.to_disk(path)
    return path


def _of_corpus(corpus: Path, configs: tuple[ConfigFile, ...]) -> Inputs:
    manifests = {split: read_manifest(corpus / split) for split in SPLITS}
    for manifest in manifests.values():
        for source in [] if manifest["drawn_from_train"] else manifest["sources"]:
            path = Path(source["path"])
            if not path.exists() or sha256(path) != source["sha256"]:
                problem = f"{source['path']}: changed or gone since the corpus was built"
                raise UserError(f"{problem}; run: python -m spacy project run corpus")
    return Inputs({split: corpus / split for split in SPLITS}, configs, corpus, manifests)
