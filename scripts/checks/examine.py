"""Examine a corpus: each document in several processes, then the whole, then what each config makes of it."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain, starmap
from pathlib import Path

from scripts.checks.catalogue import CHECKS, Check, Finding, Severity, choose, finding
from scripts.checks.config_checks import CONFIG_CHECKS
from scripts.checks.corpus_checks import CORPUS_CHECKS
from scripts.checks.inputs import Inputs
from scripts.checks.preprocessed import check_counts, check_files
from scripts.checks.pretrained import PRETRAINED_CHECKS, vector_coverage
from scripts.checks.stats import CorpusFinding, CorpusStats, cut, shard_stats
from scripts.checks.trainer_input import TrainerInput, trainer_input
from scripts.checks.training_config import ConfigFile, load_training_config
from scripts.checks.unlabelled import labelled_elsewhere
from scripts.corpus.pool import ordered_map

FIRST = 8
"""Tasks that the leading process does by itself: others take a second to come up."""
WORTH_A_WORKER = 2 * 2**20
"""Bytes of shards from which a further process pays for its start."""
MOST_WORKERS = 3
"""Processes beside the leading one unless more are asked for: each takes 120 MB."""


@dataclass(slots=True)
class Report:
    """What was found.

    places: how many findings are kept of a check, split and config; 0: all. checks: slugs of the wanted ones.
    tell: hears of each finding that is kept. found: how many, by slug, split, config and severity.
    counts: what is in each split. trainers: by config and split, what reaches the trainer.
    """

    places: int
    checks: frozenset[str] = field(default_factory=choose)
    tell: Callable[[Finding], None] = lambda finding: None
    findings: list[Finding] = field(default_factory=list)
    found: Counter[tuple[str, str, str, Severity]] = field(default_factory=Counter)
    counts: dict[str, dict] = field(default_factory=dict)
    trainers: dict[str, dict[str, TrainerInput]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.checks |= {"damaged-shard"}  # of which nothing else could be told

    def add(self, found: Iterable[Finding]) -> None:
        """Count findings of the checks that count, and keep those that still have a place."""
        for one in (one for one in found if one.slug in self.checks):
            if self._keeps(one.slug, one.split, one.variant):
                self.findings.append(one)
                self.tell(one)
            self.found[one.slug, one.split, one.variant, one.severity] += 1

    def add_from(
        self, corpus: CorpusStats, found: Iterable[CorpusFinding], config: ConfigFile | None = None
    ) -> None:
        """Add what was found in a corpus, or by a config in it; look up the places of those that are kept."""
        more = {"variant": config.name, "source": config.path.as_posix()} if config else {}
        for one in (one for one in found if one.slug in self.checks):
            is_kept = self._keeps(one.slug, one.split, more.get("variant", ""))
            self.add([corpus.finding(one if is_kept else one._replace(document=None, other=None), **more)])

    def _keeps(self, slug: str, split: str, variant: str) -> bool:
        return not 0 < self.places <= self.count(slug, split, variant)

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


def validate(inputs: Inputs, report: Report, **options: object) -> None:
    """Add to a report all that is found in a corpus, before, in and after the look at its documents.

    options: further ones of `examine`.
    """
    if inputs.corpus:
        report.add(check_files(inputs.corpus, inputs.manifests, inputs.configs))
    examine(inputs.files(), report, configs=inputs.configs, **options)
    if inputs.corpus:
        report.add(check_counts(inputs.corpus, inputs.manifests, report.counts))


def examine(
    splits: dict[str, list[Path]],
    report: Report,
    *,
    configs: Iterable[ConfigFile] = (),
    labels: frozenset[str] = frozenset(),
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Look at the shards of each split, and add to the report what is found.

    labels: those allowed; none: any. progress: hears how many bytes of shards were looked at.
    Memory does not grow with the corpus, but for some 60 bytes a document and the distinct names.
    Raises UserError where a config or a tokeniser cannot be loaded.
    """
    loaded = [load_training_config(file) for file in configs]
    alike: dict[str, list[ConfigFile]] = {}
    for config in loaded:
        place = {"source": config.file.path.as_posix(), "variant": config.file.name}
        for slug, function in (CONFIG_CHECKS | PRETRAINED_CHECKS).items():
            report.add(finding(slug, "", detail, **place) for detail in function(config))
        if config.has_plain_readers:
            alike.setdefault(config.reading_key, []).append(config.file)
    named = {", ".join(file.name for file in files): tuple(files) for files in alike.values()}
    starts = {
        vectors: config for config in reversed(loaded) if (vectors := config.config["initialize"]["vectors"])
    }
    tasks = [
        (split, paths[start:end], report.checks, labels, {} if split == "test" else named, bool(starts))
        for split, paths in splits.items()
        for start, end in cut(paths)
    ]
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        corpus = CorpusStats(splits, labels, Path(folder) / "shingles")
        _look_at_shards(corpus, tasks, report, workers, progress)
        for slug, function in CORPUS_CHECKS.items():
            report.add_from(corpus, (one._replace(slug=one.slug or slug) for one in function(corpus)))
    if "labelled-elsewhere" in report.checks:
        report.add_from(corpus, labelled_elsewhere(corpus, workers))
    for config in starts.values():
        report.add_from(corpus, vector_coverage(config, corpus), config.file)
    report.counts |= {name: stats.as_json() for name, stats in corpus.splits.items()}
    for config in loaded:
        name = next((name for name, files in named.items() if config.file in files), "")
        reaches = report.trainers[config.file.name] = {}
        for split in [split for split in ("train", "dev") if split in splits]:
            reaches[split], lost = trainer_input(config, split, corpus.splits[split], name)
            report.add_from(corpus, lost, config.file)
        crossing = report.count("across-sentences", "train")
        known = f"; {crossing:,} entities of train hold a sentence's end" if crossing else ""
        doubts = (f"{component}: {why}{known}" for component, why in config.annotators.unknown.items())
        found = (CorpusFinding("train", doubt, slug="unknown-annotation") for doubt in doubts)
        report.add_from(corpus, found, config.file)
    return report


def _look_at_shards(
    corpus: CorpusStats, tasks: list[tuple], report: Report, workers: int, progress: Callable[[int], None]
) -> None:
    """Add what `shard_stats` finds, given the arguments in `tasks`, and write the shingles to their file."""
    elsewhere = ordered_map(shard_stats, tasks[FIRST:], workers=workers)
    results = chain(starmap(shard_stats, tasks[:FIRST]), elsewhere)
    with corpus.shingles.open("wb") as file:
        for (split, paths, *_), (stats, findings, shingles) in zip(tasks, results, strict=True):
            corpus.splits[split].add(stats)
            report.add(findings)
            file.write(shingles)
            progress(sum(shard.stat().st_size for shard in paths))


def choose_workers(splits: dict[str, list[Path]], cores: int) -> int:
    """Return how many processes are worth starting."""
    size = sum(path.stat().st_size for path in chain(*splits.values()))
    return max(1, min(cores, MOST_WORKERS, size // WORTH_A_WORKER))
