"""Write a new set of raw files in which what can be mended is mended."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import DocBin

from scripts.annotations.record import AnnotationError, Record, Span
from scripts.annotations.registry import choose_format, items
from scripts.checks.mending import Change, mend
from scripts.checks.shard import Shard, View
from scripts.command import UserError
from scripts.corpus.build import RawCorpus
from scripts.corpus.files import write_bytes
from scripts.corpus.settings import Settings
from scripts.corpus.shards import BEGIN, OUTSIDE
from scripts.corpus.tokenizer import Tokeniser
from scripts.corpus.units import hash64

DOCBIN = "docbin"
ORDER = ("test", "dev", "train")
"""What is in two splits is taken out of the one that comes later."""

Tell = Callable[[Change], None]
Progress = Callable[[int], None]


class Seen:
    """The texts that were kept so far."""

    def __init__(self) -> None:
        self._texts: dict[bytes, tuple[str, str]] = {}
        self._same: dict[tuple[str, bytes, bytes], str] = {}

    def fault(self, split: str, text: str, annotation: str, place: str, *, unsafe: bool) -> tuple[str, str] | None:
        """Say why a document should go, and where its like is: the same in its split, or (unsafe) in another; None where it may stay."""
        key, own = hash64(" ".join(text.split())), hash64(annotation)
        where, first = self._texts.setdefault(key, (split, place))
        if where != split and unsafe:
            return "text-in-two-splits", first
        same = self._same.setdefault((split, key, own), place)
        return ("duplicate-text", same) if same != place else None


def fix(raw: RawCorpus, output: Path, settings: Settings, *, unsafe: bool, tell: Tell, progress: Progress = lambda done: None) -> dict[str, Path]:
    """Write mended copies of raw files; return the folder of each split.

    Text with spans becomes JSONL, tokens with tags become columns, DocBin files stay what they are, with all that they hold. A file is complete or
    absent; the raw files are only read. Raises AnnotationError on a record that cannot be read, unless `unsafe` leaves it out.
    """
    tokenizer = Tokeniser(settings.lang)
    seen = Seen()
    done = 0
    folders = {}
    for split in [split for split in ORDER if raw.files[split]]:
        folders[split] = output / split
        for number, path in enumerate(raw.files[split]):
            name = f"{number:03d}-{path.name.removesuffix('.gz').rsplit('.', 1)[0]}"
            if choose_format(path, settings.format).name == DOCBIN:
                write_bytes(output / split / f"{name}.spacy", _fix_docbin(path, split, seen, tell, unsafe=unsafe))
            else:
                _fix_text(path, split, output / split / name, settings, tokenizer, seen, tell, unsafe=unsafe)
            done += path.stat().st_size
            progress(done)
    return folders


def _fix_text(path: Path, split: str, target: Path, settings: Settings, tokenizer: Tokeniser, seen: Seen, tell: Tell, *, unsafe: bool) -> None:
    rows: list[str] = []
    kinds: set[bool] = set()
    for record in _records(path, settings, tell, unsafe=unsafe):
        if record.excluded is not None:
            continue
        mended = mend(record, tokenizer, max_tokens=settings.max_tokens, unsafe=unsafe)
        for change in mended.changes:
            tell(change)
        for one in mended.records:
            place = f"{one.source} {one.id}"
            fault = seen.fault(split, one.text, repr(sorted(one.spans)), place, unsafe=unsafe)
            if fault is not None:
                tell(Change(fault[0], place, f"{one.text[:80]!r}, as {fault[1]}", ""))
                continue
            kinds.add(one.words is None)
            rows.append(json_row(one, mended.doubtful) if one.words is None else columns(one))
    if kinds == {True, False}:
        raise UserError(f"{path}: some documents have tokens, others text; mend them apart")
    if rows and kinds == {True}:
        write_bytes(target.with_name(f"{target.name}.jsonl"), "".join(rows).encode("utf-8"))
    elif rows:
        header = "token\tmisc\ttag\n\n" if rows[0].count("\t", 0, rows[0].index("\n", 1)) > 1 else "token\ttag\n\n"
        write_bytes(target.with_name(f"{target.name}.conll"), (header + "".join(rows)).encode("utf-8"))


def _records(path: Path, settings: Settings, tell: Tell, *, unsafe: bool) -> Iterator[Record]:
    format = choose_format(path, settings.format)
    for item, _ in items(path, format, settings.read_options):
        try:
            yield format.read(item)
        except AnnotationError as error:
            if not unsafe:
                raise AnnotationError(f"{error}; no safe fix is known (--unsafe leaves the record out)") from None
            tell(Change("unreadable", str(item.source), str(error), ""))


def json_row(record: Record, doubtful: list[tuple[Span, str]]) -> str:
    """Write a record as a line of JSON; a doubtful span quotes what was meant."""
    spans = [span._asdict() for span in record.spans] + [span._asdict() | {"text": meant} for span, meant in doubtful]
    group = {} if record.group is None else {"group": record.group}
    return json.dumps({"id": record.id, "text": record.text, "spans": spans} | group, ensure_ascii=False) + "\n"


def columns(record: Record) -> str:
    """Write a record's tokens as columns with a document mark before them; with `SpaceAfter=No` between token and tag where spaces are known."""
    starts = {span.start: span for span in record.spans}
    lines = ["-DOCSTART-\n"]
    at, inside = 0, None
    for i, (word, space) in enumerate(zip(record.words, record.spaces, strict=True)):
        if i == 0 or (record.sent_starts is not None and record.sent_starts[i]):
            lines.append("\n")
        inside = starts.get(at, inside if inside is not None and at < inside.end else None)
        tag = "O" if inside is None else f"{'B' if at == inside.start else 'I'}-{inside.label}"
        lines.append("\t".join([word, *([["SpaceAfter=No", "_"][space]] if record.spaces_given else []), tag]) + "\n")
        at += len(word) + space
    return "".join([*lines, "\n"])


def _fix_docbin(path: Path, split: str, seen: Seen, tell: Tell, *, unsafe: bool) -> bytes:
    """Return a DocBin with mended tags and without duplicates, and with all else that the file has."""
    shard = Shard(path)
    if shard.places is not None:
        raise UserError(f"{path}: is a shard that preprocessing made; mend the raw files instead")
    whole = DocBin().from_disk(path)
    iob, types = whole.attrs.index(ENT_IOB), whole.attrs.index(ENT_TYPE)
    kept = []
    for index in range(len(shard)):
        view = shard.view(index)
        place = view.place()["shard"]
        table = whole.tokens[index] = whole.tokens[index].copy()
        changes = list(_fix_tags(view, table[:, iob], table[:, types], unsafe=unsafe))
        if not view.text.strip():
            tell(Change("empty-document", place, repr(view.text[:80]), ""))
            continue
        fault = seen.fault(split, view.text, repr([*table[:, iob].tolist(), *table[:, types].tolist()]), place, unsafe=unsafe)
        if fault is not None:
            tell(Change(fault[0], place, f"{view.text[:80]!r}, as {fault[1]}", ""))
            continue
        for slug, token, before, after in changes:
            tell(Change(slug, f"{place}:{token}", before, after))
        kept.append(index)
    for name in ("tokens", "spaces", "cats", "span_groups", "flags", "user_data"):
        values = getattr(whole, name)
        setattr(whole, name, [values[i] for i in kept if i < len(values)])
    whole.store_user_data = any(data is not None for data in whole.user_data)
    return whole.to_bytes()


def _fix_tags(view: View, iob: numpy.ndarray, types: numpy.ndarray, *, unsafe: bool) -> Iterator[tuple[str, int, str, str]]:
    """Mend a document's tags in place; yield slug, token, and its tag before and after."""
    if view.is_plain:
        return
    for i in numpy.flatnonzero(view.column("illegal")).tolist():
        iob[i] = BEGIN
        yield "i-without-b", i, f"{view.words[i]!r} {view.tag(i)}", f"B{view.tag(i)[1:]}"
    for start, end, label in view.ents:
        inner = [i for i in range(start, end) if not view.words[i].isspace()]
        first, last = (inner[0], inner[-1] + 1) if inner else (end, end)
        if (first, last) != (start, end):
            for i in (*range(start, first), *range(last, end)):
                iob[i], types[i] = OUTSIDE, 0
            if inner:
                iob[first] = BEGIN
            yield "whitespace-edge", start, f"{view.surface(start, end)!r} {label}", f"{view.surface(first, last)!r} {label}" if inner else ""
    if unsafe:
        for i in range(len(view)):
            if iob[i] == 0:
                yield "missing-annotation", i, f"{view.words[i]!r} {view.tag(i)}", "O"
                iob[i] = OUTSIDE
            if iob[i] == OUTSIDE and types[i]:
                yield "outside-with-label", i, f"{view.words[i]!r} {view.tag(i)}", "O"
                types[i] = 0
            if iob[i] != OUTSIDE and not types[i]:
                yield "empty-label", i, f"{view.words[i]!r} {view.tag(i)}", "O"
                iob[i] = OUTSIDE
