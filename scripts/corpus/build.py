"""Build a corpus: cut the raw files into units, convert them in several processes, and put the splits in place."""

import base64
import errno
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, combinations, islice
from pathlib import Path

import numpy

from scripts.cli import UserError
from scripts.corpus.files import digests, read_json, replace_folder, require_folder, sha256, write_json
from scripts.corpus.ledger import Ledger
from scripts.corpus.look import Understood, doubts, open_all, require_characters, require_readable, understood
from scripts.corpus.pool import ordered_map
from scripts.corpus.settings import OnError, Overlaps, Settings
from scripts.corpus.shards import LABELS, MANIFEST, label_data
from scripts.corpus.splits import SPLITS, draw_splits, survey_unit
from scripts.corpus.units import (
    NOTES,
    UnitError,
    cannot_be_read,
    convert_unit,
    cut_into_units,
    same_id,
    tracked,
    unit_file,
)
from scripts.corpus.versions import versions
from scripts.formats.find import FoundFiles
from scripts.formats.record import AnnotationError
from scripts.formats.registry import Opened, find_raw_files

STAGING = ".new"
STATE = "build.json"
REJECTS, MENDS = (f"{name}.jsonl" for name in NOTES)
CODE = Path(__file__).resolve().parent.parent
WORTH_A_WORKER = 4 * 2**20
"""Bytes of raw files from which a further process pays for its start."""

Progress = Callable[[str, int], None]
"""Told what is being done, and how many bytes of the raw files are done."""


@dataclass(frozen=True, slots=True)
class RawCorpus:
    """The raw files of each split; a split without files is drawn from train's documents."""

    names: dict[str, str]
    files: dict[str, list[Path]]
    passed_over: dict[str, list[Path]] = field(default_factory=dict)

    @classmethod
    def find(cls, train: str, dev: str, test: str) -> "RawCorpus":
        """Find the files that command lines name: paths, folders, several with commas between; empty for none."""
        names = dict(zip(SPLITS, (train, dev, test), strict=True))
        found = {split: find_raw_files(name) for split, name in names.items()}
        files = {split: of.files for split, of in found.items()}
        if not files["train"]:
            raise AnnotationError(
                "no training file is named; set vars.train to a file, a folder or several with commas between"
            )
        real = {split: {path.resolve() for path in paths} for split, paths in files.items()}
        for one, other in combinations(SPLITS, 2):
            for path in files[other]:
                if path.resolve() in real[one]:
                    raise AnnotationError(
                        f"{path}: is named for {one} and for {other}; leave vars.{other} empty, and a part of train is held out"
                    )
        return cls(names, files, {split: of.passed_over for split, of in found.items()})

    @property
    def drawn(self) -> tuple[str, ...]:
        """The splits that take their documents from train's files."""
        return tuple(split for split in SPLITS if not self.files[split])

    @property
    def bytes(self) -> int:
        """The size of all raw files."""
        return sum(path.stat().st_size for path in chain(*self.files.values()))

    def told(self) -> Iterator[str]:
        """Yield a line for each split's files that are passed over."""
        for split, paths in self.passed_over.items():
            if paths:
                yield f"{self.names[split]}: {FoundFiles(self.files[split], paths)}"

    def hashes(self) -> dict[str, list[dict]]:
        """Return path and SHA-256 of each file of each split."""
        return {
            split: [{"path": path.as_posix(), "sha256": sha256(path)} for path in paths]
            for split, paths in self.files.items()
        }


def build_corpus(
    raw: RawCorpus,
    folder: Path,
    settings: Settings,
    *,
    workers: int = 1,
    progress: Progress = lambda doing, done: None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Ledger]:
    """Write `folder/{train,dev,test}`, `folder/rejects.jsonl` and `folder/mends.jsonl`; return each split's ledger.

    Everything is written to `folder/.new` and takes the old corpus's place at the end. A build that was interrupted
    goes on from the units that are complete there, if raw files, settings, code and versions are the same; the result
    is the same byte by byte, whatever `workers` is and however often it was interrupted.

    tell: hears how each file is understood, before anything is converted, and what of folders is passed over.

    Raises AnnotationError on data that cannot be read (unless `settings.on_error` is `reject`), on an id used twice in
    a file, on a split that ends up empty and where too much was rejected; UserError where the disk is full or a process
    dies. The old corpus stays whole.
    """
    staging = folder / STAGING
    require_folder(folder)
    progress("looking at the raw files", 0)
    opened = open_all(raw.files, settings)
    files = understood(opened)
    for line in (*files, *raw.told()):
        tell(str(line))
    require_readable(opened, settings)
    sources = raw.hashes()
    identity = {"sources": sources, "settings": settings.as_json(), "versions": versions(("python", "spacy"))}
    build = hashlib.sha256(json.dumps([identity, _code()], sort_keys=True).encode()).hexdigest()
    state = staging / STATE
    try:
        if not state.exists() or read_json(state) != {"build": build}:
            shutil.rmtree(staging, ignore_errors=True)
            write_json(state, {"build": build})
        plan = _plan(raw, opened, staging, settings, workers, progress) if raw.drawn else None
        units = _convert(raw, opened, plan, staging, settings, workers, progress)
        _require_own_ids(opened, staging, units, settings)
        ledgers = _finish(raw, files, staging, units, identity, settings)
    except AnnotationError:
        _discard(staging)
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = (
            f"{folder}: the disk is full; make room"
            if full
            else f"{error.filename or folder}: cannot be written ({error.strerror}); mend that"
        )
        raise UserError(f"{what} and run the same command again: it continues where it stopped") from None
    for split in SPLITS:
        if (staging / split).exists():
            replace_folder(staging / split, folder / split)
    for name in (REJECTS, MENDS):
        (staging / name).replace(folder / name)
    shutil.rmtree(staging)
    return ledgers


def _discard(staging: Path) -> None:
    """Delete a build whose data is at fault, but for the list of what was rejected."""
    for path in staging.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != REJECTS:
            path.unlink()
    if not any(staging.iterdir()):
        staging.rmdir()


def _code() -> dict[str, str]:
    """Hash the code that a corpus depends on."""
    return {
        package: str(sorted(digests(CODE / package, "*.py").items())) for package in ("formats", "corpus")
    }


def _plan(
    raw: RawCorpus,
    opened: dict[str, list[Opened]],
    staging: Path,
    settings: Settings,
    workers: int,
    progress: Progress,
) -> list[bytes]:
    """Draw the splits that have no files, or read what was drawn before an interruption."""
    path = staging / "plan.json"
    if path.exists():
        return [base64.b64decode(unit) for unit in read_json(path)["units"]]
    progress("looking through train", 0)
    units = tracked(
        cut_into_units({"train": opened["train"]}, settings),
        lambda done: progress("looking through train", done),
    )
    surveys = (
        _checked(survey)
        for survey in ordered_map(survey_unit, ((unit, settings) for unit in units), workers=workers)
    )
    drawn = draw_splits(surveys, ("train", *raw.drawn), settings.seed, staging, name=raw.names["train"])
    write_json(path, {"units": [base64.b64encode(unit).decode("ascii") for unit in drawn]})
    return drawn


def _convert(
    raw: RawCorpus,
    opened: dict[str, list[Opened]],
    plan: list[bytes] | None,
    staging: Path,
    settings: Settings,
    workers: int,
    progress: Progress,
) -> int:
    """Convert all units that are not complete yet; return how many there are in all."""
    total = 0

    def calls() -> Iterator[tuple]:
        nonlocal total
        for unit in tracked(cut_into_units(opened, settings), lambda done: progress("converting", done)):
            total = unit.index + 1
            if not _is_complete(staging, unit.index):
                drawn = plan[unit.index] if plan is not None and unit.split == "train" else None
                yield (
                    unit,
                    drawn,
                    ("train", *raw.drawn) if drawn is not None else (unit.split,),
                    staging,
                    settings,
                )

    for result in ordered_map(convert_unit, calls(), workers=workers):
        _checked(result)
    return total


def _is_complete(staging: Path, index: int) -> bool:
    path = unit_file(staging, index)
    if not path.exists() or not all(path.with_suffix(f".{name}").exists() for name in NOTES):
        return False
    shards = (
        (staging / split / shard["name"], shard)
        for split, shards in read_json(path)["shards"].items()
        for shard in shards
    )
    return all(path.exists() and sha256(path) == shard["sha256"] for path, shard in shards)


def _checked(result):
    """Return a unit's result. Raises AnnotationError where it is an error."""
    if isinstance(result, UnitError):
        raise cannot_be_read(result.message, result.more)
    return result


def _require_own_ids(opened: dict[str, list[Opened]], staging: Path, units: int, settings: Settings) -> None:
    """Raise AnnotationError where two documents of a file have one id: 16 bytes of memory a document."""
    ids = numpy.concatenate(
        [
            numpy.frombuffer(base64.b64decode(read_json(unit_file(staging, i))["ids"]), dtype="<u8")
            for i in range(units)
        ]
    )
    order = numpy.argsort(ids, kind="stable")
    again = numpy.flatnonzero((ids[order][1:] == ids[order][:-1]) & (ids[order][1:] != 0))
    if not len(again):
        return
    first, second = (int(order[again[0] + i]) for i in (0, 1))
    documents = (document for unit in cut_into_units(opened, settings) for document in unit.records(settings))
    (item, record), (other, _) = (
        document for i, document in enumerate(islice(documents, second + 1)) if i in (first, second)
    )
    raise same_id(item.source, other.source, record.id)


def _finish(
    raw: RawCorpus, files: list[Understood], staging: Path, units: int, identity: dict, settings: Settings
) -> dict[str, Ledger]:
    """Add the units up; write rejects and manifests, and check that all is there."""
    ledgers = {split: Ledger() for split in SPLITS}
    shards: dict[str, list[dict]] = {split: [] for split in SPLITS}
    spaces: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    evidence: dict[str, dict[str, Counter[str]]] = {split: {} for split in SPLITS}
    with (staging / REJECTS).open("wb") as rejects, (staging / MENDS).open("wb") as mends:
        for index in range(units):
            path = unit_file(staging, index)
            unit = read_json(path)
            for file, name in ((rejects, "rejects"), (mends, "mends")):
                file.write(path.with_suffix(f".{name}").read_bytes())
            for split, ledger in unit["ledgers"].items():
                ledgers[split].merge(Ledger.from_json(ledger))
                shards[split] += unit["shards"][split]
                spaces[split] = {
                    kind: spaces[split].get(kind, 0) + count for kind, count in unit["spaces"][split].items()
                }
            for name, counts in unit["offsets"].items():
                evidence[unit["split"]].setdefault(name, Counter()).update(counts)
        for split, by_file in evidence.items():
            require_characters(by_file)
            for name, why in doubts(by_file):
                ledgers[split].note("mends", "aligned", "offset-units", f"{name}: {why}")
                row = {"split": split, "source": name, "reason": "offset-units", "detail": why}
                mends.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
    if settings.on_error is OnError.reject:
        _require_few_rejects(ledgers.values(), staging / REJECTS, settings)
    for split, ledger in ledgers.items():
        ledger.check()
        count = ledger.stages["sharded"]
        if not count.documents:
            raise AnnotationError(f"the {split} split has no document; {_remedy(raw, split)}")
        own = {
            "split": split,
            "sources": identity["sources"][split] or identity["sources"]["train"],
            "drawn_from_train": split in raw.drawn,
        }
        counts = {
            "documents": count.documents,
            "tokens": count.tokens,
            "entities": dict(sorted(count.labels.items())),
        }
        if count.other:
            counts["other_annotation"] = dict(sorted(count.other.items()))
        read_as = [asdict(file) for file in files if file.split == ("train" if split in raw.drawn else split)]
        parts = {
            "understood": read_as,
            "shards": shards[split],
            "spaces": spaces[split],
            "ledger": ledger.as_json(),
        }
        if split == "train":
            write_json(staging / split / LABELS, label_data(counts["entities"]))
        write_json(
            staging / split / MANIFEST,
            own | counts | {name: identity[name] for name in ("settings", "versions")} | parts,
        )
    return ledgers


def _require_few_rejects(ledgers: Iterable[Ledger], rejects: Path, settings: Settings) -> None:
    """Raise AnnotationError where a larger share of documents or entities was rejected than the settings allow."""
    read = {"documents": 0, "entities": 0}
    lost = {"documents": 0, "entities": 0}
    for ledger in ledgers:
        read["documents"] += ledger.stages["read"].documents
        read["entities"] += ledger.stages["read"].entities
        for (_, reason), change in ledger.losses.items():
            lost["documents"] += change.count.documents if reason == "unreadable" else 0
            harmless = reason == "duplicate-span" or (
                reason in ("overlap", "nested") and settings.overlaps is not Overlaps.error
            )
            stated = change.count.documents or harmless
            lost["entities"] += 0 if stated else change.count.entities
    for what in ("documents", "entities"):
        if lost[what] > settings.max_reject_rate * read[what]:
            raise AnnotationError(
                f"{lost[what]:,} of {read[what]:,} {what} ({100 * lost[what] / read[what]:.1f} %) cannot be used, more than max_reject_rate "
                f"allows ({100 * settings.max_reject_rate:g} %); {rejects} says why: mend the data, or raise vars.max_reject_rate"
            )


def _remedy(raw: RawCorpus, split: str) -> str:
    if raw.drawn:
        variables = ", ".join(f"vars.{name}" for name in raw.drawn)
        return f"too few different documents are in {raw.names['train']} to hold some out; add some, or set {variables} to a file"
    return f"every document of {raw.names[split]} was left out; see its answers and texts"


def choose_workers(raw: RawCorpus, cores: int) -> int:
    """Return how many processes are worth starting: a process for every few MB of raw files, up to one a core."""
    return max(1, min(cores, raw.bytes // WORTH_A_WORKER))
