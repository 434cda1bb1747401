"""The machine this runs on."""

import datetime
import os
import platform
from importlib import metadata

import psutil


def physical_cores() -> int:
    """Physical cores that this process may use."""
    physical = psutil.cpu_count(logical=False) or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(physical, allowed))


def measured_on(machine: dict) -> str:
    """Return in a sentence what `describe` found."""
    where = (
        f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, spaCy {machine['spacy']}"
    )
    return f"Measured on {machine['date']}: {where}."


def describe() -> dict:
    """Say where and when this was measured."""
    return {
        "date": datetime.date.today().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": physical_cores(),
        "python": platform.python_version(),
        "spacy": metadata.version("spacy"),
    }
