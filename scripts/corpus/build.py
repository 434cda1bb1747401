"""Build a corpus: cut the raw files into chunks, convert them in several processes, and put the splits in
place."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scripts.corpus.chunks import Converted, Evidence, Part, convert_chunk, cut_into_chunks
from scripts.corpus.files import hash64, require_folder, write_json
from scripts.corpus.ledger import Ledger
from scripts.corpus.pool import ordered_map
from scripts.corpus.raw import RawCorpus, Understood, open_all, understood
from scripts.corpus.settings import Settings
from scripts.corpus.shards import LABELS, MANIFEST, VERSION, label_data
from scripts.corpus.splits import SPLITS, draw_splits, survey_chunk
from scripts.corpus.versions import versions
from scripts.formats.offsets import undecided, verdict
from scripts.formats.record import AnnotationError, Source
from scripts.formats.registry import Opened

STAGING, OLD = ".new", ".old"
REJECTS, REPAIRS = "rejects.jsonl", "repairs.jsonl"
"""A row for each record or entity that was left out, and for each that was repaired."""

Progress = Callable[[str, int], None]
"""Told what is being done, and how many bytes of the raw files are done."""


def build_corpus(
    raw: RawCorpus,
    folder: Path,
    settings: Settings,
    *,
    workers: int = 1,
    progress: Progress = lambda doing, done: None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Ledger]:
    """Write `folder/{train,dev,test}`, `folder/rejects.jsonl` and `folder/repairs.jsonl`; return each split's
    ledger.

    Everything is written to `folder/.new` and takes the old corpus's place at the end; until then the old one
    stays whole. The result is the same byte by byte, whatever `workers` is.

    tell: hears how each file is understood, before anything is converted, and what of folders is passed over.

    Raises AnnotationError on data that cannot be read (unless `settings.on_error` is `reject`), on an id used
    twice in a file, on a split that ends up empty and where too much was rejected; OSError where something
    cannot be written.
    """
    require_folder(folder)
    progress("looking at the raw files", 0)
    opened = open_all(raw.files, settings)
    files = understood(opened)
    for line in (*files, *raw.passed_over_lines()):
        tell(str(line))
    for leftover in (STAGING, OLD):
        shutil.rmtree(folder / leftover, ignore_errors=True)
    staging = folder / STAGING
    staging.mkdir(parents=True)
    try:
        drawn = _draw(raw, opened, staging, settings, workers, progress) if raw.drawn else None
        build = _Build(staging, {split: Ledger() for split in SPLITS})
        for converted in _convert(raw, opened, drawn, staging, settings, workers, progress):
            build.add(converted)
        build.finish(raw, files, settings)
    except AnnotationError:
        _discard(staging)
        raise
    _replace(folder, (*SPLITS, REJECTS, REPAIRS))
    return build.ledgers


def _discard(staging: Path) -> None:
    """Delete a build whose data is at fault, but for the list of what was rejected."""
    for split in SPLITS:
        shutil.rmtree(staging / split, ignore_errors=True)
    (staging / REPAIRS).unlink(missing_ok=True)
    if not any(staging.iterdir()):
        staging.rmdir()


def _replace(folder: Path, names: Iterable[str]) -> None:
    """Put what is new in the place of what is old. Whenever it stops, no old split stands beside a new
    one."""
    (folder / OLD).mkdir()
    for name in names:
        if (folder / name).exists():
            (folder / name).rename(folder / OLD / name)
    for name in names:
        (folder / STAGING / name).rename(folder / name)
    for name in (OLD, STAGING):
        shutil.rmtree(folder / name)


def _draw(
    raw: RawCorpus,
    opened: dict[str, list[Opened]],
    staging: Path,
    settings: Settings,
    workers: int,
    progress: Progress,
) -> list[bytes]:
    """Draw the splits that have no files."""

    def calls() -> Iterator[tuple]:
        for chunk in cut_into_chunks({"train": opened["train"]}, settings):
            progress("looking through train", chunk.read)
            yield chunk, settings

    surveys = ordered_map(survey_chunk, calls(), workers=workers)
    return draw_splits(surveys, ("train", *raw.drawn), settings.seed, staging, name=raw.names["train"])


def _convert(
    raw: RawCorpus,
    opened: dict[str, list[Opened]],
    drawn: list[bytes] | None,
    staging: Path,
    settings: Settings,
    workers: int,
    progress: Progress,
) -> Iterator[Converted]:
    def calls() -> Iterator[tuple]:
        done: dict[str, int] = {}
        for chunk in cut_into_chunks(opened, settings):
            done[chunk.split] = chunk.read
            progress("converting", sum(done.values()))
            shares = drawn is not None and chunk.split == "train"
            splits = ("train", *raw.drawn) if shares else (chunk.split,)
            yield chunk, drawn[chunk.index] if shares else None, splits, staging, settings

    return ordered_map(convert_chunk, calls(), workers=workers)


@dataclass(slots=True)
class _Build:
    """What the chunks came to."""

    staging: Path
    ledgers: dict[str, Ledger]
    shards: dict[str, list[dict]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    spaces: dict[str, Counter[str]] = field(default_factory=lambda: {split: Counter() for split in SPLITS})
    evidence: dict[str, Evidence] = field(default_factory=lambda: {split: {} for split in SPLITS})
    _path: str = ""
    _lines: dict[int, int] = field(default_factory=dict)  # of each id of that file

    def __post_init__(self) -> None:
        for name in (REJECTS, REPAIRS):
            (self.staging / name).touch()

    def add(self, converted: Converted) -> None:
        """Add a chunk. Raises AnnotationError where two documents of a file have one id."""
        for part in converted.parts:
            self.ledgers[part.split].merge(part.ledger)
            self.shards[part.split] += part.shards
            self.spaces[part.split].update(part.spaces)
            self._write(REJECTS, part.rejects)
            self._write(REPAIRS, part.repairs)
        for name, counts in converted.evidence.items():
            self.evidence[converted.split].setdefault(name, Counter()).update(counts)
        for source, id in converted.ids:
            if (path := f"{converted.split} {source.path}") != self._path:
                self._path, self._lines = path, {}
            key = hash64(id)
            if key in self._lines:
                first = Source(source.path, self._lines[key])
                raise AnnotationError(
                    f"{source} ({id}): the id is used at {first} too; give each document its own"
                )
            self._lines[key] = source.line

    def _write(self, name: str, rows: list[str]) -> None:
        with (self.staging / name).open("ab") as file:
            file.write("".join(rows).encode("utf-8", "replace"))

    def finish(self, raw: RawCorpus, files: list[Understood], settings: Settings) -> None:
        """Check that all is there, and write the manifests."""
        for split, evidence in self.evidence.items():
            self._weigh_offsets(split, evidence)
        if settings.on_error == "reject":
            self._require_few_rejects(settings)
        sources = raw.hashes()
        for split, ledger in self.ledgers.items():
            ledger.check()
            count = ledger.stages["sharded"].as_json()
            if not count["documents"]:
                raise AnnotationError(f"the {split} split has no document; {_remedy(raw, split)}")
            own = "train" if split in raw.drawn else split
            manifest = {
                "version": VERSION,
                "split": split,
                "sources": sources[own],
                "drawn_from_train": split in raw.drawn,
            }
            manifest |= {
                "documents": count["documents"],
                "tokens": count["tokens"],
                "entities": count["labels"],
            }
            manifest |= {"other_annotation": count["other"]} if "other" in count else {}
            manifest |= {
                "settings": settings.model_dump(mode="json"),
                "versions": versions(("python", "spacy")),
            }
            manifest |= {"understood": [asdict(file) for file in files if file.split == own]}
            manifest |= {
                "shards": self.shards[split],
                "spaces": dict(self.spaces[split]),
                "ledger": ledger.as_json(),
            }
            if split == "train":
                write_json(self.staging / split / LABELS, label_data(count["labels"]))
            write_json(self.staging / split / MANIFEST, manifest)

    def _weigh_offsets(self, split: str, evidence: Evidence) -> None:
        """Raise AnnotationError where the spans of a file show that they do not count characters; note where
        nothing shows it."""
        for path, counts in evidence.items():
            if (found := verdict(counts)) is not None:
                unit, why = found
                remedy = f"set --offsets={unit}, or --offsets=characters if they are right as they are"
                raise AnnotationError(f"{path}: {why}; {remedy}")
            if (why := undecided(counts)) is not None:
                self.ledgers[split].note("repairs", "aligned", "offset-units", f"{path}: {why}")
                part = Part(split)
                part.row("repairs", "offset-units", path, detail=why)
                self._write(REPAIRS, part.repairs)

    def _require_few_rejects(self, settings: Settings) -> None:
        """Raise AnnotationError where a larger share of documents or entities was rejected than the settings
        allow."""
        read, lost = Counter(), Counter()
        for ledger in self.ledgers.values():
            read["documents"] += ledger.stages["read"].documents
            read["entities"] += ledger.stages["read"].entities
            for (_, reason), change in ledger.losses.items():
                lost["documents"] += change.count.documents if reason == "unreadable" else 0
                stated = reason == "duplicate-span" or (
                    reason in ("overlap", "nested") and settings.overlaps != "error"
                )
                lost["entities"] += 0 if stated or change.count.documents else change.count.entities
        for what, most in (("documents", settings.max_reject_rate), ("entities", settings.max_reject_rate)):
            if lost[what] > most * read[what]:
                share = f"{lost[what]:,} of {read[what]:,} {what} ({100 * lost[what] / read[what]:.1f} %)"
                remedy = f"{self.staging / REJECTS} says why: repair the data, or raise --max-reject-rate"
                raise AnnotationError(
                    f"{share} cannot be used, more than max_reject_rate allows ({100 * most:g} %); {remedy}"
                )


def _remedy(raw: RawCorpus, split: str) -> str:
    if not raw.drawn:
        return f"every document of {raw.names[split]} was left out; see its answers and texts"
    variables = ", ".join(f"vars.{name}" for name in raw.drawn)
    return f"too few different documents are in {raw.names['train']} to hold some out; add some, or set {variables} to a file"
