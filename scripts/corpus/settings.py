"""What may be said about the raw data: one schema, read from configs/corpus.cfg and the command line."""

import difflib
import textwrap
from pathlib import Path
from typing import Literal

from confection import Config, ConfigValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scripts.cli import UserError
from scripts.formats.offsets import Offsets
from scripts.formats.registry import ACCEPTABLE, ReadOptions

SECTION = "corpus"


class Settings(BaseModel):
    """All that changes a corpus's bytes, besides the raw data. Each option's name, type and help stand here alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    lang: str = Field("en", description="spaCy's code of the language, which chooses the tokeniser.")
    seed: int = Field(0, description="Decides which documents are held out for dev and test.")
    format: str = Field("auto", description="How the raw files are written: auto, or a format's name.")
    columns: str = Field(
        "",
        description="Column files: names of the columns, one of them token, one tag; empty: told by looking.",
    )
    encoding: str = Field(
        "utf-8", description="Of the raw files; UTF-16 with a byte order mark is told by itself."
    )
    offsets: Offsets = Field(Offsets.auto, description=f"What offsets of spans count: {', '.join(Offsets)}.")
    text_field: str = Field(
        "", description="JSON, Parquet, tables: the key of the text; empty: told by looking."
    )
    spans_field: str = Field(
        "", description="The key of the spans or tags, or DocBin's group of spans; empty: told by looking."
    )
    label_names: str = Field(
        "", description="Names of tags that are numbers, from 0 on, with commas between."
    )
    annotator: str = Field(
        "", description="Whose annotation counts where several annotated: an id, first, last, all."
    )
    accept: str = Field(
        "", description=f"Doubts that are no error, with commas between: {', '.join(ACCEPTABLE)}."
    )
    sentences_per_doc: int = Field(
        0, ge=0, description="Column files: sentences that make a document; 0: as the file's marks say."
    )
    align: Literal["strict", "contract", "expand"] = Field(
        "strict",
        description="Spans whose ends are inside tokens: strict (lost), contract or expand (to whole tokens).",
    )
    trim: bool = Field(False, description="Trim white space at the edges of spans; else such spans are lost.")
    overlaps: Literal["error", "longest", "first"] = Field(
        "error",
        description="Of spans on one token: error (the longest stays, as an error), longest or first.",
    )
    max_tokens: int = Field(
        1000, ge=0, description="Longer documents are cut at sentence starts outside entities; 0: never."
    )
    on_error: Literal["stop", "reject"] = Field(
        "stop",
        description="Records that cannot be read: stop, or reject (into corpus/rejects.jsonl) and go on.",
    )
    max_reject_rate: float = Field(
        0.05, ge=0, le=1, description="Share of documents or entities that may be rejected."
    )
    group_by: str = Field(
        "group",
        description="Where splits are drawn: field whose documents stay in one split; file: a file's.",
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
        names = (
            "lang",
            "encoding",
            "columns",
            "sentences_per_doc",
            "text_field",
            "spans_field",
            "annotator",
            "group_by",
        )
        alike = {name: getattr(self, name) for name in names}
        return ReadOptions(accept=_names(self.accept), label_names=_names(self.label_names), **alike)


OPTIONS = {name: field for name, field in Settings.model_fields.items() if name not in ("lang", "seed")}
"""What stands in configs/corpus.cfg; language and seed are the whole project's, and stand in project.yml."""


def read_settings(path: Path, arguments: list[str], **further: object) -> Settings:
    """Read a config file's settings, with those of a command line in their place; `further` ones stand in neither.

    Raises UserError where the file cannot be read, or an option or value is unknown.
    """
    try:
        config = Config().from_disk(path)
    except (OSError, ValueError, ConfigValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UserError(
            f"{path}: cannot be read as a config ({why}); see configs/corpus.cfg, or --config"
        ) from None
    if unknown := config.keys() - {SECTION}:
        raise UserError(f"{path}: [{min(unknown)}]: only the section [{SECTION}] is read; put options there")
    given = dict(config.get(SECTION, {}))
    for name in given:
        _require_known(f"{path}: {name}", name)
    overrides = parse_overrides(arguments)
    try:
        return Settings(**given | overrides | further)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        place = f"{path}: {name}" if name in given and name not in overrides else f"--{SECTION}.{name}"
        what = first["msg"].removeprefix("Value error, ")
        raise UserError(
            f"{place}: {first['input']!r}: {what}. {Settings.model_fields[name].description}"
        ) from None


def parse_overrides(arguments: list[str]) -> dict[str, str]:
    """Read `--corpus.NAME=VALUE`, also without `corpus.`, with a space for =, and (`--trim`, `--no-trim`) without a value."""
    found, rest = {}, list(arguments)
    while rest:
        argument = rest.pop(0)
        name, is_given, value = argument.partition("=")
        name = name.removeprefix("--").removeprefix(f"{SECTION}.").replace("-", "_")
        is_off = name.startswith("no_") and name.removeprefix("no_") in OPTIONS and not is_given
        name = name.removeprefix("no_") if is_off else name
        if not argument.startswith("--"):
            raise UserError(f"{argument!r}: not expected here; options are given as --{SECTION}.NAME=VALUE")
        _require_known(argument.partition("=")[0], name)
        if not is_given:
            if OPTIONS[name].annotation is bool:
                value = "false" if is_off else "true"
            elif rest and not rest[0].startswith("--"):
                value = rest.pop(0)
            else:
                raise UserError(
                    f"{argument}: a value is missing: {argument}=VALUE. {OPTIONS[name].description}"
                )
        found[name] = value
    return found


def options_help() -> str:
    """Return the help of all options, 80 columns wide, as Click leaves it."""
    lines = [
        f"Options of configs/corpus.cfg, as --{SECTION}.NAME=VALUE (or --NAME=VALUE), and what is the default:"
    ]
    for name, field in OPTIONS.items():
        default = f"[{field.default!s}]" if field.default != "" else ""
        lines += [f"  --{SECTION}.{name} {default}", f"      {field.description}"]
    return "\n\n\b\n" + "\n".join(
        textwrap.fill(line, 76, subsequent_indent="      ", break_on_hyphens=False) for line in lines
    )


def _require_known(place: str, name: str) -> None:
    if name not in OPTIONS:
        close = difflib.get_close_matches(name, OPTIONS, n=1)
        likely = f" (do you mean {close[0]}?)" if close else ""
        raise UserError(f"{place}: no such option{likely}; there are {', '.join(OPTIONS)}")


def _names(names: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in names.split(",") if part.strip())
