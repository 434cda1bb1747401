"""Plant every fault that a check knows, and see who finds it: `spacy debug data` or this project's validation."""

import contextlib
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import srsly
from spacy.cli.debug_data import debug_data
from spacy.tokens import DocBin
from spacy.training.converters import conll_ner_to_docs
from spacy.util import filter_spans

from scripts.checks.catalogue import CHECKS, Check
from scripts.corpus.tokenizer import load_tokenizer
from scripts.training.configs import write_quickstarts
from tests.planted import Example, base, examined, parse, plant

COPIES = 60
"""Sound documents of each kind around a planted fault: enough that `debug data` has no complaint about their number."""
NOT_ASKED = {
    "unreadable": "reads no raw data",
    "discontinuous": "reads no raw data",
    "ledger": "keeps no ledger",
}
"""Faults that `spacy debug data` cannot be shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a fault: what `debug data` said of the bad example and not of the good one, and where this project found it."""

    code: str
    slug: str
    debug_data: str
    debug_data_located: bool
    found: bool
    located: bool
    place: str


def run_all(work: Path, tell: Callable[[str], None], checks: Iterable[Check] = CHECKS) -> list[Row]:
    """Plant the bad and the good example of each check and run both programs on them, with spaCy's quickstart configs."""
    configs = write_quickstarts(work / "configs")
    rows = []
    for check in checks:
        tell(f"{check.code} {check.slug}")
        folder = work / check.slug
        report = examined(check.bad, folder / "ours", configs)
        findings = [finding for finding in report.findings if finding.slug == check.slug]
        said, located = (
            (NOT_ASKED[check.slug], False) if check.slug in NOT_ASKED else _debug_data(check, folder, configs)
        )
        place = findings[0].place if findings else ""
        rows.append(
            Row(
                check.code,
                check.slug,
                said,
                located,
                bool(findings),
                bool(place),
                place.replace(f"{folder.as_posix()}/ours/", ""),
            )
        )
    return rows


def _debug_data(check: Check, folder: Path, configs: Path) -> tuple[str, bool]:
    """Return what `debug data` says of the bad example that it does not say of the good one, and whether it says where."""
    bad, good = (
        _complaints(parse(text), folder / name, configs)
        for name, text in (("bad", check.bad), ("good", check.good))
    )
    new = {normal: line for normal, line in bad.items() if normal not in good}
    words = [word for word in re.findall(r"(\S+)/(?:[BIO]-|O)", check.bad) if len(word) > 2][:3]
    text = " ".join(new.values())
    return "; ".join(new.values()), bool(new) and (
        ".spacy" in text or (bool(words) and all(word in text for word in words))
    )


def _complaints(example: Example, folder: Path, configs: Path) -> dict[str, str]:
    """Run `debug data`; return its warnings and errors, and what it died of, by the text without its numbers."""
    surroundings = {split: base(split, COPIES) for split in ("train", "dev", "test")}
    tagged = Example(example.config, {}, example.tagged, alone=example.alone)
    _, data, config = plant(tagged, folder, configs, surroundings=surroundings)
    try:
        extra = _naively_converted(example)
    except Exception as error:  # the converter is a part of what is compared
        return {"convert": f"conversion fails: {_short(error)}"}
    if extra:
        whole = DocBin(
            docs=[*DocBin().from_disk(data["train"]).get_docs(extra[0].vocab), *extra], store_user_data=True
        )
        whole.to_disk(data["train"])
    if "shard" in example.options:
        data["train"].write_bytes(example.options["shard"].encode())
    output = io.StringIO()
    died = None
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            debug_data(config, silent=False, no_format=False)
        except SystemExit:
            pass  # with errors, which it has told
        except Exception as error:
            died = f"dies: {_short(error)}"
    lines = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).strip() for line in output.getvalue().splitlines()]
    complaints = [
        line[1:].strip()
        for line in lines
        if line.startswith(("⚠", "✘")) and not re.search(r"\d+ (warning|error)s?$", line)
    ]
    return {re.sub(r"\d+", "N", line): line for line in complaints} | ({"died": died} if died else {})


def _naively_converted(example: Example) -> list:
    """Make Docs of raw data as tutorials do: `char_span`, without those that are None; `filter_spans`; spaCy's converter for columns."""
    if example.raw:
        return (
            list(conll_ner_to_docs(example.raw[1].replace("\t", " "), no_print=True))
            if example.raw[0] == "columns"
            else []
        )
    tokenizer = load_tokenizer("en")
    docs = []
    for row in map(srsly.json_loads, example.rows):
        doc = tokenizer(row["text"])
        spans = [
            (span["start"], span["end"], span["label"]) if isinstance(span, dict) else span
            for span in row["spans"]
        ]
        found = [doc.char_span(start, end, label=label) for start, end, label in spans]
        doc.ents = filter_spans([span for span in found if span is not None])
        docs.append(doc)
    return docs


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    code = re.search(r"\[E\d+\]", text)
    return f"{type(error).__name__} {code[0] if code else text[:60]}".strip()


def as_markdown(rows: list[Row], version: str) -> str:
    """Make the table."""
    lines = [
        f"| fault | `spacy debug data` {version} | says where | `scripts.validate` | says where |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        asked = row.slug not in NOT_ASKED
        theirs = (
            f"“{row.debug_data[:110]}”" if asked and row.debug_data else row.debug_data if not asked else "no"
        )
        where = "yes" if row.debug_data_located else "–" if not asked or not row.debug_data else "no"
        cells = (
            f"{row.code} {row.slug}",
            theirs.replace("|", "\\|"),
            where,
            "yes" if row.found else "NO",
            f"`{row.place}`" if row.located else "no",
        )
        lines.append("| " + " | ".join(cells) + " |")
    found = sum(bool(row.debug_data) for row in rows if row.slug not in NOT_ASKED)
    asked = sum(row.slug not in NOT_ASKED for row in rows)
    located = sum(row.debug_data_located for row in rows)
    ours = sum(row.found for row in rows)
    total = (
        f"Of {len(rows)} kinds of fault, `scripts.validate` finds {ours} and says where for {sum(row.located for row in rows)}; "
        f"of the {asked} that `spacy debug data` can be shown, it finds {found} and says where for {located}."
    )
    return total + "\n\n" + "\n".join(lines) + "\n"
