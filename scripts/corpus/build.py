"""Build a corpus: convert the raw files chunk by chunk, in several processes, and put the splits in place."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from scripts.corpus.chunks import Chunk, Converted, Evidence, Part, convert_chunk, cut_into_chunks
from scripts.corpus.files import hash64, require_folder, sha256, write_json
from scripts.corpus.ledger import Ledger
from scripts.corpus.pool import ordered_map
from scripts.corpus.raw import RawCorpus
from scripts.corpus.settings import Settings
from scripts.corpus.shards import LABELS, MANIFEST, VERSION, label_data
from scripts.corpus.splits import draw_splits, survey_chunk
from scripts.corpus.versions import versions
from scripts.formats.offsets import undecided, verdict
from scripts.formats.record import AnnotationError, Source, fail
from scripts.formats.registry import Opened

STAGING, OLD = ".new", ".old"
REJECTS, REPAIRS = "rejects.jsonl", "repairs.jsonl"
"""A row for each record or entity that was left out, and for each that was repaired."""


def build_corpus(
    raw: RawCorpus,
    folder: Path,
    settings: Settings,
    *,
    workers: int = 1,
    progress: Callable[[str, int], None] = lambda doing, done: None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Ledger]:
    """Write the splits' folders, `rejects.jsonl` and `repairs.jsonl`; return each split's ledger.

    All is written to `folder/.new`, and takes the old corpus's place at the end, the same for any `workers`.

    progress: hears what is being done, and how many bytes of the raw files are done.
    tell: hears how each file is understood, before anything is converted, and what of folders is passed over.

    Raises AnnotationError on data that cannot be read (unless `settings.on_error` is `reject`), on an id used
    twice in a file, an empty split and too much that was rejected; OSError where a file cannot be written.
    """
    require_folder(folder)
    progress("looking at the raw files", 0)
    opened = raw.open(settings)
    understood = raw.understood(opened)
    for line in (*chain(*understood.values()), *raw.passed_over_lines()):
        tell(line)
    for leftover in (STAGING, OLD):
        shutil.rmtree(folder / leftover, ignore_errors=True)
    build = _Build(folder / STAGING, raw, settings)
    try:
        for converted in _convert(build, opened, workers, progress):
            build.add(converted)
        build.finish(understood)
    except AnnotationError:
        build.discard()
        raise
    build.replace(folder)
    return {split: whole.ledger for split, whole in build.wholes.items()}


def _convert(
    build: "_Build", opened: dict[str, list[Opened]], workers: int, progress: Callable[[str, int], None]
) -> Iterator[Converted]:
    """Draw the splits that have no files, and convert all chunks."""
    raw, settings, staging = build.raw, build.settings, build.staging
    drawn, shares = None, ("train", *raw.drawn)

    def chunks(doing: str, splits: dict[str, list[Opened]]) -> Iterator[Chunk]:
        done: dict[str, int] = {}
        for chunk in cut_into_chunks(splits, settings):
            done[chunk.split] = chunk.read
            progress(doing, sum(done.values()))
            yield chunk

    if raw.drawn:
        calls = ((chunk, settings) for chunk in chunks("looking through train", {"train": opened["train"]}))
        surveys = ordered_map(survey_chunk, calls, workers=workers)
        drawn = draw_splits(surveys, shares, settings.seed, staging)

    def arguments(chunk: Chunk) -> tuple:
        if drawn is not None and chunk.split == "train":
            return chunk, drawn[chunk.index], shares, staging, settings
        return chunk, None, (chunk.split,), staging, settings

    yield from ordered_map(convert_chunk, map(arguments, chunks("converting", opened)), workers=workers)


class _Build:
    """A corpus that is being made in a folder of its own: what the chunks came to."""

    def __init__(self, staging: Path, raw: RawCorpus, settings: Settings) -> None:
        self.staging, self.raw, self.settings = staging, raw, settings
        self.wholes = {split: Part(split, settings) for split in raw.files}
        self.evidence: dict[str, Evidence] = defaultdict(lambda: defaultdict(Counter))
        self._lines: dict[int, int] = {}  # of ids, by the hashes of their files and them
        staging.mkdir(parents=True)
        for name in (REJECTS, REPAIRS):
            (staging / name).touch()

    def discard(self) -> None:
        """Delete a build whose data is at fault, but for the list of what was rejected."""
        for split in self.wholes:
            shutil.rmtree(self.staging / split, ignore_errors=True)
        (self.staging / REPAIRS).unlink()
        if not (self.staging / REJECTS).stat().st_size:
            shutil.rmtree(self.staging)

    def replace(self, folder: Path) -> None:
        """Put all in the place of what is old. Whenever it stops, no old split stands beside a new one."""
        (folder / OLD).mkdir()
        names = (*self.wholes, REJECTS, REPAIRS)
        for name in names:
            if (folder / name).exists():
                (folder / name).rename(folder / OLD / name)
        for name in names:
            (self.staging / name).rename(folder / name)
        for name in (OLD, STAGING):
            shutil.rmtree(folder / name)

    def add(self, converted: Converted) -> None:
        """Add a chunk. Raises AnnotationError where two documents of a file have one id."""
        for part in converted.parts:
            self._add_part(part)
        for name, counts in converted.evidence.items():
            self.evidence[converted.split][name].update(counts)
        for source, id in converted.ids:
            key = hash64(f"{converted.split} {source.path}\n{id}")
            if key in self._lines:
                first = Source(source.path, self._lines[key])
                fail(f"{source} ({id})", f"the id is used at {first} too", "give each document its own")
            self._lines[key] = source.line

    def _add_part(self, part: Part) -> None:
        whole = self.wholes[part.split]
        whole.ledger.merge(part.ledger)
        whole.shards += part.shards
        whole.spaces.update(part.spaces)
        for name, rows in ((REJECTS, part.rejects), (REPAIRS, part.repairs)):
            with (self.staging / name).open("ab") as file:
                file.write("".join(rows).encode("utf-8", "replace"))

    def finish(self, understood: dict[str, list[str]]) -> None:
        """Check that all is there, and write the manifests. understood: as of `RawCorpus`."""
        for split, evidence in self.evidence.items():
            self._weigh_offsets(split, evidence)
        if self.settings.on_error == "reject":
            self._require_few_rejects()
        sources = {
            split: [{"path": path.as_posix(), "sha256": sha256(path)} for path in paths]
            for split, paths in self.raw.files.items()
        }
        for split, whole in self.wholes.items():
            whole.ledger.check()
            count = whole.ledger.stages["sharded"].as_json()
            if not count["documents"]:
                raise AnnotationError(f"the {split} split has no document; {self._remedy(split)}")
            own = "train" if split in self.raw.drawn else split
            manifest = {
                "version": VERSION,
                "split": split,
                "sources": sources[own],
                "drawn_from_train": own != split,
                "documents": count["documents"],
                "tokens": count["tokens"],
                "entities": count["labels"],
                **({"other_annotation": count["other"]} if "other" in count else {}),
                "settings": self.settings.model_dump(mode="json"),
                "versions": versions(("python", "spacy")),
                "understood": understood[own],
                "spaces": whole.spaces,
                "shards": whole.shards,
                "ledger": whole.ledger.as_json(),
            }
            if split == "train":
                write_json(self.staging / split / LABELS, label_data(count["labels"]))
            write_json(self.staging / split / MANIFEST, manifest)

    def _weigh_offsets(self, split: str, evidence: Evidence) -> None:
        """Raise AnnotationError where a file's spans count no characters; note where nothing shows it."""
        part = Part(split, self.settings)
        for path, counts in evidence.items():
            if found := verdict(counts):
                unit, why = found
                remedy = f"set --offsets={unit}, or --offsets=characters if they are right as they are"
                fail(path, why, remedy)
            if why := undecided(counts):
                part.note("repairs", "aligned", "offset-units", path, detail=why)
        self._add_part(part)

    def _require_few_rejects(self) -> None:
        """Raise AnnotationError where more documents or entities were rejected than the settings allow."""
        most, ledgers = self.settings.max_reject_rate, [whole.ledger for whole in self.wholes.values()]
        stated = {"duplicate-span", *(("overlap", "nested") if self.settings.overlaps != "error" else ())}
        losses = [(reason, change.count) for one in ledgers for (_, reason), change in one.losses.items()]
        unread = sum(lost.documents for reason, lost in losses if reason == "unreadable")
        spans = sum(lost.entities for why, lost in losses if not lost.documents and why not in stated)
        for lost, what in ((unread, "documents"), (spans, "entities")):
            read = sum(getattr(ledger.stages["read"], what) for ledger in ledgers)
            if lost > most * read:
                share = f"{lost:,} of {read:,} {what} ({100 * lost / read:.1f} %)"
                raise AnnotationError(
                    f"{share} cannot be used, more than max_reject_rate allows ({100 * most:g} %); "
                    f"{self.staging / REJECTS} says why: repair the data, or raise --max-reject-rate"
                )

    def _remedy(self, split: str) -> str:
        names, drawn = self.raw.names, ", ".join(f"vars.{name}" for name in self.raw.drawn)
        if not drawn:
            return f"every document of {names[split]} was left out; see its answers and texts"
        few = f"too few different documents, or groups of them, are in {names['train']} to hold some out"
        return f"{few}; add some, or set {drawn} to a file"
