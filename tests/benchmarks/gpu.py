"""Run the tests and trainings that need a GPU, and write down what came out, the most important first."""

import time
from pathlib import Path
from xml.etree import ElementTree

import torch

from scripts.cli import UserError
from tests.benchmarks.measure import run_python
from tests.benchmarks.report import Options, Report, last_line
from tests.benchmarks.trainings import KNOWN
from tests.benchmarks.transformer import (
    CPU_VARIANT,
    HALVING,
    OURS,
    RANDOM,
    RECIPE,
    RECOMPUTING,
    SMALL,
    SPACY,
    TRAINER,
    run_groups,
)

TESTS = 0.4
"""Share of the time that the tests may take."""
NO_TESTS = 5
"""pytest's exit code where nothing was selected."""
ALL = (OURS, SPACY, TRAINER)
GROUPS = [
    (RANDOM, 6, ALL),
    (RANDOM, 0, (*ALL, HALVING)),
    (KNOWN, 0, (*ALL, RECIPE, *CPU_VARIANT)),
    *((RANDOM, limit, ALL) for limit in (8, 12, 24)),
    *((KNOWN, limit, ALL) for limit in (6, 8, 12, 24)),
    (RANDOM, 0, (RECOMPUTING,)),
]
"""GB of the GPUs that people have; 0: all there is."""
COLUMNS = {"test": "{test}", "outcome": "{outcome}", "seconds": "{seconds:,.1f}"}


def run(report: Report, options: Options) -> None:
    """Run all tests marked gpu, file by file, then train."""
    start, outcomes = time.monotonic(), report.work / "tests.xml"
    deadline = report.deadline and start + TESTS * (report.deadline - start)
    for path in sorted(Path("tests").rglob("test_*.py")):
        if "mark.gpu" not in path.read_text(encoding="utf-8"):
            continue
        outcomes.unlink(missing_ok=True)
        try:
            command = ("pytest", "-q", "-m", "gpu", f"--junitxml={outcomes}", str(path))
            run_python("-m", *command, codes=(0, 1, NO_TESTS), deadline=deadline)
            for case in ElementTree.parse(outcomes).iter("testcase"):
                add_test(report, f"{path.name}::{case.get('name')}", case)
        except UserError as error:
            report.note(f"Not run: the tests of {path.name}: {last_line(error)}")
    total = 0 if options.device == "cpu" else torch.cuda.get_device_properties(0).total_memory
    large = sorted({limit for _, limit, _ in GROUPS if limit * 1e9 > total})
    if large:
        report.note(f"Not run in {', '.join(f'{limit} GB' for limit in large)}: {report.device} has less.")
    groups = SMALL if options.small else [group for group in GROUPS if group[1] not in large]
    run_groups(report, options, groups)


def add_test(report: Report, name: str, case: ElementTree.Element) -> None:
    """Add how a test ended."""
    problem = next((part for part in case if part.tag in ("skipped", "failure", "error")), None)
    why = "" if problem is None else (problem.get("message") or "").strip().split("\n")[0]
    if problem is not None and problem.tag == "skipped":
        report.note(f"Not run: {name}: {why}")
        return
    outcome = "passed" if problem is None else f"failed: {why}"
    report.add("tests", COLUMNS, {"test": name, "outcome": outcome, "seconds": float(case.get("time") or 0)})
