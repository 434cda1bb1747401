"""All checks, by code, and how users choose among them."""

import re
from collections.abc import Iterable
from types import ModuleType

from scripts.checks import (
    annotating,  # noqa: F401
    annotations,  # noqa: F401
    configs,
    corpora,
    documents,
    handover,  # noqa: F401
    labels,
    reading,  # noqa: F401
    repetition,
    scored,  # noqa: F401
    texts,
    unknown,  # noqa: F401
    wordpieces,  # noqa: F401
)
from scripts.checks.catalogue import BY_SLUG, Check
from scripts.cli import UserError

CHECKS = tuple(sorted(BY_SLUG.values(), key=lambda check: check.code))
"""Every check there is."""


def checks_of(*modules: ModuleType) -> tuple[Check, ...]:
    """Return the checks whose functions some modules define."""
    names = {module.__name__ for module in modules}
    return tuple(
        check for check in CHECKS if check.function is not None and check.function.__module__ in names
    )


DOCUMENT_CHECKS = {
    "text": checks_of(texts),
    "entities": tuple(check for check in checks_of(documents) if not check.tags),
    "tags": tuple(check for check in checks_of(documents) if check.tags),
}
"""Checks of every document, of those with entities, and of those whose tags are not plain."""
CORPUS_CHECKS = checks_of(corpora, labels, repetition)
CONFIG_CHECKS = checks_of(configs)


def choose(select: str = "", ignore: str = "") -> frozenset[str]:
    """Return the slugs of the checks that users name by codes, beginnings of codes or slugs, with commas between.

    select: these alone; empty: all. ignore: all but these. Raises UserError on a name that no check has.
    """
    chosen = _named(select) if select.strip() else {check.slug for check in CHECKS}
    return frozenset(chosen - _named(ignore))


def explain(name: str) -> str:
    """Return what there is to know about a check, as Markdown. Raises UserError where none has the name."""
    return "\n".join(as_markdown(check) for check in CHECKS if check.slug in _named(name))


def as_markdown(check: Check) -> str:
    """Return a check's page: what it finds, what becomes of it in training, the remedy and two examples."""
    facts = [f"**{check.severity}**"]
    if check.error:
        facts.append(f"in spaCy: {check.error}")
    examples = f"```\n{shown(check.bad)}\n```\n\nBetter:\n\n```\n{shown(check.good)}\n```\n"
    return f"### {check.code} {check.slug}\n\n{'; '.join(facts)}\n\n{check.summary} {check.explanation}\n\nWhat to do: {check.remedy}.\n\n{examples}"


def shown(example: str) -> str:
    """Return an example as people should see it."""
    return re.sub(r"(?m)^\w+:\n", "", example)


def _named(names: str) -> set[str]:
    found: set[str] = set()
    for name in filter(None, (part.strip() for part in names.split(","))):
        matching = {
            check.slug
            for check in CHECKS
            if check.slug == name.casefold() or check.code.startswith(name.upper())
        }
        if not matching:
            raise UserError(
                f"no check is called {name!r}; `python -m scripts.validate --explain NER` lists them all"
            )
        found |= matching
    return found


def in_order(slugs: Iterable[str]) -> list[Check]:
    """Return checks by code."""
    return sorted((BY_SLUG[slug] for slug in slugs), key=lambda check: check.code)
