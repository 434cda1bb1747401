"""What it saves and costs to keep the vectors of the most frequent words alone, beside those of train."""

from tests.benchmarks import frontier
from tests.benchmarks.report import Columns, Options, Report

KEPT = ("0", "20000", "5000")
NAMES = {"0": "all"} | {number: f"{int(number):,} words, and train's" for number in KEPT[1:]}
WANTED = ("F on test, each seed", "mean", "size")
COLUMNS: Columns = {"corpus": "{corpus}", "vectors kept": "{what}"}
COLUMNS |= {name: frontier.COLUMNS[name] for name in WANTED}


def run(report: Report, options: Options) -> None:
    """Train the cpu variant with all vectors and with fewer, on the corpora of `frontier`."""
    report.intro = "Seeds 0, 1, …; F of entities on gold tokens, in percent; all else are medians."
    recipes = {NAMES[number]: ("cpu", {"keep-vectors": number}) for number in KEPT}
    frontier.compare(report, options, "vectors", COLUMNS, recipes)
