"""Run the tests and trainings that need a GPU, and write down what came out, the most important first."""

import time
from pathlib import Path
from xml.etree import ElementTree

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
    """Run all tests marked gpu, then train."""
    left = None if report.deadline is None else report.deadline - time.monotonic()
    run_tests(report, None if left is None else time.monotonic() + TESTS * left)
    run_groups(report, options, SMALL if options.small else GROUPS)


def run_tests(report: Report, deadline: float | None) -> None:
    """Run the tests that are marked `gpu`, file by file; those that are skipped count as not run."""
    outcomes = report.work / "tests.xml"
    for path in sorted(Path("tests").rglob("test_*.py")):
        if "mark.gpu" not in path.read_text(encoding="utf-8"):
            continue
        command = ("-m", "pytest", "-q", "-m", "gpu", f"--junitxml={outcomes}", str(path))
        outcomes.unlink(missing_ok=True)
        try:
            run_python(*command, codes=(0, 1, NO_TESTS), deadline=deadline)
        except UserError as error:
            report.note(f"Not run: the tests of {path.name}: {last_line(error)}")
            continue
        for case in ElementTree.parse(outcomes).iter("testcase"):
            add_test(report, f"{path.name}::{case.get('name')}", case)


def add_test(report: Report, name: str, case: ElementTree.Element) -> None:
    """Add how a test ended."""
    skipped = case.find("skipped")
    if skipped is not None:
        report.note(f"Not run: {name}: {skipped.get('message')}")
        return
    problem = next((found for kind in ("failure", "error") if (found := case.find(kind)) is not None), None)
    why = "" if problem is None else (problem.get("message") or "").strip().split("\n")[0].replace("|", "/")
    outcome = "passed" if problem is None else f"failed: {why}"
    report.add("tests", COLUMNS, {"test": name, "outcome": outcome, "seconds": float(case.get("time") or 0)})
