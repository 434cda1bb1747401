"""What tracking costs a training: the time in its calls, and what W&B's own process computes meanwhile."""

from functools import partial

import srsly

from tests.benchmarks import inputs
from tests.benchmarks import trainings as t
from tests.benchmarks.report import Columns, Options, Report, Row

STEPS = {"cpu": 1, "gpu": 20}
"""By variant, by what the number of steps is divided."""
COLUMNS: Columns = {
    "variant": "{variant}",
    "steps": "{steps:,}",
    "seconds of steps": "{step_seconds:,.1f}",
    "in calls": "{calls:,.3f} s",
    "share": "{calls_share:.2%}",
    "W&B's process, CPU time": "{service:,.2f} s",
    "at the end": "{finish:,.1f} s",
}


def run(report: Report, options: Options) -> None:
    """Train both variants with an offline run, in one process."""
    report.intro = (
        f"Corpus: {options.corpus_name}; W&B offline. `in calls`: seconds of the training process in whatever "
        "makes and logs rows, of steps and of evaluations; `share`: of the seconds of the steps."
    )
    corpus = inputs.build_corpus(inputs.corpus_files(options, report.work), report.work / "corpus")
    place = t.Place(corpus, deadline=report.deadline)
    for variant, divisor in STEPS.items():
        every = max(1, options.steps // divisor // 4)
        runs = {"tracked": partial(train, place, variant, every)}
        report.compare("tracking", COLUMNS, {"variant": variant}, runs, options.repeats)


def train(place: t.Place, variant: str, every: int, seed: int) -> Row:
    """Train; return how long it took, and how much of it tracking."""
    with place.scratch() as folder:
        t.set_budget(t.our_config(variant), place, seed, every=every).to_disk(folder / "config.cfg")
        given = ("--unvalidated", "--wandb-mode=offline", "--gpu-id=-1", f"--output={folder}")
        figures = folder / "figures.json"
        place.run("tests.benchmarks.tracked", str(figures), str(folder / "config.cfg"), *given)
        notes, spent = srsly.read_json(folder / "metrics.json"), srsly.read_json(figures)
    own = {"steps": notes["steps"], "step_seconds": notes["seconds"]}
    return spent | own | {"calls_share": spent["calls"] / notes["seconds"]}
