"""The faster kernels compute what thinc's do."""

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import HashEmbed, LayerNorm, Model, NumpyOps, get_current_ops

from scripts.training.fast.kernels import FASTER, FastOps, hash_embed, layer_norm, use_kernels
from tests.make import contents
from tests.runs import small_pipeline

DRAW = numpy.random.default_rng(0)


def floats(*shape: int) -> numpy.ndarray:
    return DRAW.normal(size=shape).astype("float32")


@pytest.mark.parametrize("trans1", [False, True])
@pytest.mark.parametrize("trans2", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_products_are_thincs(trans1, trans2, given):
    x, y = floats(*((7, 5) if trans1 else (5, 7))), floats(*((3, 7) if trans2 else (7, 3)))
    out = numpy.full((5, 3), 9.0, dtype="float32") if given else None
    expected = NumpyOps().gemm(x, y, trans1=trans1, trans2=trans2)
    found = FastOps().gemm(x, y, out=out, trans1=trans1, trans2=trans2)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert out is None or found is out
    assert found.dtype == numpy.float32


@pytest.mark.parametrize("rows", [0, 1])
def test_products_of_few_rows_are_thincs(rows):
    x, y = floats(rows, 4), floats(4, 6)
    assert_allclose(FastOps().gemm(x, y), NumpyOps().gemm(x, y), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.9])
def test_a_mask_keeps_its_share_and_the_mean(drop):
    mask = FastOps(seed=1).get_dropout_mask((400, 500), drop)
    assert mask.dtype == numpy.float32
    assert (mask > 0).mean() == pytest.approx(1 - drop, abs=0.01)
    assert_array_equal(numpy.unique(mask), [0.0, numpy.float32(1.0 / (1.0 - drop))])
    assert mask.mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("drop", [None, 0.0, -0.5, 1.0, 1.5])
def test_masks_that_are_no_draw_are_thincs(drop):
    expected, found = NumpyOps().get_dropout_mask((3, 4), drop), FastOps().get_dropout_mask((3, 4), drop)
    assert (found is None) == (expected is None)
    if expected is not None:
        assert_array_equal(found, expected)


def test_a_seed_gives_its_masks_and_no_other():
    def masks(seed):
        ops = FastOps(seed=seed)
        return [ops.get_dropout_mask((20,), 0.5).tolist() for _ in range(3)]

    assert masks(3) == masks(3)
    assert masks(3) != masks(4)
    assert masks(3)[0] != masks(3)[1]


def both(make, kernel) -> tuple[Model, Model]:
    """A layer as it is, and the same one with the faster kernel."""
    stock, fast = make(), make()
    for node, other in zip(stock.walk(), fast.walk(), strict=True):
        for name in node.param_names:
            weights = floats(*node.get_param(name).shape)
            node.set_param(name, weights)
            other.set_param(name, weights.copy())
    assert FASTER[fast._func] is kernel
    fast.replace_callbacks(kernel, init=fast.init)
    return stock, fast


def compare(stock: Model, fast: Model, given, gradient, *, names: str, times: int = 2) -> None:
    """Run both forward and back, more than once: gradients add up."""
    for _ in range(times):
        (expected, back), (found, fast_back) = stock.begin_update(given), fast.begin_update(given)
        assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert_allclose(fast_back(gradient.copy()), back(gradient.copy()), rtol=1e-4, atol=1e-5)
    for name in names:
        assert_allclose(fast.get_grad(name), stock.get_grad(name), rtol=1e-4, atol=1e-4)
    assert_allclose(fast.predict(given), stock.predict(given), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 50])
def test_layers_are_normalised_as_thinc_does(rows):
    stock, fast = both(lambda: LayerNorm(nI=12).initialize(), layer_norm)
    compare(stock, fast, floats(rows, 12) * 5 + 3, floats(rows, 12), names="Gb")


def test_the_gradient_of_a_norm_may_be_a_view():
    stock, fast = both(lambda: LayerNorm(nI=12).initialize(), layer_norm)
    given, wide = floats(9, 12), floats(9, 24)
    view = wide[:, ::2]
    expected = stock.begin_update(given)[1](numpy.ascontiguousarray(view))
    assert_allclose(fast.begin_update(given)[1](view), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 40])
def test_words_are_looked_up_as_thinc_does(rows):
    stock, fast = both(lambda: HashEmbed(6, 30, seed=7).initialize(), hash_embed)
    words = DRAW.integers(0, 2**63, size=rows).astype("uint64")
    words[: rows // 2] = words[0]  # a word more than once
    compare(stock, fast, words, floats(rows, 6), names="E")


def test_no_words_are_looked_up_as_thinc_does():
    stock, fast = both(lambda: HashEmbed(6, 30, seed=7).initialize(), hash_embed)
    nothing = numpy.zeros((0,), dtype="uint64")
    for is_train in (False, True):
        assert fast(nothing, is_train)[0].shape == stock(nothing, is_train)[0].shape == (0, 6)


def test_dropout_of_words_leaves_whole_columns_out_and_only_in_training():
    _, fast = both(lambda: HashEmbed(40, 30, seed=7, dropout=0.5).initialize(), hash_embed)
    fast.ops = FastOps(seed=0)
    words = DRAW.integers(0, 2**63, size=9).astype("uint64")
    whole = fast.predict(words)
    found, back = fast.begin_update(words)
    dropped = ~found.any(axis=0)
    assert 5 < dropped.sum() < 35
    assert_allclose(found[:, ~dropped], 2 * whole[:, ~dropped], rtol=1e-6)
    back(numpy.ones((9, 40), dtype="float32"))
    assert not fast.get_grad("E")[:, dropped].any()
    assert fast.get_grad("E")[:, ~dropped].any()


def test_a_pipeline_takes_the_kernels_and_predicts_the_same():
    stock, fast = small_pipeline(), small_pipeline()
    ops = FastOps()
    use_kernels(fast, ops)
    nodes = [node for name in fast.pipe_names for node in fast.get_pipe(name).model.walk()]
    assert sum(node._func in FASTER.values() for node in nodes) == 5
    assert all(node.ops is ops and node._func not in FASTER for node in nodes)
    for text in ("Ana went to Cork on day 3, they say.", "a", ""):
        found, expected = (nlp.get_pipe("tok2vec").predict([nlp.make_doc(text)])[0] for nlp in (fast, stock))
        assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_nothing_of_the_kernels_is_saved(tmp_path):
    small_pipeline().to_disk(tmp_path / "stock")
    fast = small_pipeline()
    use_kernels(fast, FastOps())
    fast.to_disk(tmp_path / "fast")
    assert contents(tmp_path / "fast") == contents(tmp_path / "stock")
    again = spacy.load(tmp_path / "fast")
    assert all(node._func not in FASTER.values() for node in again.get_pipe("tok2vec").model.walk())
    assert type(get_current_ops()) is not FastOps
    fast.from_disk(tmp_path / "stock")  # and read back into the faster layers
    assert [ent.text for ent in fast("Ana saw Cork.").ents] == [
        ent.text for ent in again("Ana saw Cork.").ents
    ]
