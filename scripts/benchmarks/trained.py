"""Training's figures as Markdown."""

from scripts.benchmarks.training import THEIRS, Line, Results

MEANING = (
    "Medians over the seeds; memory is that of all processes together. Words/s are those of the whole training, evaluations included, "
    "from before the first step to the end of the last evaluation; seconds are the whole process's, start included."
)


def as_markdown(results: Results, machine: str) -> str:
    """Make the tables and what follows from them, with the machine."""
    rows = [
        "| batches | what | words/s | seconds | peak memory | best F on dev, each seed |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for line in results.lines:
        best = ", ".join(f"{100 * f:.2f}" for f in line.best_f)
        rows.append(
            f"| {line.batches} | {line.what} | {line.words_per_second:,} | {line.seconds:,.1f} | {line.peak_mb:,.0f} MB | {best} |"
        )
    sizes = [
        "| documents | tokens | what | steps | seconds | peak memory |",
        "| ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for line in results.memory:
        numbers = f"{line.steps:,} | {line.seconds:,.1f} | {line.peak_mb:,.0f} MB"
        sizes.append(f"| {line.documents:,} | {line.tokens:,} | {line.what} | {numbers} |")
    resumed, stock, other = results.resumption, results.pipe["stock"], results.pipe["openblas"]
    notes = [
        *_ratios(results.lines),
        f"Stopped by SIGTERM, a run ends after {resumed.stop:.1f} s, with a checkpoint of {resumed.checkpoint_mb:,.0f} MB; "
        f"started again, it goes on {resumed.go_on:.1f} s later, its start and reading the corpus included.",
        f"`nlp.pipe` with the trained pipeline: {stock:,.0f} words/s as it comes, on one core; {other:,.0f} with OpenBLAS on all, "
        f"{other / stock:.2g} times as many.",
    ]
    intro = f"{machine} Corpus: {results.corpus}. {MEANING}"
    return (
        "\n".join(
            [
                intro,
                "",
                *rows,
                "",
                *(f"- {note}" for note in notes),
                *(["", *sizes] if results.memory else []),
            ]
        )
        + "\n"
    )


def _ratios(lines: list[Line]) -> list[str]:
    """Say of each batching how fast every number of workers is beside spaCy, and beside one worker; and what checkpoints cost."""
    notes = []
    for theirs in [line for line in lines if line.what == THEIRS]:
        ours = [line for line in lines if line.batches == theirs.batches and line is not theirs]
        speeds = [
            f"{line.what} {line.words_per_second / theirs.words_per_second:.2g} times ({theirs.seconds / line.seconds:.2g} from start to end)"
            for line in ours
        ]
        notes.append(f"{theirs.batches}: {', '.join(speeds)} as fast as `{THEIRS}`.")
        if len(ours) > 1:
            scaling = [
                f"{line.what} {line.words_per_second / ours[0].words_per_second:.2f} times"
                for line in ours[1:]
            ]
            notes.append(f"{theirs.batches}: {', '.join(scaling)} the words/s of {ours[0].what}.")
        notes.append(
            f"{theirs.batches}: checkpoints take {100 * max(line.in_checkpoints for line in ours):.1f} % of the training's time at most."
        )
    return notes
