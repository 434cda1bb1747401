"""The versions of Python and of the packages that may change the numbers."""

import platform
from importlib import metadata

PACKAGES = ("spacy", "thinc", "spacy-transformers", "transformers", "torch", "numpy", "weasel", "wandb")


def versions(packages: tuple[str, ...] = ("python", *PACKAGES)) -> dict[str, str]:
    """Map each name to its installed version; `python` is Python itself."""
    return {
        name: platform.python_version() if name == "python" else metadata.version(name) for name in packages
    }
