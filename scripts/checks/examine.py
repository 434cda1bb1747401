"""Examine a corpus: every document in several processes, then the whole, then what each config makes of it."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from scripts.checks.catalogue import BY_SLUG, CHECKS, Check, Finding, Severity, finding
from scripts.checks.config_checks import CONFIG_CHECKS
from scripts.checks.corpus_checks import CORPUS_CHECKS
from scripts.checks.corpus_stats import CorpusFinding, CorpusStats
from scripts.checks.inputs import Inputs
from scripts.checks.reading import read_whole
from scripts.checks.shard_stats import ShardStats, Task, shard_stats
from scripts.checks.trainer_input import TrainerInput, trainer_input
from scripts.checks.training_config import ConfigFile, TrainingConfig, load_training_config
from scripts.checks.unlabelled import labelled_elsewhere
from scripts.corpus.pool import ordered_map

FIRST = 8
"""Tasks that the leading process does by itself, so that something is told soon."""
SHARDS = 10
"""Shards that a process looks at in one go."""
WORTH_A_WORKER = 2 * 2**20
"""Bytes of shards from which a further process pays for its start."""

Progress = Callable[[int], None]
"""Hears how many bytes of shards were looked at."""


@dataclass(slots=True)
class Report:
    """What was found.

    places: how many findings are kept of each check, split and config; 0: all. tell: hears of each one that is kept.
    found: how many there are in all, by slug, split, config and severity. counts: documents, tokens and entities of each
    split. trainers: by config and split, what reaches the trainer.
    """

    places: int
    tell: Callable[[Finding], None] = lambda finding: None
    findings: list[Finding] = field(default_factory=list)
    found: Counter[tuple[str, str, str, Severity]] = field(default_factory=Counter)
    counts: dict[str, dict] = field(default_factory=dict)
    trainers: dict[str, dict[str, TrainerInput]] = field(default_factory=dict)

    def add(self, one: Finding) -> None:
        """Count a finding, and keep it unless its check has enough places."""
        is_kept = not self.has_enough(one.slug, one.split, one.variant)
        self.found[one.slug, one.split, one.variant, one.severity] += 1
        if is_kept:
            self.findings.append(one)
            self.tell(one)

    def has_enough(self, slug: str, split: str, variant: str = "") -> bool:
        """Say whether no more places are kept of a check in a split."""
        return 0 < self.places <= sum(self.found[slug, split, variant, severity] for severity in Severity)

    def total(self, severity: Severity, *, split: str | None = None, variant: str | None = None) -> int:
        """Count findings of a severity; of one split, or of one config (empty: of none) alone, where these are given."""
        return sum(
            count
            for (_, found_split, names, found_severity), count in self.found.items()
            if found_severity is severity
            and split in (None, found_split)
            and (variant is None or variant in names.split(", "))
        )

    def by_check(self) -> list[tuple[Check, Counter[Severity]]]:
        """Return the checks that found something, by code, and how much of each severity."""
        found: dict[str, Counter[Severity]] = {}
        for (slug, _, _, severity), count in self.found.items():
            found.setdefault(slug, Counter())[severity] += count
        return [(check, found[check.slug]) for check in CHECKS if check.slug in found]

    @property
    def errors(self) -> int:
        """How many errors there are in all."""
        return self.total(Severity.error)

    @property
    def warnings(self) -> int:
        """How many warnings there are in all."""
        return self.total(Severity.warning)


def validate(
    inputs: Inputs,
    report: Report,
    checks: frozenset[str],
    labels: frozenset[str] = frozenset(),
    workers: int = 1,
    progress: Progress = lambda done: None,
) -> None:
    """Add to a report all that is found in a corpus, before, in and after the look at its documents."""
    for one in inputs.check_files():
        if one.slug in checks:
            report.add(one)
    options = {"labels": labels, "workers": workers, "progress": progress}
    examine(inputs.files(), report, checks=checks, configs=inputs.configs, **options)
    for one in inputs.check_counts(report.counts):
        if one.slug in checks:
            report.add(one)


def examine(
    splits: dict[str, list[Path]],
    report: Report,
    *,
    checks: frozenset[str],
    configs: Iterable[ConfigFile] = (),
    labels: frozenset[str] = frozenset(),
    workers: int = 1,
    progress: Progress = lambda done: None,
) -> Report:
    """Look at the shards of each split, and add to the report what is found.

    Memory does not grow with the corpus, but for some 60 bytes a document and the distinct names.
    Raises UserError where a config or a tokeniser cannot be loaded.
    """
    loaded = [load_training_config(file) for file in configs]
    for config in loaded:
        place = {"source": config.file.path.as_posix(), "variant": config.file.name}
        for slug, function in CONFIG_CHECKS.items():
            for detail in function(config) if slug in checks else ():
                report.add(finding(slug, "", detail, **place))
    alike = _read_alike([config for config in loaded if config.has_plain_readers])
    corpus = CorpusStats(splits, labels)
    tasks = list(_tasks(splits, checks, labels, alike))
    _look_at_shards(corpus, tasks, report, workers, progress)
    for slug, found in _check_corpus(corpus, checks, workers):
        _add(report, corpus, slug, found)
    report.counts |= {name: split.as_json() for name, split in corpus.splits.items()}
    for config in loaded:
        name = next((name for name, files in alike.items() if config.file in files), "")
        report.trainers[config.file.name] = {}
        for split in [split for split in ("train", "dev") if split in splits]:
            _check_trainer_input(report, corpus, config, split, name, checks)
    return report


def _read_alike(configs: list[TrainingConfig]) -> dict[str, tuple[ConfigFile, ...]]:
    """Put configs together that read alike, under their names."""
    alike: dict[str, list[ConfigFile]] = {}
    for config in configs:
        alike.setdefault(config.reading_key, []).append(config.file)
    return {", ".join(file.name for file in files): tuple(files) for files in alike.values()}


def _tasks(
    splits: dict[str, list[Path]],
    checks: frozenset[str],
    labels: frozenset[str],
    configs: dict[str, tuple[ConfigFile, ...]],
) -> Iterator[Task]:
    """Cut the corpus into tasks: the first is one shard, so that something is seen soon."""
    size = 1
    for split, paths in splits.items():
        at = 0
        while at < len(paths):
            yield Task(
                split, tuple(paths[at : at + size]), checks, labels, configs if split != "test" else {}
            )
            at, size = at + size, SHARDS


def _look_at_shards(
    corpus: CorpusStats, tasks: list[Task], report: Report, workers: int, progress: Progress
) -> None:
    """Add the statistics and findings of all shards; find near duplicates once all are there."""
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        path = Path(folder) / "shingles"
        with path.open("wb") as file:
            for task, stats in zip(tasks, _all_stats(tasks, workers), strict=True):
                corpus.add(task.split, task.paths, stats)
                for one in stats.findings:
                    report.add(one)
                file.write(stats.shingles.tobytes())
                progress(sum(shard.stat().st_size for shard in task.paths))
        if path.stat().st_size:
            corpus.join_near(path)


def _all_stats(tasks: list[Task], workers: int) -> Iterator[ShardStats]:
    """Do the first tasks here, before other processes are started: they take a second to come up."""
    here = len(tasks) if workers == 1 else FIRST
    yield from map(shard_stats, tasks[:here])
    yield from ordered_map(shard_stats, ((task,) for task in tasks[here:]), workers=workers)


def _check_corpus(
    corpus: CorpusStats, checks: frozenset[str], workers: int
) -> Iterator[tuple[str, CorpusFinding]]:
    for slug, function in CORPUS_CHECKS.items():
        if slug in checks:
            yield from ((slug, found) for found in function(corpus))
    if "labelled-elsewhere" in checks:
        yield from (("labelled-elsewhere", found) for found in labelled_elsewhere(corpus, workers))


def _check_trainer_input(
    report: Report,
    corpus: CorpusStats,
    config: TrainingConfig,
    split: str,
    name: str,
    checks: frozenset[str],
) -> None:
    """Add what reaches a config's trainer, and what does not. name: of the configs that read alike, if one by one."""
    stats = corpus.splits[split]
    table, failures = (stats.inputs(name), []) if name else read_whole(config, split)
    arrived, lost = trainer_input(config, split, table, stats)
    report.trainers[config.file.name][split] = arrived
    for (variant, source), counts in stats.unknown.items():
        if variant == config.file.name and (one := counts.finding(source)):
            found = CorpusFinding(split, one.detail, counts.document, (one.start, one.end))
            lost.append((one.slug, found))
    if split == "train":
        crossing = sum(report.found["across-sentences", split, "", severity] for severity in Severity)
        doubts = config.annotators.doubts(crossing)
        lost += [("unknown-annotation", CorpusFinding(split, doubt)) for doubt in doubts]
    lost += [(one.slug, CorpusFinding(split, one.detail)) for one in failures]
    for slug, found in lost:
        if slug in checks:
            _add(report, corpus, slug, found, config.file)


def _add(
    report: Report, corpus: CorpusStats, slug: str, found: CorpusFinding, config: ConfigFile | None = None
) -> None:
    """Count what a check of the corpus, or of what a config makes of it, found; look up its place only if it is kept."""
    variant, source = (config.name, config.path.as_posix()) if config else ("", "")
    if report.has_enough(slug, found.split, variant):
        report.found[slug, found.split, variant, BY_SLUG[slug].severity] += 1
    else:
        report.add(corpus.finding(slug, found, variant=variant, source=source))


def choose_workers(splits: dict[str, list[Path]], cores: int) -> int:
    """Return how many processes are worth starting."""
    size = sum(path.stat().st_size for path in chain(*splits.values()))
    return max(1, min(cores, size // WORTH_A_WORKER))
