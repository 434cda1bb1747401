"""What a check is, and what it finds. The checks themselves are in the modules beside this one; `registry` lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class Severity(StrEnum):
    """An error fails the step; a warning is told; a note is a figure worth knowing."""

    error = "error"
    warning = "warning"
    note = "note"


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of fault.

    code, slug: its names, for people and for `--select`. error: spaCy's own error or warning, where there is one.
    summary, explanation: the first sentence and the rest of its docstring. fix: `safe`, `unsafe` or empty.
    bad, good: an example in which it finds something, and one in which it does not (`tests.planted` reads them).
    function: what finds it; None where preprocessing does and notes it under the slug. tags: whether it finds nothing in documents
    whose tags are all plain (`View.is_plain`), and so need not look at them.
    """

    code: str
    slug: str
    severity: Severity
    remedy: str
    bad: str
    good: str
    summary: str
    explanation: str
    error: str = ""
    fix: str = ""
    function: Callable | None = None
    tags: bool = False


class Finding(NamedTuple):
    """A fault found.

    slug: of its check. split: train, dev, test, or empty for a config. source: `file:line` of the raw data, where it is
    known, or the config's path. shard: `file#document`, counted from 0. document: its id. tokens: first token and the one after the last.
    excerpt: the text around it, the span itself in 【】. variant: the config that it is about.
    """

    slug: str
    split: str
    detail: str
    source: str = ""
    shard: str = ""
    document: str = ""
    tokens: tuple[int, int] | None = None
    excerpt: str = ""
    variant: str = ""
    severity: Severity = Severity.error

    @property
    def check(self) -> Check:
        """The check that found it."""
        return BY_SLUG[self.slug]

    @property
    def place(self) -> str:
        """Where to look: the raw file's line, or else the shard's document and token."""
        token = f":{self.tokens[0]}" if self.tokens else ""
        return self.source or (self.shard + token if self.shard else self.variant or self.split)

    def as_json(self) -> dict:
        """Return the finding as plain data."""
        return (
            {"code": self.check.code}
            | self._asdict()
            | {"tokens": list(self.tokens) if self.tokens else None, "severity": str(self.severity)}
        )


BY_SLUG: dict[str, Check] = {}
"""Every check, in the order of the modules that declare them."""


def check(code: str, slug: str, severity: Severity, **details: Any) -> Callable[[Callable], Callable]:
    """Register the decorated function as a check; its docstring is the explanation that users read.

    `details` are the other fields of Check.
    """

    def register(function: Callable) -> Callable:
        declare(code, slug, severity, function.__doc__ or "", function=function, **details)
        return function

    return register


def declare(
    code: str, slug: str, severity: Severity, text: str, *, function: Callable | None = None, **details: Any
) -> None:
    """Register a check that preprocessing makes, or that takes more than one document to see."""
    if slug in BY_SLUG or any(known.code == code for known in BY_SLUG.values()):
        raise ValueError(f"two checks are called {code} or {slug!r}")
    summary, _, explanation = text.strip().partition("\n")
    BY_SLUG[slug] = Check(
        code=code,
        slug=slug,
        severity=severity,
        summary=summary,
        explanation=" ".join(explanation.split()),
        function=function,
        **details,
    )


def finding(slug: str, split: str, detail: str, **place: Any) -> Finding:
    """Make a finding of the check named by its slug, with that check's severity."""
    return Finding(slug, split, detail, **({"severity": BY_SLUG[slug].severity} | place))


def excerpt(text: str, start: int, end: int, *, width: int = 40) -> str:
    """Return the text around a span of characters on one line, the span itself in 【】."""
    start, end = max(0, min(start, len(text))), max(0, min(end, len(text)))
    before, after = text[max(0, start - width) : start], text[end : end + width]
    if start == end:
        return " ".join(
            f"{'…' if start > width else ''}{before}{after}{'…' if end + width < len(text) else ''}".split()
        )
    shown = (
        text[start:end]
        if end - start <= 4 * width
        else f"{text[start : start + 2 * width]} … {text[end - 2 * width : end]}"
    )
    return " ".join(
        f"{'…' if start > width else ''}{before}【{shown}】{after}{'…' if end + width < len(text) else ''}".split()
    )
