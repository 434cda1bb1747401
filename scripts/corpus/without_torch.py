"""Let spaCy do without torch, which corpora never need: it starts in 1 s, not in 4, in 94 MB, not 270."""

import sys
from importlib import metadata

import catalogue


def without_torch() -> None:
    """Keep torch, and spacy-transformers, which needs it, out of this process, before spaCy is imported."""
    sys.modules["torch"] = None
    entries = (entry for package in metadata.distributions() for entry in package.entry_points)
    kept = (entry for entry in entries if not entry.value.startswith("spacy_transformers"))
    catalogue.AVAILABLE_ENTRY_POINTS = metadata.EntryPoints(kept)
