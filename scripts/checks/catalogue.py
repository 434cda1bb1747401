"""What a check is, and what it finds. `catalogue.toml` describes every check, whatever finds it."""

import re
import tomllib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from scripts.cli import UserError


class Severity(StrEnum):
    """An error fails the step; a warning is told; a note is a figure worth knowing."""

    error = "error"
    warning = "warning"
    note = "note"


class Check(NamedTuple):
    """One kind of fault. `catalogue.toml` says what each field is."""

    slug: str
    code: str
    severity: Severity
    explanation: str
    remedy: str
    bad: str
    good: str
    spacy: str = ""

    @property
    def summary(self) -> str:
        """The first line of the explanation."""
        return self.explanation.partition("\n")[0]


class Finding(NamedTuple):
    """A fault found.

    slug: of its check. split: empty for a config. source: `file:line` of the raw data, if it is known, or the
    config. shard: `file#document`, counted from 0. document: its id. tokens: first, and after the last.
    excerpt: the text around them, themselves in 【】. variant: the config that it is about.
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
        return {"code": self.check.code} | self._asdict()


BY_SLUG = {
    slug: Check(slug, **fields | {"severity": Severity(fields["severity"])})
    for slug, fields in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
CHECKS = sorted(BY_SLUG.values(), key=lambda check: check.code)
"""Every check there is, by code."""


def by_slug(names: dict[str, Any]) -> dict[str, Callable]:
    """Return what of a module's names is called as a check, in the module's order, by the check's slug."""
    return {slug: names[name] for name in names if (slug := name.replace("_", "-")) in BY_SLUG}


def finding(slug: str, split: str, detail: str, **place: Any) -> Finding:
    """Make a finding of a check, with that check's severity unless another is given."""
    return Finding(slug, split, detail, **({"severity": BY_SLUG[slug].severity} | place))


def excerpt(text: str, start: int, end: int, *, width: int = 40) -> str:
    """Return the text around a span of characters on one line, the span itself in 【】."""
    start, end = max(0, min(start, len(text))), max(0, min(end, len(text)))
    shown = text[start:end]
    if len(shown) > 4 * width:
        shown = f"{shown[: 2 * width]} … {shown[-2 * width :]}"
    before = "…" * (start > width) + text[max(0, start - width) : start]
    after = text[end : end + width] + "…" * (end + width < len(text))
    return " ".join((before + (f"【{shown}】" if shown else "") + after).split())


def choose(select: str = "", ignore: str = "") -> frozenset[str]:
    """Return the slugs of the checks that users name: codes, beginnings of codes or slugs, comma-separated.

    select: these alone; empty: all. ignore: all but these. Raises UserError on a name that no check has.
    """
    return frozenset((_named(select) if select.strip() else BY_SLUG.keys()) - _named(ignore))


def _named(names: str) -> set[str]:
    found: set[str] = set()
    for name in filter(None, map(str.strip, names.split(","))):
        meant = {one.slug for one in CHECKS if one.slug == name.lower() or one.code.startswith(name.upper())}
        if not meant:
            remedy = "`python -m scripts.validate --explain NER` lists them all"
            raise UserError(f"no check is called {name!r}; {remedy}")
        found |= meant
    return found


def explain(names: str) -> str:
    """Return the pages of the checks that users name. Raises UserError where none has the name."""
    wanted = _named(names)
    return "\n".join(as_markdown(check) for check in CHECKS if check.slug in wanted)


def as_markdown(check: Check) -> str:
    """Return a check's page: what it finds, what becomes of it in training, the remedy and two examples."""
    facts = f"**{check.severity}**" + (f"; in spaCy: {check.spacy}" if check.spacy else "")
    bad, good = (re.sub(r"(?m)^\w+:\n", "", example) for example in (check.bad, check.good))
    return (
        f"### {check.code} {check.slug}\n\n{facts}\n\n{check.explanation}\n\nWhat to do: {check.remedy}.\n\n"
        f"```\n{bad}\n```\n\nBetter:\n\n```\n{good}\n```\n"
    )
