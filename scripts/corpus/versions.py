"""The versions of Python and of the packages that may change the numbers."""

import platform
from importlib import metadata

PACKAGES = ("spacy", "thinc", "spacy-transformers", "transformers", "torch", "numpy", "weasel", "wandb")


def versions() -> dict[str, str]:
    """Map each name to its installed version."""
    return {"python": platform.python_version()} | {package: metadata.version(package) for package in PACKAGES}
