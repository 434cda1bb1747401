"""What a corpus holds comes out of each layout that tools write, or an error does: never something else."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.formats.record import AnnotationError
from scripts.formats.registry import ReadOptions, read_records
from tests import row_layouts
from tests.column_layouts import NAMED, drawn_shape
from tests.content import draw_corpus, found, wanted
from tests.layouts import write_columns

READERS = {
    "columns": lambda corpus, rng: write_columns(corpus, rng.choice(WORDS), rng),
    "columns drawn": lambda corpus, rng: write_columns(corpus, drawn_shape(rng), rng),
    "pipes": lambda corpus, rng: row_layouts.write_pipes(row_layouts.without_spaces(corpus), rng),
    "webanno": row_layouts.write_webanno,
    "table": row_layouts.write_table,
    "table of lists": row_layouts.write_wide_table,
    "table of texts": lambda corpus, rng: row_layouts.write_split_table(
        row_layouts.without_spaces(corpus), rng
    ),
    "json": row_layouts.write_json,
    "parquet": row_layouts.write_parquet,
}
WORDS = [shape for shape in NAMED.values() if not shape.characters]
EXAMPLES, SEEDS = 100, 20


def outcome(written, folder):
    """Write a file and read it: right, refused, or how it differs."""
    path = folder / written.name
    path.write_bytes(written.data)
    options = dict(written.options)
    try:
        read = found(read_records(path, options.pop("format", "auto"), ReadOptions(**options)))
    except AnnotationError as error:
        return "refused", error
    return (
        ("right", None)
        if read == wanted(written.corpus)
        else ("silent", (read, wanted(written.corpus), path.read_bytes()[:500]))
    )


@pytest.mark.parametrize("reader", READERS)
def test_what_was_written_comes_out_or_an_error_does(reader, tmp_path):
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32 - 1))
    def check(seed):
        rng = random.Random(f"{reader} {seed}")
        corpus = draw_corpus(rng, hostile=rng.random() < 0.5)
        kind, why = outcome(READERS[reader](corpus, rng), tmp_path)
        assert kind != "silent", why
        kinds.append(kind)

    kinds = []
    check()
    assert kinds.count("refused") < 0.2 * len(kinds)


@pytest.mark.parametrize("name", NAMED)
def test_a_usual_layout_is_hardly_ever_refused(name, tmp_path):
    shape, refused = NAMED[name], []
    for seed in range(SEEDS):
        rng = random.Random(f"{name} {seed}")
        kind, why = outcome(
            write_columns(draw_corpus(rng, characters=shape.characters), shape, rng), tmp_path
        )
        assert kind != "silent", why
        refused += [why] if kind == "refused" else []
    assert len(refused) <= 0.1 * SEEDS, refused
