"""Examine a corpus: each document in several processes, then the whole, then what each config makes of it."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from scripts.checks.catalogue import BY_SLUG, CHECKS, Check, Finding, Severity, finding
from scripts.checks.config_checks import CONFIG_CHECKS
from scripts.checks.corpus_checks import CORPUS_CHECKS
from scripts.checks.inputs import Inputs
from scripts.checks.preprocessed import check_counts, check_files
from scripts.checks.stats import CorpusFinding, CorpusStats, Task, shard_stats
from scripts.checks.trainer_input import TrainerInput, trainer_input
from scripts.checks.training_config import ConfigFile, TrainingConfig, load_training_config
from scripts.checks.unlabelled import labelled_elsewhere
from scripts.corpus.pool import ordered_map

FIRST = 8
"""Tasks that the leading process does by itself: others take a second to come up."""
SHARDS = 10
"""Shards that a process looks at in one go."""
WORTH_A_WORKER = 2 * 2**20
"""Bytes of shards from which a further process pays for its start."""
MOST_WORKERS = 3
"""Processes beside the leading one unless more are asked for: each takes 120 MB."""

Progress = Callable[[int], None]
"""Hears how many bytes of shards were looked at."""


@dataclass(slots=True)
class Report:
    """What was found.

    places: how many findings are kept of a check, split and config; 0: all. tell: hears of each that is kept.
    found: how many, by slug, split, config and severity. counts: what is in each split. trainers: by
    config and split, what reaches the trainer.
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

    def add_all(self, findings: Iterable[Finding]) -> None:
        """Count findings."""
        for one in findings:
            self.add(one)

    def add_from(self, corpus: CorpusStats, found: CorpusFinding, config: ConfigFile | None = None) -> None:
        """Count what was found in a corpus, or by a config in it; look up its place only if it is kept."""
        variant, source = (config.name, config.path.as_posix()) if config else ("", "")
        if self.has_enough(found.slug, found.split, variant):
            self.found[found.slug, found.split, variant, BY_SLUG[found.slug].severity] += 1
        else:
            self.add(corpus.finding(found, variant=variant, source=source))

    def has_enough(self, slug: str, split: str, variant: str = "") -> bool:
        """Say whether no more places are kept of a check in a split."""
        return 0 < self.places <= self.count(slug, split, variant)

    def count(self, slug: str, split: str, variant: str = "") -> int:
        """Return how often a check found something in a split."""
        return sum(self.found[slug, split, variant, severity] for severity in Severity)

    def by_check(self) -> list[tuple[Check, Counter[Severity]]]:
        """Return the checks that found something, by code, and how much of each severity."""
        found: dict[str, Counter[Severity]] = {}
        for (slug, _, _, severity), count in self.found.items():
            found.setdefault(slug, Counter())[severity] += count
        return [(check, found[check.slug]) for check in CHECKS if check.slug in found]

    def total(
        self, severity: Severity, *, splits: Iterable[str] | None = None, variant: str | None = None
    ) -> int:
        """Count findings of a severity; only of some splits, or of one config and of none, if given."""
        return sum(
            count
            for (_, split, names, found_severity), count in self.found.items()
            if found_severity is severity
            and (splits is None or split in splits)
            and (variant is None or not names or variant in names.split(", "))
        )


def validate(inputs: Inputs, report: Report, checks: frozenset[str], **options: object) -> None:
    """Add to a report all that is found in a corpus, before, in and after the look at its documents.

    options: further ones of `examine`.
    """
    corpus, manifests = inputs.corpus, inputs.manifests
    before = check_files(corpus, manifests, inputs.configs) if corpus else ()
    report.add_all(one for one in before if one.slug in checks)
    examine(inputs.files(), report, checks=checks, configs=inputs.configs, **options)
    after = check_counts(corpus, manifests, report.counts) if corpus else ()
    report.add_all(one for one in after if one.slug in checks)


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
        for slug in [slug for slug in CONFIG_CHECKS if slug in checks]:
            for detail in CONFIG_CHECKS[slug](config):
                report.add(finding(slug, "", detail, **place))
    alike: dict[str, list[ConfigFile]] = {}
    for config in [config for config in loaded if config.has_plain_readers]:
        alike.setdefault(config.reading_key, []).append(config.file)
    named = {", ".join(file.name for file in files): tuple(files) for files in alike.values()}
    corpus = CorpusStats(splits, labels)
    tasks = [
        Task(split, tuple(paths), checks, labels, named if split != "test" else {})
        for split, paths in _parts(splits)
    ]
    _look_at_shards(corpus, tasks, report, workers, progress)
    for found in _check_corpus(corpus, checks, workers):
        if found.slug in checks:
            report.add_from(corpus, found)
    report.counts |= {name: stats.as_json() for name, stats in corpus.splits.items()}
    for config in loaded:
        name = next((name for name, files in named.items() if config.file in files), "")
        _add_trainer_input(report, corpus, config, name, checks)
    return report


def _parts(splits: dict[str, list[Path]]) -> Iterator[tuple[str, list[Path]]]:
    """Cut the corpus into tasks: the first is one shard, so that something is seen soon."""
    size = 1
    for split, paths in splits.items():
        at = 0
        while at < len(paths):
            yield split, paths[at : at + size]
            at, size = at + size, SHARDS


def _look_at_shards(
    corpus: CorpusStats, tasks: list[Task], report: Report, workers: int, progress: Progress
) -> None:
    """Add the statistics and findings of all shards; find near duplicates once all are there."""
    here = len(tasks) if workers == 1 else FIRST
    elsewhere = ordered_map(shard_stats, ((task,) for task in tasks[here:]), workers=workers)
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        path = Path(folder) / "shingles"
        with path.open("wb") as file:
            results = chain(map(shard_stats, tasks[:here]), elsewhere)
            for task, (stats, findings, shingles) in zip(tasks, results, strict=True):
                corpus.splits[task.split].add(stats)
                report.add_all(findings)
                file.write(shingles)
                progress(sum(shard.stat().st_size for shard in task.paths))
        if path.stat().st_size:
            corpus.join_near(path)


def _check_corpus(corpus: CorpusStats, checks: frozenset[str], workers: int) -> Iterator[CorpusFinding]:
    for slug, function in CORPUS_CHECKS.items():
        for found in function(corpus):
            yield found if found.slug else found._replace(slug=slug)
    if "labelled-elsewhere" in checks:
        yield from labelled_elsewhere(corpus, workers)


def _add_trainer_input(
    report: Report, corpus: CorpusStats, config: TrainingConfig, name: str, checks: frozenset[str]
) -> None:
    """Add what reaches a config's trainer and evaluation, and what does not. name: see `trainer_input`."""
    reaches = report.trainers[config.file.name] = {}
    for split in [split for split in ("train", "dev") if split in corpus.splits]:
        reaches[split], lost = trainer_input(config, split, corpus.splits[split], name)
        if split == "train":
            doubts = config.annotators.doubts(report.count("across-sentences", split))
            lost += [CorpusFinding(split, doubt, slug="unknown-annotation") for doubt in doubts]
        for found in lost:
            if found.slug in checks:
                report.add_from(corpus, found, config.file)


def choose_workers(splits: dict[str, list[Path]], cores: int) -> int:
    """Return how many processes are worth starting."""
    size = sum(path.stat().st_size for path in chain(*splits.values()))
    return max(1, min(cores, MOST_WORKERS, size // WORTH_A_WORKER))
