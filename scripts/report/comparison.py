"""Compare variants on the same test documents: each one's scores with intervals, and their differences."""

from itertools import combinations

import numpy

from scripts.report.counts import count, labels_of, macro, prf
from scripts.report.matching import RULES
from scripts.report.predictions import INPUTS, Run, merge
from scripts.report.uncertainty import RESAMPLES, bootstrap, percentiles, randomisation_p, seeds_interval


def compare(variants: dict[str, list[Run]], *, resamples: int = RESAMPLES) -> tuple[dict, list[dict]]:
    """Return each variant's report with its `intervals`, and the differences of each pair of variants.

    All intervals come from the same resamples of documents. A variant's score is the mean over its seeds; for
    the randomisation test a document's counts are.
    """
    reports = {name: merge(runs) for name, runs in variants.items()}
    paired = [run.pairs[name] for runs in variants.values() for run in runs for name in INPUTS]
    labels = labels_of(pairs for documents in paired for pairs in documents)
    counts = numpy.stack([count(documents, labels) for documents in paired], axis=1)
    owners = numpy.repeat([*variants], [len(runs) for runs in variants.values()])
    shape = (len(counts), len(owners), len(INPUTS))  # then rules and labels, and three counts
    counts = counts.reshape(*shape, *counts.shape[2:])
    rng = numpy.random.default_rng(0)  # the same predictions give the same intervals

    def statistic(totals: numpy.ndarray) -> numpy.ndarray:
        return numpy.stack([_scores(totals[:, owners == name]) for name in variants], axis=1)

    drawn = bootstrap(counts, statistic, rng=rng, resamples=resamples)
    samples = dict(zip(variants, numpy.moveaxis(drawn, 1, 0), strict=True))
    differences = []
    for i, given in enumerate(INPUTS):
        for name, report in reports.items():
            report.setdefault("intervals", {})[given] = _intervals(samples[name][:, i], labels)
        f = {name: report[given]["ents_f"] for name, report in reports.items()}
        for pair in combinations(variants, 2):
            other, better = sorted(pair, key=f.get)
            seeds = [[run[given] for run in reports[name]["seeds"]] for name in (better, other)]
            exact = [counts[:, owners == name, i, 0].mean(axis=1) for name in (better, other)]
            difference = {
                "better": better,
                "other": other,
                "input": given,
                "difference": f[better] - f[other],
                "documents": percentiles(samples[better][:, i, 0, 2] - samples[other][:, i, 0, 2]),
                "seeds": seeds_interval(*seeds),
                "p": randomisation_p(*exact, rng=rng, resamples=resamples),
            }
            differences.append(difference | {"sentence": _sentence(difference, [*map(len, seeds)])})
    return reports, differences


def _scores(totals: numpy.ndarray) -> numpy.ndarray:
    """Return the mean scores of a variant's runs, `(samples, inputs, rules + labels + macro, 3)`.

    totals: `(samples, runs, inputs, rules + labels, 3)`. A label that a sample does not have has no score.
    """
    scores = prf(totals).mean(axis=1)
    labels = scores[:, :, len(RULES) :]
    labels[totals[:, :, :, len(RULES) :].sum(axis=(1, -1)) == 0] = numpy.nan
    return numpy.concatenate([scores, macro(labels)[:, :, None]], axis=2)


def _intervals(samples: numpy.ndarray, labels: list[str]) -> dict:
    """Return the intervals of precision, recall and F by each rule, of each label, and of the macro mean."""
    columns = numpy.moveaxis(samples, 0, -1)
    rows = [dict(zip("prf", map(percentiles, each), strict=True)) for each in columns]
    by_label = dict(zip(labels, rows[len(RULES) : -1], strict=True))
    return dict(zip(RULES, rows, strict=False)) | {"ents_per_type": by_label, "macro": rows[-1]}


def _sentence(difference: dict, seeds: list[int]) -> str:
    """Say a difference in F, in percent; its interval comes before any p. seeds: how many each has."""
    better, other, points = difference["better"], difference["other"], 100 * difference["difference"]
    what = f"is better than {other} by {points:.1f} F" if points else f"and {other} have the same F"
    over = {"documents": "documents", "seeds": f"{' and '.join(map(str, dict.fromkeys(seeds)))} seeds"}
    found = [(100 * numpy.array(difference[key]), name) for key, name in over.items() if difference[key]]
    intervals = [f"{low:.1f} to {high:.1f} over {name}" for (low, high), name in found]
    return f"{better} {what}; 95 % interval {', '.join(intervals)}; p = {difference['p']:.4f}"
