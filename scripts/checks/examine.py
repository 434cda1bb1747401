"""Examine a corpus: every document in several processes, then the whole, then what each recipe makes of it."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy

from scripts.checks.catalogue import BY_SLUG, Finding, Severity, finding
from scripts.checks.collected import Corpus, Split, Spot, find_unlabelled
from scripts.checks.handover import Handover, hand_over
from scripts.checks.reading import COLUMNS, read_whole
from scripts.checks.registry import CONFIG_CHECKS, CORPUS_CHECKS
from scripts.checks.survey import Survey, Task, survey
from scripts.checks.training_config import ConfigFile, TrainingConfig, load_training_config
from scripts.checks.unknown import Unknown, unknown_spots
from scripts.corpus.pool import ordered_map

FIRST = 8
"""Tasks that the leading process does by itself, so that something is told soon."""
SHARDS = 10
"""Shards that a process looks at in one go."""
WORTH_A_WORKER = 2 * 2**20
"""Bytes of shards from which a further process pays for its start."""

Tell = Callable[[Finding], None]
Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Report:
    """What was found.

    findings: up to `places` of each check and split. found: how many there are in all, by slug and severity.
    counts: documents, tokens and entities of each split. trainers: by recipe and split, what reaches the trainer.
    """

    places: int
    findings: list[Finding] = field(default_factory=list)
    found: Counter[tuple[str, Severity]] = field(default_factory=Counter)
    counts: dict[str, dict] = field(default_factory=dict)
    trainers: dict[str, dict[str, Handover]] = field(default_factory=dict)
    by_split: Counter[tuple[str, str, Severity]] = field(default_factory=Counter)
    _kept: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, one: Finding) -> None:
        """Count a finding, and keep it unless its check has enough places."""
        if self.count(one.slug, one.split, one.severity, one.variant):
            self.findings.append(one)

    def count(self, slug: str, split: str, severity: Severity, variant: str = "") -> bool:
        """Count a finding; return whether its place should be kept."""
        self.found[slug, severity] += 1
        self.by_split[split, variant, severity] += 1
        self._kept[slug, split, variant] += 1
        return not self.places or self._kept[slug, split, variant] <= self.places

    def count_of(self, slug: str, split: str) -> int:
        """Count what a check found in a split, whatever the config."""
        return self._kept[slug, split, ""]

    def total(self, severity: Severity, *, split: str | None = None, variant: str | None = None) -> int:
        """Count the findings of a severity; of one split, or of one recipe (empty: of none) alone, where these are given."""
        return sum(
            count
            for (where, who, how), count in self.by_split.items()
            if how is severity and split in (None, where) and (variant is None or variant in who.split(", "))
        )

    @property
    def errors(self) -> int:
        """How many errors there are in all."""
        return self.total(Severity.error)

    @property
    def warnings(self) -> int:
        """How many warnings there are in all."""
        return self.total(Severity.warning)


def examine(
    splits: dict[str, list[Path]],
    report: Report,
    *,
    labels: frozenset[str] = frozenset(),
    checks: frozenset[str],
    configs: Iterable[ConfigFile] = (),
    workers: int = 1,
    tell: Tell = lambda finding: None,
    progress: Progress = lambda doing, done: None,
) -> Report:
    """Look at the shards of each split, and add to the report what is found; `tell` hears of each finding at once.

    Memory does not grow with the corpus, but for some 60 bytes a document and the distinct names.
    Raises UserError where a config or a tokeniser cannot be loaded.
    """

    def add(one: Finding) -> None:
        report.add(one)
        tell(one)

    corpus = Corpus(labels)
    corpus.splits = {split: Split() for split in splits}
    loaded = [load_training_config(file) for file in configs]
    for recipe in loaded:
        for check in CONFIG_CHECKS:
            if check.slug in checks:
                for detail in check.function(recipe):
                    add(
                        finding(
                            check.slug,
                            "",
                            detail,
                            source=recipe.file.path.as_posix(),
                            variant=recipe.file.name,
                        )
                    )
    groups = _groups([recipe for recipe in loaded if recipe.has_plain_readers])
    tasks = list(_tasks(splits, labels, checks, groups))
    tables: dict[tuple[str, str], list[numpy.ndarray]] = {}
    unknown: dict[tuple[str, str, str], Unknown] = {}
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        path = Path(folder) / "shingles"
        with path.open("wb") as file:
            for task, seen in zip(tasks, _surveys(tasks, workers), strict=True):
                first = corpus.add(task.split, task.paths, seen)
                for one in seen.findings:
                    add(one)
                for name, table in seen.readings.items():
                    table[:, COLUMNS.index("document")] += first
                    tables.setdefault((name, task.split), []).append(table)
                for source, counts in seen.unknown.items():
                    unknown[*source, task.split] = unknown.get((*source, task.split), Unknown()).plus(
                        counts, first
                    )
                file.write(seen.shingles.tobytes())
                progress("documents", sum(shard.stat().st_size for shard in task.paths))
        if path.stat().st_size:
            corpus.join_near(path)
    if "labelled-elsewhere" in checks:
        _look_elsewhere(corpus, workers)
    for slug, spot in _corpus_spots(corpus, checks):
        _add_spot(report, corpus, slug, spot, tell)
    for split, part in corpus.splits.items():
        entities = part.labels.total()
        own = {
            "documents": part.documents,
            "tokens": int(part.lengths.sum()),
            "entities": entities,
            "labels": dict(sorted(part.labels.items())),
        }
        report.counts[split] = own
    for recipe in loaded:
        group = next((names for names in groups if recipe.file in groups[names]), recipe.file.name)
        report.trainers[recipe.file.name] = {}
        for split in [split for split in ("train", "dev") if split in splits]:
            table, failures = (
                (numpy.concatenate(tables[group, split]), [])
                if recipe.has_plain_readers
                else read_whole(recipe, split)
            )
            arrived, lost = hand_over(
                recipe, split, table, corpus.splits[split].ends, corpus.splits[split].lengths
            )
            report.trainers[recipe.file.name][split] = arrived
            for (name, source, where), counts in unknown.items():
                if (name, where) == (recipe.file.name, split):
                    lost += unknown_spots(source, split, counts)
            if split == "train":
                crossing = report.count_of("across-sentences", split)
                lost += [
                    ("unknown-annotation", Spot(split, detail))
                    for detail in recipe.annotators.doubts(crossing)
                ]
            for slug, spot in [*lost, *((slug, Spot(split, failure)) for slug, failure in failures)]:
                if slug in checks:
                    _add_spot(report, corpus, slug, spot, tell, recipe=recipe.file)
    return report


def _groups(recipes: list[TrainingConfig]) -> dict[str, tuple[ConfigFile, ...]]:
    """Put recipes together that read alike, under their names."""
    alike: dict[str, list[ConfigFile]] = {}
    for recipe in recipes:
        alike.setdefault((recipe.reading, recipe.annotators.key), []).append(recipe.file)
    return {", ".join(file.name for file in files): tuple(files) for files in alike.values()}


def _tasks(
    splits: dict[str, list[Path]],
    labels: frozenset[str],
    checks: frozenset[str],
    groups: dict[str, tuple[ConfigFile, ...]],
) -> Iterator[Task]:
    """Cut the corpus into tasks: the first is one shard, so that something is seen soon."""
    size = 1
    for split, paths in splits.items():
        at = 0
        while at < len(paths):
            yield Task(split, tuple(paths[at : at + size]), labels, checks, groups if split != "test" else {})
            at, size = at + size, SHARDS


def _surveys(tasks: list[Task], workers: int) -> Iterator[Survey]:
    """Look at the first tasks here, before other processes are started: they take a second to come up."""
    here = len(tasks) if workers == 1 else FIRST
    yield from map(survey, tasks[:here])
    yield from ordered_map(survey, ((task,) for task in tasks[here:]), workers=workers)


def _look_elsewhere(corpus: Corpus, workers: int) -> None:
    """Look for names of the corpus where they are not labelled."""
    names = corpus.names()
    if not names:
        return
    found: dict[int, tuple[str, tuple[int, int, int, int]]] = {}
    parts = [
        (split, part, at) for split, part in corpus.splits.items() for at in range(0, len(part.paths), SHARDS)
    ]
    calls = ((part.paths[at : at + SHARDS], part.sizes[at : at + SHARDS], names) for _, part, at in parts)
    for (split, part, at), hits in zip(
        parts, ordered_map(find_unlabelled, calls, workers=workers), strict=True
    ):
        first = part.ends[at - 1] if at else 0
        for key, (count, document, start, end) in hits.items():
            where, (known, *place) = found.get(key, (split, (0, first + document, start, end)))
            found[key] = (where, (known + count, *place))
    corpus.add_unlabelled(found)


def _corpus_spots(corpus: Corpus, checks: frozenset[str]) -> Iterator[tuple[str, Spot]]:
    for check in CORPUS_CHECKS:
        if check.slug in checks:
            yield from ((check.slug, spot) for spot in check.function(corpus))


def _add_spot(
    report: Report, corpus: Corpus, slug: str, spot: Spot, tell: Tell, *, recipe: ConfigFile | None = None
) -> None:
    """Count what a check of the corpus, or of what a recipe makes of it, found; say where it is only if it is kept."""
    variant, path = ("", "") if recipe is None else (recipe.name, recipe.path.as_posix())
    severity = BY_SLUG[slug].severity
    if not report.count(slug, spot.split, severity, variant):
        return
    place = {"source": path} if path and spot.document is None else {}
    if spot.document is not None:
        view = corpus.find(spot.split, spot.document)
        tokens = spot.tokens or (0, 0)
        place = view.place(*tokens) | view.marked(*tokens)
    detail = spot.detail
    if spot.other is not None:
        other = corpus.find(*spot.other).place()
        detail += f" {other['source'] or other['shard']}"
    one = finding(slug, spot.split, detail, **place, variant=variant)
    report.findings.append(one)
    tell(one)


def choose_workers(splits: dict[str, list[Path]], cores: int) -> int:
    """Return how many processes are worth starting."""
    size = sum(path.stat().st_size for path in chain(*splits.values()))
    return max(1, min(cores, size // WORTH_A_WORKER))
