"""What is to be checked: this project's corpus or any DocBin files, and the configs."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.checks.catalogue import Finding, finding
from scripts.checks.notes import noted
from scripts.checks.scored import scored_elsewhere
from scripts.checks.training_config import ConfigFile, TrainingConfig, load_training_config
from scripts.cli import UserError
from scripts.corpus.config_file import CONFIG, one_line
from scripts.corpus.files import sha256
from scripts.corpus.settings import Settings
from scripts.corpus.shards import ShardError, check_shards, read_manifest
from scripts.corpus.splits import SPLITS


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is to be checked.

    data: a `.spacy` file or a folder of them for each split. corpus: the folder where all of them are, if preprocessing made them.
    drawn: holds the files of splits that a reader of another kind has elsewhere.
    """

    data: dict[str, Path]
    recipes: tuple[ConfigFile, ...]
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
        from spacy.training.corpus import FILE_TYPE, walk_corpus

        found = {}
        for split, path in self.data.items():
            if not path.exists():
                raise UserError(
                    f"{path}: no such file or folder; --{split} wants a .spacy file, or a folder of them"
                )
            if path.is_file() and not path.name.endswith(FILE_TYPE):
                raise UserError(
                    f"{path}: is no .spacy file; turn it into a corpus by: python -m scripts.preprocess --train={path}"
                )
            found[split] = (
                walk_corpus(path, FILE_TYPE) if path.is_file() or any(path.rglob(f"*{FILE_TYPE}")) else []
            )
            if not found[split] and self.corpus is None:
                raise UserError(f"{path}: holds no .spacy file")
        return found

    def own_findings(self) -> Iterator[Finding]:
        """Yield what preprocessing noted, and what is wrong with the files themselves."""
        if self.corpus is None:
            return
        yield from noted(self.corpus, Settings.from_json(self.manifests["train"]["settings"]), self.manifests)
        for split, manifest in self.manifests.items():
            try:
                check_shards(self.data[split], manifest)
            except ShardError as error:
                yield finding("damaged-shard", split, str(error), shard=self.data[split].as_posix())
        yield from scored_elsewhere(self.data["test"], self.manifests["test"], self.recipes)

    def ledger_findings(self, counts: dict[str, dict]) -> Iterator[Finding]:
        """Yield where the shards do not hold what their manifest says."""
        for split, manifest in self.manifests.items():
            counted = tuple(counts[split][name] for name in ("documents", "tokens", "labels"))
            listed = (manifest["documents"], manifest["tokens"], manifest["entities"])
            if counted != listed:
                detail = "documents, tokens, entities: {} in the shards, {} in the manifest".format(
                    *map(str, (counted, listed))
                )
                yield finding("ledger", split, detail, shard=self.data[split].as_posix())


def find_inputs(
    configs: list[Path],
    data: dict[str, Path | None],
    corpus: Path,
    code: list[Path],
    overrides: tuple[str, ...] = (),
) -> Inputs:
    """Find out what is to be checked: the files that are named, or else the first config's, or else the corpus.

    code, overrides: of every config, as the command line has them.
    Raises UserError where something is missing, or raw files changed after the corpus was made.
    """
    if overrides and not configs:
        raise UserError(
            f"{overrides[0]}: no such option, and no config that it could be a setting of; name one by --config"
        )
    given = {split: path for split, path in data.items() if path is not None}
    if not given and not configs:
        return _own(corpus, ())
    if given and "train" not in given:
        raise UserError(f"--{next(iter(given))} is given without --train; name the training data, too")
    paths = (
        tuple((split, given.get(split, given["train"]).as_posix()) for split in ("train", "dev"))
        if given
        else ()
    )
    recipes = tuple(
        ConfigFile(name, path, tuple(code), paths, overrides) for name, path in _names(configs).items()
    )
    loaded = [load_training_config(file) for file in recipes]
    if given:
        return Inputs(given, recipes)
    found = {split: loaded[0].path(split) for split in ("train", "dev")}
    for recipe in loaded[1:]:
        if {split: recipe.path(split) for split in found} != found:
            raise UserError(
                f"{recipe.file.path} and {loaded[0].file.path} name other data; give --train and --dev, or check one at a time"
            )
    if all(
        path is not None and path.resolve() == (corpus / split).resolve() for split, path in found.items()
    ):
        return _own(corpus, recipes)
    if all(found.values()):
        return Inputs(found, recipes)
    folder = tempfile.TemporaryDirectory(prefix="validate-", ignore_cleanup_errors=True)
    return Inputs(
        {split: path or _drawn(loaded[0], split, Path(folder.name)) for split, path in found.items()},
        recipes,
        drawn=folder,
    )


def _drawn(recipe: TrainingConfig, split: str, folder: Path) -> Path:
    """Write what a config's own reader yields to a `.spacy` file, so that it can be looked at as any other; return the file."""
    from spacy.tokens import DocBin

    whole = DocBin()
    try:
        for example in recipe.read(split):
            whole.add(example.reference)
    except Exception as error:  # a reader may be anybody's code
        name = recipe.training[f"{split}_corpus"]
        raise UserError(
            f"{recipe.file.path}: [{name}] fails after {len(whole):,} examples: {one_line(error)}; mend the reader or its data"
        ) from None
    path = folder / f"{split}.spacy"
    whole.to_disk(path)
    return path


def _names(configs: list[Path]) -> dict[str, Path]:
    """Name each config: by its folder, where it is called config.cfg, or else by its own name."""
    names: dict[str, Path] = {}
    for path in configs:
        name = path.resolve().parent.name if path.name == CONFIG else path.stem
        names[name if name not in names else path.as_posix()] = path
    return names


def _own(corpus: Path, recipes: tuple[ConfigFile, ...]) -> Inputs:
    manifests = {split: read_manifest(corpus / split) for split in SPLITS}
    for manifest in manifests.values():
        for source in [] if manifest["drawn_from_train"] else manifest["sources"]:
            if not Path(source["path"]).exists() or sha256(Path(source["path"])) != source["sha256"]:
                raise UserError(
                    f"{source['path']}: changed or gone since the corpus was built; run: python -m spacy project run corpus"
                )
    return Inputs({split: corpus / split for split in SPLITS}, recipes, corpus, manifests)
