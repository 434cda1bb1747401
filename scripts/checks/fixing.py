"""Write a new set of raw files in which what can be mended is mended."""

import io
import json
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import DocBin

from scripts.checks.mending import Change, mend
from scripts.checks.shard import Shard, View
from scripts.cli import UserError
from scripts.corpus.build import RawCorpus
from scripts.corpus.files import write_bytes
from scripts.corpus.settings import Settings
from scripts.corpus.shards import BEGIN, OUTSIDE
from scripts.corpus.tokenizer import Tokeniser
from scripts.corpus.units import hash64
from scripts.formats.offsets import settle
from scripts.formats.record import AnnotationError, Record, Span, made_id
from scripts.formats.registry import choose_format, items, open_file, records_of
from scripts.formats.words import iob2_tags

CHANGES = "changes.diff"
DOCBIN = "docbin"
ENDINGS = (".jsonl", ".conll", ".parquet", ".spacy")
"""Of the files that are written."""
ORDER = ("test", "dev", "train")
"""What is in two splits is taken out of the one that comes later."""

Tell = Callable[[Change], None]
Progress = Callable[[int], None]


class Seen:
    """The texts that were kept so far."""

    def __init__(self) -> None:
        self._texts: dict[bytes, tuple[str, str]] = {}
        self._same: dict[tuple[str, bytes, bytes], str] = {}

    def fault(
        self, split: str, text: str, annotation: str, place: str, *, unsafe: bool
    ) -> tuple[str, str] | None:
        """Say why a document should go, and where its like is: the same in its split, or (unsafe) in another; None where it may stay."""
        key, own = hash64(" ".join(text.split())), hash64(annotation)
        where, first = self._texts.setdefault(key, (split, place))
        if where != split and unsafe:
            return "text-in-two-splits", first
        same = self._same.setdefault((split, key, own), place)
        return ("duplicate-text", same) if same != place else None


def fix(
    raw: RawCorpus,
    output: Path,
    settings: Settings,
    *,
    unsafe: bool,
    tell: Tell,
    progress: Progress = lambda done: None,
) -> dict[str, Path]:
    """Write mended copies of raw files; return the folder of each split of which anything is left.

    Text with spans becomes JSONL, tokens with tags become columns (Parquet stays Parquet), DocBin files stay what they are, with all that they
    hold. What an earlier run wrote there goes, and nothing is left after an error; the raw files are only read. Raises AnnotationError on a record
    that cannot be read, unless `unsafe` leaves it out; UserError where a raw file lies in the output folder.
    """
    for path in chain(*raw.files.values()):
        if output.resolve() in path.resolve().parents:
            raise UserError(f"{path}: lies in the output folder {output}; name another by --output")
    clear(output)
    try:
        return _fix_all(raw, output, settings, tell, progress, unsafe=unsafe)
    except (UserError, KeyboardInterrupt):
        clear(output)
        raise


def clear(output: Path) -> None:
    """Delete what `fix` wrote into a folder, the list of changes, and the folders that are empty then."""
    (output / CHANGES).unlink(missing_ok=True)
    for split in ORDER:
        for path in (output / split).glob("[0-9][0-9][0-9][0-9][0-9]-*"):
            if path.suffix in ENDINGS:
                path.unlink()
        if (output / split).is_dir() and not any((output / split).iterdir()):
            (output / split).rmdir()


def _fix_all(
    raw: RawCorpus, output: Path, settings: Settings, tell: Tell, progress: Progress, *, unsafe: bool
) -> dict[str, Path]:
    tokenizer = Tokeniser(settings.lang)
    seen = Seen()
    done = 0
    folders = {}
    for split in [split for split in ORDER if raw.files[split]]:
        for number, path in enumerate(raw.files[split]):
            prefix = f"{number:05d}-"
            name = prefix + path.name.removesuffix(".gz").rsplit(".", 1)[0].removeprefix(prefix)
            if choose_format(path, settings.format, settings.read_options).name == DOCBIN:
                ending, data = ".spacy", _fix_docbin(path, split, seen, tell, unsafe=unsafe)
            else:
                ending, data = _fix_text(path, split, settings, tokenizer, seen, tell, unsafe=unsafe)
            if data:
                folders[split] = output / split
                write_bytes(output / split / (name + ending), data)
            done += path.stat().st_size
            progress(done)
    return folders


def _fix_text(
    path: Path, split: str, settings: Settings, tokenizer: Tokeniser, seen: Seen, tell: Tell, *, unsafe: bool
) -> tuple[str, bytes]:
    """Return a file's mended records as the ending and the bytes of a new one; no bytes where none is left."""
    kept: list[tuple[Record, list[tuple[Span, str]]]] = []
    for record in _records(path, settings, tell, unsafe=unsafe):
        if record.excluded is not None:
            continue
        mended = mend(record, tokenizer, max_tokens=settings.max_tokens, unsafe=unsafe)
        for change in mended.changes:
            tell(change)
        for one in mended.records:
            place = f"{one.source} {one.id}"
            fault = seen.fault(
                split, one.text, repr((sorted(one.spans), sorted(mended.doubtful))), place, unsafe=unsafe
            )
            if fault is not None:
                tell(Change(fault[0], place, f"{one.text[:80]!r}, as {fault[1]}", ""))
                continue
            kept.append((one, mended.doubtful))
    records = [record for record, _ in kept]
    if not records:
        return "", b""
    if all(record.words is None for record in records):
        return ".jsonl", "".join([json_row(*one, settings.group_by) for one in kept]).encode("utf-8")
    if any(record.words is None for record in records):
        raise UserError(f"{path}: some documents have tokens, others text; mend them apart")
    if any(record.sent_starts is None for record in records):
        return ".parquet", parquet(records, settings.group_by)
    header = "id\ttoken\tmisc\ttag\n\n" if records[0].spaces_given else "id\ttoken\ttag\n\n"
    return ".conll", (header + "".join(map(columns, records))).encode("utf-8")


def _records(path: Path, settings: Settings, tell: Tell, *, unsafe: bool) -> Iterator[Record]:
    opened = open_file(path, settings.format, settings.read_options)
    for item, _ in items(opened, settings.read_options):
        try:
            yield from (settle(record, settings.offsets) for record in records_of(item, opened.format))
        except AnnotationError as error:
            if not unsafe:
                raise AnnotationError(
                    f"{error}; no safe fix is known (--unsafe leaves the record out)"
                ) from None
            tell(Change("unreadable", str(item.source), str(error), ""))


def json_row(record: Record, doubtful: list[tuple[Span, str]], group_by: str) -> str:
    """Write a record as a line of JSON; a doubtful span quotes what was meant."""
    spans = [span._asdict() for span in record.spans] + [
        span._asdict() | {"text": meant} for span, meant in doubtful
    ]
    return (
        json.dumps(_own(record, group_by) | {"text": record.text, "spans": spans}, ensure_ascii=False) + "\n"
    )


def _own(record: Record, group_by: str) -> dict[str, str]:
    """Return a record's id and group, if the data gave them."""
    own = {} if record.id == made_id(record.source) else {"id": record.id}
    return own if record.group is None or group_by == "file" else own | {group_by: record.group}


def parquet(records: list[Record], group_by: str) -> bytes:
    """Write records of tokens that know neither sentences nor spaces as Parquet."""
    import pyarrow
    import pyarrow.parquet

    rows = [
        _own(record, group_by) | {"tokens": list(record.words), "ner_tags": iob2_tags(record)}
        for record in records
    ]
    names = dict.fromkeys(chain(*rows))
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(
        pyarrow.table({name: [row.get(name) for row in rows] for name in names}), buffer
    )
    return buffer.getvalue()


def columns(record: Record) -> str:
    """Write a record's tokens as columns with a document mark before them; with `SpaceAfter=No` between token and tag where spaces are known.

    The number before each token tells it from a document mark or a comment, whatever it is.
    """
    lines = ["-DOCSTART-\n"]
    for i, (word, space, tag) in enumerate(zip(record.words, record.spaces, iob2_tags(record), strict=True)):
        if i == 0 or record.sent_starts[i]:
            lines.append("\n")
        lines.append(
            "\t".join(
                [str(i + 1), word, *([["SpaceAfter=No", "_"][space]] if record.spaces_given else []), tag]
            )
            + "\n"
        )
    return "".join([*lines, "\n"])


def _fix_docbin(path: Path, split: str, seen: Seen, tell: Tell, *, unsafe: bool) -> bytes:
    """Return a DocBin with mended tags and without duplicates, and with all else that the file has; no bytes where nothing is left."""
    shard = Shard(path)
    if shard.places is not None:
        raise UserError(f"{path}: is a shard that preprocessing made; mend the raw files instead")
    whole = DocBin().from_disk(path)
    if not {ENT_IOB, ENT_TYPE} <= set(whole.attrs):
        raise UserError(f"{path}: holds no entities; save it with the attributes ENT_IOB and ENT_TYPE")
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
        fault = seen.fault(
            split, view.text, repr([*table[:, iob].tolist(), *table[:, types].tolist()]), place, unsafe=unsafe
        )
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
    return whole.to_bytes() if kept else b""


def _fix_tags(
    view: View, iob: numpy.ndarray, types: numpy.ndarray, *, unsafe: bool
) -> Iterator[tuple[str, int, str, str]]:
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
            yield (
                "whitespace-edge",
                start,
                f"{view.surface(start, end)!r} {label}",
                f"{view.surface(first, last)!r} {label}" if inner else "",
            )
    if unsafe:
        for i in range(len(view)):
            if iob[i] == 0 and not types[i]:
                yield "missing-annotation", i, f"{view.words[i]!r} {view.tag(i)}", "O"
                iob[i] = OUTSIDE
            if iob[i] in (0, OUTSIDE) and types[i]:
                yield "outside-with-label", i, f"{view.words[i]!r} {view.tag(i)}", "O"
                iob[i], types[i] = OUTSIDE, 0
            if iob[i] != OUTSIDE and not types[i]:
                yield "empty-label", i, f"{view.words[i]!r} {view.tag(i)}", "O"
                iob[i] = OUTSIDE
