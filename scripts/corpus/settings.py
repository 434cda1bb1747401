"""What may be said of the raw data: one schema, read from configs/corpus.cfg and the command line."""

import difflib
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from confection import Config
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scripts.cli import UserError
from scripts.formats.offsets import OFFSETS
from scripts.formats.registry import ACCEPTABLE, ReadOptions

SECTION = "corpus"


def option(default: Any, help: str, **limits: float) -> Any:
    """Describe an option of the schema."""
    return Field(default, description=help, **limits)


class Settings(BaseModel):
    """All that changes a corpus's bytes, besides the raw data: each option's name, type, default and help."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    lang: str = option("en", "spaCy's code of the language, which chooses the tokeniser.")
    seed: int = option(0, "Decides which documents are held out for dev and test.")
    format: str = option("auto", "How the raw files are written: auto, or a format's name.")
    columns: str = option(
        "", "Column files: what each column is, token and tag among it; empty: told by looking."
    )
    encoding: str = option("utf-8", "Of the raw files; UTF-16 with a byte order mark is told by itself.")
    offsets: Literal[OFFSETS] = option("auto", f"What offsets of spans count: {', '.join(OFFSETS)}.")
    text_field: str = option("", "JSON, Parquet, tables: the key of the text; empty: told by looking.")
    spans_field: str = option(
        "", "The key of spans or tags, or DocBin's group of spans; empty: told by looking."
    )
    label_names: str = option("", "Names of tags that are numbers, from 0 on, with commas between.")
    annotator: str = option("", "Whose annotation counts where several annotated: an id, first, last or all.")
    accept: str = option("", f"Doubts that are no error, with commas between: {', '.join(ACCEPTABLE)}.")
    sentences_per_doc: int = option(0, "Column files: sentences that make a document; 0: as marks say.", ge=0)
    align: Literal["strict", "contract", "expand"] = option(
        "strict", "Spans whose ends are inside tokens: strict (lost), contract or expand (to whole tokens)."
    )
    trim: bool = option(False, "Trim white space at the edges of spans; else such spans are lost.")
    overlaps: Literal["error", "longest", "first"] = option(
        "error", "Of spans on one token: error (the longest stays, and it is told), longest or first."
    )
    max_tokens: int = option(1000, "Longer documents are cut, best where sentences start; 0: never.", ge=0)
    on_error: Literal["stop", "reject"] = option(
        "stop", "Records that cannot be read: stop, or reject (into corpus/rejects.jsonl) and go on."
    )
    max_reject_rate: float = option(0.05, "Share of documents or entities that may be rejected.", ge=0, le=1)
    group_by: str = option(
        "group", "Field whose documents stay in one split, where these are drawn; file: a file's."
    )

    @field_validator("accept")
    @classmethod
    def _accept_is_known(cls, value: str) -> str:
        for name in _names(value):
            if name not in ACCEPTABLE:
                raise ValueError(f"nothing is called {name!r}; choose of {', '.join(ACCEPTABLE)}")
        return value

    @property
    def read_options(self) -> ReadOptions:
        """The part that readers need."""
        own = self.model_dump(include={field.name for field in fields(ReadOptions)})
        return ReadOptions(**own | {"accept": _names(self.accept), "label_names": _names(self.label_names)})


OPTIONS = {name: field for name, field in Settings.model_fields.items() if name not in ("lang", "seed")}
"""What stands in configs/corpus.cfg; language and seed are the whole project's, and stand in project.yml."""


def read_settings(path: Path, arguments: list[str], **further: object) -> Settings:
    """Read a config file's settings, those of a command line in their place, and `further` ones.

    Raises UserError where the file cannot be read, or an option or value is unknown.
    """
    try:
        config = Config().from_disk(path)
    except (OSError, ValueError) as error:
        why = " ".join(str(error.strerror if isinstance(error, OSError) else error).split())
        raise UserError(f"{path}: cannot be read as a config ({why}); see configs/corpus.cfg") from None
    if unknown := config.keys() - {SECTION}:
        raise UserError(f"{path}: [{min(unknown)}]: options are read from [{SECTION}] alone; put them there")
    given = config.get(SECTION, {})
    for name in given:
        _require_known(f"{path}: {name}", name)
    overrides = parse_overrides(arguments)
    try:
        return Settings(**given | overrides | further)
    except ValidationError as errors:
        error = errors.errors()[0]
        name = str(error["loc"][0])
        place = f"{path}: {name}" if name in given and name not in overrides else f"--{SECTION}.{name}"
        what = f"{error['input']!r}: {error['msg'].removeprefix('Value error, ')}"
        raise UserError(f"{place}: {what}. {Settings.model_fields[name].description}") from None


def parse_overrides(arguments: list[str]) -> dict[str, str]:
    """Read `--corpus.NAME=VALUE`; also without `corpus.`, with a space for =, as `--trim`."""
    found, rest = {}, list(arguments)
    while rest:
        option, is_given, value = rest.pop(0).partition("=")
        if not option.startswith("--"):
            raise UserError(f"{option!r}: not expected here; options are given as --{SECTION}.NAME=VALUE")
        name = option.removeprefix("--").removeprefix(f"{SECTION}.").replace("-", "_")
        _require_known(option, name)
        if not is_given and OPTIONS[name].annotation is bool:
            value = "true"
        elif not is_given:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"{option}: a value is missing: {option}=VALUE. {OPTIONS[name].description}")
            value = rest.pop(0)
        found[name] = value
    return found


def options_help() -> str:
    """Return the help of all options, 80 columns wide, as Click leaves it."""
    how = f"--{SECTION}.NAME=VALUE or --NAME=VALUE"
    lines = [f"Options of configs/corpus.cfg, as {how}, with their defaults:"]
    for name, field in OPTIONS.items():
        lines += [f"  --{SECTION}.{name}={str(field.default).lower()}", f"      {field.description}"]
    wrap = textwrap.TextWrapper(76, subsequent_indent="      ", break_on_hyphens=False)
    return "\n\n\b\n" + "\n".join(map(wrap.fill, lines))


def _require_known(place: str, name: str) -> None:
    if name not in OPTIONS:
        close = difflib.get_close_matches(name, OPTIONS, n=1)
        likely = f" (do you mean {close[0]}?)" if close else ""
        raise UserError(f"{place}: no such option{likely}; there are {', '.join(OPTIONS)}")


def _names(names: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in names.split(",") if part.strip())
