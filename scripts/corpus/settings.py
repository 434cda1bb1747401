"""What the user may decide about the corpus: all that changes its bytes, besides the raw data."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from scripts.formats.offsets import Offsets
from scripts.formats.record import AnnotationError
from scripts.formats.registry import ACCEPTABLE, ReadOptions


class Alignment(StrEnum):
    """How character spans snap to tokens: not at all, to the tokens wholly inside, or to all tokens touched."""

    strict = "strict"
    contract = "contract"
    expand = "expand"


class Overlaps(StrEnum):
    """Which of several spans on one token stays: none is meant to be there (error), the longest, or the first in the file."""

    error = "error"
    longest = "longest"
    first = "first"


class OnError(StrEnum):
    """What happens to records that cannot be read: the step stops, or they go to corpus/rejects.jsonl."""

    stop = "stop"
    reject = "reject"


@dataclass(frozen=True, slots=True)
class Settings:
    """How raw records become documents. See the variables of the same names in project.yml."""

    format: str = "auto"
    lang: str = "en"
    seed: int = 0
    align: Alignment = Alignment.strict
    trim: bool = False
    overlaps: Overlaps = Overlaps.error
    max_tokens: int = 1000
    on_error: OnError = OnError.stop
    max_reject_rate: float = 0.05
    group_by: str = "group"
    sentences_per_doc: int = 0
    columns: str = ""
    encoding: str = "utf-8"
    offsets: Offsets = Offsets.auto
    text_field: str = ""
    spans_field: str = ""
    label_names: str = ""
    annotator: str = ""
    accept: str = ""

    @property
    def read_options(self) -> ReadOptions:
        """The part that readers need. Raises AnnotationError where `accept` names something unknown."""
        accept = _parts(self.accept)
        for name in accept:
            if name not in ACCEPTABLE:
                raise AnnotationError(
                    f"--accept: nothing is called {name!r}; choose of {', '.join(ACCEPTABLE)}"
                )
        alike = (
            "lang",
            "encoding",
            "columns",
            "sentences_per_doc",
            "text_field",
            "spans_field",
            "annotator",
            "group_by",
        )
        return ReadOptions(
            accept=accept,
            label_names=_parts(self.label_names),
            **{name: getattr(self, name) for name in alike},
        )

    @classmethod
    def from_json(cls, data: dict) -> "Settings":
        """Read what `as_json` made."""
        kinds = {"align": Alignment, "overlaps": Overlaps, "on_error": OnError, "offsets": Offsets}
        return cls(**{name: kinds.get(name, type(value))(value) for name, value in data.items()})

    def as_json(self) -> dict:
        """Return the settings as plain data."""
        return {
            name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self).items()
        }


def _parts(names: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in names.split(",") if part.strip())
