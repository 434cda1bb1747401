"""The machine that something was measured on."""

import datetime
import platform
from importlib import metadata

from scripts.cli import physical_cores


def describe() -> dict:
    """Return where, when and with what this is measured."""
    return {
        "date": datetime.date.today().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": physical_cores(),
        "python": platform.python_version(),
        "spacy": metadata.version("spacy"),
    }


def measured_on(machine: dict) -> str:
    """Return in a sentence what `describe` found."""
    return "Measured on {date}: {system}, {cores} cores, Python {python}, spaCy {spacy}.".format(**machine)
