"""What spaCy, thinc and transformers compute, faster, by their internals. Delete it, and all still runs."""

from importlib import metadata

TESTED = {"spacy": "3.8", "thinc": "8.3", "transformers": "4.53", "spacy-transformers": "1.4"}
"""The minor versions whose internals this is made for."""


def why_not() -> str:
    """Say which package is of another version than this is made for; nothing where none is."""
    for name, tested in TESTED.items():
        version = metadata.version(name)
        if version.split(".")[:2] != tested.split("."):
            return f"{name} {version} is installed, and it is made for {name} {tested}"
    return ""
