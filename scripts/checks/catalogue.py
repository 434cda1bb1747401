"""The checks: what each finds, what would happen in training, and what to do about it."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error fails the step; a warning is told."""

    error = "error"
    warning = "warning"


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of fault. `slug` names it in the ledger, `code` in the table and in JSON."""

    code: str
    slug: str
    severity: Severity
    consequence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault found: `place` is `file:line` or `shard#document`, `excerpt` the text around it with the span in 【】."""

    check: Check
    split: str
    place: str
    document: str
    detail: str
    excerpt: str = ""
    severity: Severity = Severity.error

    def as_json(self) -> dict:
        """Return the finding as plain data, with its check's texts."""
        return asdict(self.check) | {key: value for key, value in asdict(self).items() if key != "check"}


CHECKS = (
    Check(
        "NER101",
        "i-without-b",
        Severity.error,
        "spaCy stops with E093 once it reads the document's entities, which may be an hour into training",
        "start the entity with B (or U), or make the tag before it part of the entity",
    ),
    Check(
        "NER102",
        "misaligned",
        Severity.error,
        "the entity is dropped: spaCy warns W030 and trains as if its tokens were unannotated",
        "move the span's ends to token edges, or change the text or the tokeniser",
    ),
    Check(
        "NER103",
        "overlap",
        Severity.error,
        "spaCy cannot hold two entities on one token (E103); the shorter one is dropped",
        "keep one of the two spans",
    ),
    Check(
        "NER104",
        "whitespace-edge",
        Severity.error,
        "an entity that starts on white space stops training with E024, some steps in",
        "trim the span",
    ),
    Check("NER105", "bad-offsets", Severity.error, "the span marks no text and is dropped", "give 0 ≤ start < end ≤ the text's length"),
    Check("NER106", "empty-label", Severity.error, "the entity cannot be learned and is dropped", "give the span a label"),
    Check(
        "NER107", "unknown-label", Severity.error, "a typing error would become an entity type of its own", "mend the label, or add it to vars.labels"
    ),
    Check(
        "NER108",
        "across-sentences",
        Severity.warning,
        "a reader that cuts documents into sentences (max_length, gold_preproc) would cut the entity; the configs here do not",
        "nothing, unless you change the reader",
    ),
    Check(
        "NER109",
        "text-too-long",
        Severity.error,
        "spaCy refuses texts of more than 1,000,000 characters (E088)",
        "set vars.max_tokens, so that long documents are cut at sentence ends",
    ),
    Check(
        "NER110",
        "unreadable",
        Severity.error,
        "the document is not in the corpus",
        "mend it as the message says, or set vars.on_error to reject to go on without it",
    ),
    Check(
        "NER111",
        "other-text",
        Severity.error,
        "the offsets mark another text than the annotation quotes, so the entity is dropped rather than learned in the wrong place",
        "count offsets in characters of the text as it is (not bytes, not UTF-16 units, no line ends changed)",
    ),
    Check(
        "NER112",
        "discontinuous",
        Severity.error,
        "an entity in several pieces cannot be held by spaCy's ner and is dropped",
        "annotate one piece, or the whole stretch",
    ),
    Check(
        "NER201",
        "text-in-two-splits",
        Severity.warning,
        "the scores are too good: the same text was trained on, or chosen by, and then tested on",
        "take it out of one of the splits",
    ),
    Check(
        "NER202",
        "label-not-in-train",
        Severity.warning,
        "the pipelines cannot learn the label, and lose its entities in the scores",
        "annotate some in train",
    ),
    Check("NER203", "label-not-held-out", Severity.warning, "nothing measures how well the label is learned", "annotate some in dev and test"),
    Check(
        "NER301",
        "damaged-shard",
        Severity.error,
        "spaCy would train on something else than what was checked",
        "build the corpus again: python -m spacy project run preprocess . --force",
    ),
    Check(
        "NER302",
        "ledger",
        Severity.error,
        "documents, tokens or entities were lost between two steps",
        "build the corpus again: python -m spacy project run preprocess . --force",
    ),
)

BY_SLUG = {check.slug: check for check in CHECKS}


def finding(slug: str, split: str, place: object, document: str, detail: str, excerpt: str = "") -> Finding:
    """Make a finding of the check named by its slug."""
    return Finding(BY_SLUG[slug], split, str(place), document, detail, excerpt, BY_SLUG[slug].severity)


def excerpt(text: str, start: int, end: int, *, width: int = 40) -> str:
    """Return the text around a span of characters on one line, the span itself in 【】."""
    start, end = max(0, min(start, len(text))), max(0, min(end, len(text)))
    before, after = text[max(0, start - width) : start], text[end : end + width]
    return " ".join(f"{'…' if start > width else ''}{before}【{text[start:end]}】{after}{'…' if end + width < len(text) else ''}".split())
