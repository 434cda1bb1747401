"""A transformer computes in training what spacy-transformers computes, in passes of any size, and goes on where memory runs out."""

import gc
import json
import random
import shutil
from contextlib import contextmanager
from functools import partial

import numpy
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, fix_random_seed
from tokenizers.processors import TemplateProcessing

from scripts.training import encoder as module
from scripts.training.checkpoint import random_states, unseen_classes
from scripts.training.encoder import Encoder, find_encoder
from scripts.training.engine import Engine
from scripts.training.evaluation import evaluation
from scripts.training.memory import is_out_of_memory
from scripts.training.parameters import forget_gradients, weights_hash
from scripts.training.pipeline import make_encoder
from scripts.training.precision import Precision
from scripts.training.tuning import tune_transformer
from scripts.training.update import Prepared, update
from scripts.training.workers import World
from tests.make import contents
from tests.runs import fast_ops
from tests.tiny import (
    ARCHITECTURES,
    FP32,
    MINILM,
    annotated,
    encoder_of,
    gradients,
    hearing,
    make_transformer,
    plain,
    take_gradients,
    transformer_pipeline,
)

BATCH = 1 << 30
"""Word pieces that no batch here has."""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Makes pipelines on a transformer of a kind: each time the same weights."""
    folder, names = tmp_path_factory.mktemp("models"), {}

    def make(kind: str, **settings) -> Language:
        if kind not in names:
            names[kind] = make_transformer(kind, folder)
        return transformer_pipeline(names[kind], **settings)

    return make


@pytest.fixture(scope="module")
def both(pipeline):
    """Makes two pipelines with the same weights, of which the second has an encoder; the same two for the same settings."""
    made = {}

    def make(kind: str, **settings) -> tuple[Language, Language, Encoder]:
        key = kind, *settings.items()
        if key not in made:
            stock, ours = pipeline(kind, **settings), pipeline(kind, **settings)
            made[key] = stock, ours, encoder_of(ours)
        stock, ours, encoder = made[key]
        encoder.most = BATCH
        return stock, ours, encoder

    return make


def batches(nlp: Language) -> dict[str, list[Example]]:
    """Batches by what is peculiar about them."""
    long = [word for i in range(30) for word in ("Ana", f"saw{i}", "New", "York", ".")]
    places = [(i * 5 + 2, i * 5 + 4, "LOC") for i in range(30)]
    nothing, one = annotated(nlp, []), annotated(nlp, ["Ana"], (0, 1, "PERSON"))
    contracted = annotated(
        nlp, ["Ana", "did", "n't", "see", "Cork."], (0, 1, "PERSON"), spaces=[True, False, True, True, False]
    )
    white = annotated(nlp, ["Ana", "\n\n", "saw", "  ", "New", "York", "\t"], (0, 1, "PERSON"), (4, 6, "LOC"))
    only_white = annotated(nlp, ["\n", " "])
    odd = annotated(
        nlp,
        ["👩‍👩‍👧", "Zoë", "\u200b", "a\u200bb", "北京市", "ﬁne", "\ufeffBo", "e\u0301te\u0301"],
        (1, 2, "PERSON"),
        (4, 5, "LOC"),
    )
    several = annotated(nlp, long, *places)
    return {
        "plain": [plain(nlp)],
        "two tokens of one piece": [contracted, plain(nlp)],
        "one token": [one],
        "whitespace": [white, plain(nlp)],
        "nothing but whitespace": [only_white],
        "nothing but whitespace beside others": [plain(nlp), only_white, one],
        "no token beside others": [nothing, plain(nlp), nothing],
        "no token": [nothing, annotated(nlp, [])],
        "emoji and signs without width": [odd, plain(nlp)],
        "several windows": [several],
        "several documents": [one, several, white, contracted, odd, plain(nlp)],
    }


NAMES = [*batches(spacy.blank("en"))]


def heard(
    nlp: Language, docs: list[Doc], encoder: Encoder | None = None
) -> tuple[list, dict[str, float], dict[str, numpy.ndarray]]:
    """What listeners get of documents, and the losses and gradients when drawn ones flow back."""
    losses: dict[str, float] = {}
    examples = [Example(doc, doc) for doc in docs]
    if encoder is not None:
        encoder.update(examples, losses)
    else:
        nlp.get_pipe("transformer").update(examples, drop=0.0, losses=losses)
    draw, vectors = numpy.random.default_rng(0), []
    width = nlp.get_pipe("transformer").model.get_dim("nO")
    for node in hearing(nlp):
        found, back = node.begin_update(docs)
        vectors.append([own.copy() for own in found])
        back([draw.normal(size=(len(doc), width)).astype("float32") for doc in docs])
    return vectors, losses, take_gradients(nlp)


def docs_of(nlp: Language, name: str) -> list[Doc]:
    return [example.x for example in batches(nlp)[name]]


def assert_close(
    found: dict[str, numpy.ndarray], expected: dict[str, numpy.ndarray], scale: float = 1e-5
) -> None:
    """Gradients are the same, within what is lost beside the largest of them: some are zero but for that."""
    assert found.keys() == expected.keys()
    largest = max(float(numpy.abs(own).max()) for own in expected.values())
    for name, own in expected.items():
        assert_allclose(found[name], own, rtol=1e-3, atol=scale * largest, err_msg=name)


def assert_heard(found: tuple, expected: tuple) -> None:
    """Vectors, losses and gradients are the same."""
    assert len(found[0]) == len(expected[0])
    for mine, theirs in zip(found[0], expected[0], strict=True):
        for own, other in zip(mine, theirs, strict=True):
            assert len(own) == len(other)
            if len(own):
                assert_allclose(own, other, rtol=1e-4, atol=1e-5)
    assert found[1] == pytest.approx(expected[1], rel=1e-4)
    assert_close(found[2], expected[2])


HEARD = [name for name in NAMES if name != "no token"]
"""spacy-transformers says nothing to its listeners where there is no token at all."""


@pytest.mark.parametrize("name", HEARD)
@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_listeners_hear_and_give_back_what_they_do_with_spacy_transformers(both, kind, name):
    stock, ours, encoder = both(kind)
    assert (encoder.packing is None) == (kind == "distilbert")
    assert_heard(heard(ours, docs_of(ours, name), encoder), heard(stock, docs_of(stock, name)))


@pytest.mark.parametrize("name", HEARD)
def test_what_is_predicted_is_what_spacy_transformers_predicts(both, name):
    stock, ours, encoder = both(MINILM)
    expected = hearing(stock)[0].predict([*stock.get_pipe("transformer").pipe(docs_of(stock, name))])
    docs = docs_of(ours, name)
    for found in (encoder.predict(docs), hearing(ours)[0].predict(docs)):
        for own, other in zip(found, expected, strict=True):
            assert own.dtype == numpy.float32
            if len(own):
                assert_allclose(own, other, rtol=1e-4, atol=1e-5)
    assert encoder.module.training


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("bert", name) for name in NAMES), (MINILM, "whitespace"), (MINILM, "several documents")],
)
def test_a_step_has_the_gradients_and_losses_of_nlp_update(both, kind, name):
    stock, ours, encoder = both(kind)
    found, expected = {}, {}
    random.seed(5)
    stock.update(batches(stock)[name], drop=0.0, losses=expected, sgd=False)
    random.seed(5)
    random.random()  # spacy-transformers throws a die for whether to empty a GPU's cache
    update(
        ours, [Prepared(example) for example in batches(ours)[name]], drop=0.0, losses=found, encoder=encoder
    )
    assert {key: loss for key, loss in found.items() if loss} == pytest.approx(
        {key: loss for key, loss in expected.items() if loss}, rel=1e-3
    )
    theirs = take_gradients(stock)
    assert_close(take_gradients(ours), theirs, scale=1e-4)
    if "no token" != name != "nothing but whitespace":
        assert sum(own.any() for own in theirs.values()) > 30  # there is something to compare


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_each_of_several_listeners_is_heard(both, kind):
    stock, ours, encoder = both(kind, listeners=2)
    assert len(hearing(ours)) == 2
    name = "several documents"
    assert_heard(heard(ours, docs_of(ours, name), encoder), heard(stock, docs_of(stock, name)))


@pytest.mark.parametrize("most", [BATCH, 130])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_layers_that_are_computed_again_on_the_way_back_are_the_same(pipeline, kind, most):
    """Each of them looks at its own pass then, whatever ran forward last."""
    settings = {"window": 16, "stride": 12}
    stock, ours = pipeline(kind, **settings), tune_transformer(recompute=True)(pipeline(kind, **settings))
    encoder = encoder_of(ours)
    encoder.most = most
    name = "several documents"
    assert_heard(heard(ours, docs_of(ours, name), encoder), heard(stock, docs_of(stock, name)))


@pytest.mark.slow
@pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "clang++", "cl"))),
    reason="torch.compile needs a C++ compiler, and there is none",
)
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_compiled_transformer_is_the_same_in_passes_of_any_size(pipeline, kind):
    settings = {"window": 16, "stride": 12}
    stock, ours = pipeline(kind, **settings), tune_transformer(compiled=True)(pipeline(kind, **settings))
    encoder = encoder_of(ours)
    for encoder.most in (BATCH, 130):
        assert_heard(
            heard(ours, docs_of(ours, "several documents"), encoder),
            heard(stock, docs_of(stock, "several documents")),
        )
    expected = hearing(stock)[0].predict(
        [*stock.get_pipe("transformer").pipe(docs_of(stock, "several documents"))]
    )
    for own, other in zip(encoder.predict(docs_of(ours, "several documents")), expected, strict=True):
        assert_allclose(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("most", [BATCH, 1])
def test_nothing_flows_back_into_what_is_frozen(pipeline, most):
    stock, ours = (tune_transformer(1)(pipeline("bert")) for _ in range(2))
    encoder = encoder_of(ours)
    encoder.most = most
    name = "several documents"
    assert_heard(heard(ours, docs_of(ours, name), encoder), heard(stock, docs_of(stock, name)))
    assert encoder._words.weight.grad is None
    encoder.module.requires_grad_(False)
    heard(ours, docs_of(ours, name), encoder)
    assert all(parameter.grad is None for parameter in encoder.module.parameters())


@contextmanager
def passes(encoder: Encoder):
    """The sizes, in word pieces with their padding, of the passes that run forward."""
    sizes: list[int] = []
    handle = encoder.module.register_forward_pre_hook(
        lambda _, args, options: sizes.append(options["inputs_embeds"].shape[:2].numel()), with_kwargs=True
    )
    try:
        yield sizes
    finally:
        handle.remove()


@pytest.mark.parametrize("most", [400, 130, 60, 1])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_passes_of_any_size_come_to_the_same(both, kind, most):
    _, ours, encoder = both(kind, window=16, stride=12)
    docs = docs_of(ours, "several documents")
    expected = heard(ours, docs, encoder)
    encoder.most = most
    with passes(encoder) as sizes:
        found = heard(ours, docs, encoder)
    assert_heard(found, expected)
    longest = max(own.longest for own in encoder.read(docs))
    assert max(sizes) <= max(most, longest)
    assert len(sizes) % 2 == 0  # each of them once more on the way back
    with passes(encoder) as sizes:
        predicted = encoder.predict(docs)
    assert max(sizes) <= max(most, longest)
    for own, other in zip(predicted, expected[0][0], strict=True):
        assert_allclose(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_what_runs_again_leaves_out_what_it_left_out_before(both, monkeypatch, kind):
    _, ours, encoder = both(kind, window=16, stride=12, dropout=0.2)
    docs = docs_of(ours, "several documents")
    encoder.most = 130

    def learned(seed: int, run) -> tuple:
        monkeypatch.setattr(module, "checkpoint", run)
        torch.manual_seed(seed)
        return heard(ours, docs, encoder)

    def once(function, *args, use_reentrant):
        return function(*args)

    again = module.checkpoint
    expected = learned(3, once)
    assert_heard(learned(3, again), expected)
    for others in (learned(4, again), learned(3, partial(again, preserve_rng_state=False))):
        with pytest.raises(AssertionError):
            assert_close(others[2], expected[2])


def test_a_listener_that_asks_for_another_batch_is_told(both):
    _, ours, encoder = both("bert")
    examples = batches(ours)["plain"]
    encoder.update(examples, {})
    with pytest.raises(ValueError, match="another one than the transformer has just read"):
        hearing(ours)[0].begin_update(docs_of(ours, "plain"))
    heard(ours, [example.x for example in examples], encoder)


def test_no_batch_is_held_beside_the_next(both):
    """Not even one that no listener had anything to learn from."""
    _, ours, encoder = both("bert")
    encoder.update(batches(ours)["several windows"], {})
    held = []
    handle = encoder.module.register_forward_pre_hook(lambda *_: held.append(encoder._forward))
    heard(ours, docs_of(ours, "plain"), encoder)
    handle.remove()
    gc.collect()
    assert held == [None]
    assert encoder._forward is None
    assert not [
        thing for thing in gc.get_objects() if type(thing) is module._Forward and thing.encoder is encoder
    ]


def test_half_the_bits_train(pipeline):
    nlp = pipeline("bert")
    expected = heard(nlp, docs_of(nlp, "several documents"), encoder_of(nlp))
    nlp = pipeline("bert")
    vectors, _, found = heard(
        nlp, docs_of(nlp, "several documents"), encoder_of(nlp, Precision("bf16", "for a test", "cpu"))
    )
    assert all(
        own.dtype == numpy.float32 and numpy.isfinite(own).all() for own in [*vectors[0], *found.values()]
    )
    mine, theirs = (
        numpy.concatenate([own.reshape(-1) for own in all_of_them.values()])
        for all_of_them in (found, expected[2])
    )
    assert mine @ theirs / numpy.linalg.norm(mine) / numpy.linalg.norm(theirs) > 0.995
    assert not numpy.array_equal(mine, theirs)


def test_a_callback_may_ask_for_predictions(both):
    """Also in the middle of a step: its windows are padded, those of the step are in one row."""
    stock, ours, encoder = both("bert")
    texts = ["Ana saw New York .", "Bo"]
    expected, found = (
        lambda nlp=nlp: (
            nlp.get_pipe("transformer").predict([*map(nlp.make_doc, texts)]).model_output.last_hidden_state
        )
        for nlp in (stock, ours)
    )
    assert_allclose(found(), expected(), rtol=1e-4, atol=1e-5)
    docs = docs_of(ours, "several documents")
    encoder.update([Example(doc, doc) for doc in docs], {})
    assert_allclose(found(), expected(), rtol=1e-4, atol=1e-5)
    heard(ours, docs, encoder)
    assert encoder.packing.runs == []
    encoder.predict(docs)
    assert encoder.packing.runs == []
    assert_allclose(found(), expected(), rtol=1e-4, atol=1e-5)


def test_a_saved_pipeline_is_plain_spacys(both, tmp_path):
    """Nothing of the encoder is in it, and the pipeline itself goes on as before."""
    _, ours, encoder = both(MINILM)
    update(
        ours,
        [Prepared(example) for example in batches(ours)["several documents"]],
        drop=0.0,
        losses={},
        encoder=encoder,
    )
    take_gradients(ours)
    ours.to_disk(tmp_path / "model")
    assert not any(b"ner_template" in content for content in contents(tmp_path / "model").values())
    loaded = spacy.load(tmp_path / "model")
    text = "Ana did n't see New York .  \n Zoë went to Cork " * 30
    expected = hearing(loaded)[0].predict([loaded.get_pipe("transformer")(loaded.make_doc(text))])
    assert_allclose(encoder.predict([ours.make_doc(text)])[0], expected[0], rtol=1e-4, atol=1e-5)
    spans = [[(ent.start, ent.end, ent.label_) for ent in nlp(text).ents] for nlp in (ours, loaded)]
    assert spans[0] == spans[1] != []


# What spacy-transformers' own code must compute


SEES_PADDING = {"convbert", "funnel", "nystromformer", "yoso"}
HAS_DECODER = {"bart"}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_any_architecture_is_computed_alike_or_left_to_spacy_transformers(pipeline, kind):
    """Windows of one document are padded to the longest of the batch there, here they are not."""
    stock, ours = pipeline(kind), pipeline(kind)
    encoder = find_encoder(ours, (), FP32)
    assert (encoder is None) == (kind in SEES_PADDING | HAS_DECODER)
    if encoder is not None:
        assert encoder.module.training
        assert_heard(
            heard(ours, docs_of(ours, "several documents"), encoder),
            heard(stock, docs_of(stock, "several documents")),
        )


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_the_row_of_padding_learns_nothing_where_a_text_has_it(both, kind):
    stock, ours, encoder = both(kind)
    found, expected = (
        heard(nlp, [annotated(nlp, ["Ana", "saw", "[PAD]", "."]).x], own)
        for nlp, own in ((ours, encoder), (stock, None))
    )
    assert_heard(found, expected)


def test_asking_whether_a_transformer_is_computed_alike_changes_nothing(pipeline):
    nlp = pipeline("yoso")
    states = random_states(None)
    find_encoder(nlp, (), FP32)
    assert random_states(None) == states


def other_vectors(nlp: Language) -> None:
    class Scaled(torch.nn.Embedding):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return super().forward(ids) * 4.0

    transformer = nlp.get_pipe("transformer").model.transformer
    transformer.set_input_embeddings(Scaled(*transformer.get_input_embeddings().weight.shape))


def other_types(nlp: Language) -> None:
    tokenizer = nlp.get_pipe("transformer").model.tokenizer.backend_tokenizer
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:1", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )


def annotate(nlp: Language) -> None:
    nlp.get_pipe("transformer").set_extra_annotations = lambda docs, batch: None


OTHERS = {
    "pooling": ({"pooling": "reduce_max.v1"}, lambda nlp: None),
    "slow tokeniser": ({"use_fast": False}, lambda nlp: None),
    "word vectors that are more than looked up": ({}, other_vectors),
    "types of pieces": ({}, other_types),
    "extra annotations": ({}, annotate),
    "nobody listens": ({}, lambda nlp: nlp.remove_pipe("ner")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_the_encoder_does_not_know_is_left_to_spacy_transformers(pipeline, capsys, name):
    options, change = OTHERS[name]
    stock, ours = pipeline("bert", **options), pipeline("bert", **options)
    fix_random_seed(0)
    change(stock)
    fix_random_seed(0)
    change(ours)
    assert make_encoder(ours, (), "auto") is None
    assert "computes as spacy-transformers lets it" in capsys.readouterr().err
    if name == "nobody listens":
        return
    found, expected = {}, {}
    name = "two tokens of one piece"  # the other ways to pool cannot do with tokens that have none
    stock.update(batches(stock)[name], drop=0.0, losses=expected, sgd=False)
    update(ours, [Prepared(example) for example in batches(ours)[name]], drop=0.0, losses=found, encoder=None)
    assert found == pytest.approx(expected, rel=1e-3)
    assert found["transformer"] > 0
    assert_close(take_gradients(ours), take_gradients(stock), scale=1e-4)


def test_a_frozen_transformer_is_left_to_spacy_transformers(pipeline, capsys):
    nlp = pipeline("bert")
    assert find_encoder(nlp, ("transformer",), FP32) is None
    assert make_encoder(nlp, ("ner",), "fp32") is not None
    assert "computes in fp32 (as asked)" in capsys.readouterr().err
    assert make_encoder(spacy.blank("en"), (), "auto") is None


# Memory that runs out


@contextmanager
def room(encoder: Encoder, most: int, *, on_the_way_back: bool = False, error=torch.OutOfMemoryError):
    """Let memory do for so many word pieces at once, as a GPU of some size does; yield the passes that were too large."""
    refused: list[int] = []

    def refuse(size: int):
        refused.append(size)
        raise error("a test's memory ran out")

    def before(_, args, options):
        size = options["inputs_embeds"].shape[:2].numel()
        if size > most:
            refuse(size)

    def after(_, args, output):
        size = output.last_hidden_state.shape[:2].numel()
        if size > most and output.last_hidden_state.requires_grad:
            output.last_hidden_state.register_hook(lambda _: refuse(size))

    network = encoder.module
    handle = (
        network.register_forward_hook(after)
        if on_the_way_back
        else network.register_forward_pre_hook(before, with_kwargs=True)
    )
    try:
        yield refused
    finally:
        handle.remove()


def settings(*, rate: float, dropout: float) -> dict:
    """A training block, resolved: one batch an epoch, of all documents."""
    return {
        "optimizer": Adam(rate),
        "dropout": dropout,
        "seed": 0,
        "batcher": lambda items: [list(items)],
        "max_epochs": 0,
        "accumulate_gradient": 1,
        "frozen_components": [],
        "annotating_components": [],
    }


@pytest.mark.parametrize("exact", [False, True])
def test_the_head_learns_at_a_rate_of_its_own_but_with_exact(pipeline, exact):
    """Adam's first step is as long as its rate."""
    steps = []
    for head_rate in (1.0, 5.0):
        nlp = tune_transformer(head_rate=head_rate)(pipeline("bert"))
        encoder = None if exact else encoder_of(nlp)
        with fast_ops():
            made = Engine(
                nlp,
                settings(rate=0.001, dropout=0.0),
                lambda nlp: [plain(nlp)],
                World(),
                exact=exact,
                encoder=encoder,
            )
            before = [parameter.weights().copy() for parameter in made.parameters]
            made.learn(next(iter(made.batches))[1], {}, lambda: (False, False))
        moved = [abs(own.weights() - old).max() for own, old in zip(made.parameters, before, strict=True)]
        steps.append(
            [
                max(
                    size
                    for size, own in zip(moved, made.parameters, strict=True)
                    if (own.node is None) == is_torch
                )
                for is_torch in (True, False)
            ]
        )
    assert steps[1] == pytest.approx([steps[0][0], steps[0][1] * (1.0 if exact else 5.0)], rel=0.01)


@pytest.fixture
def engine(pipeline):
    """Makes engines, each with a pipeline of its own, whose first batch is to be learned. `flat`: as on a CPU; else as on a GPU."""

    def make(
        *, most: int = BATCH, kind: str = "bert", flat: bool = True, name: str = "several documents"
    ) -> tuple[Engine, list[Example]]:
        nlp = pipeline(kind, window=16, stride=12, dropout=0.2)
        ner = nlp.get_pipe("ner")
        ner.model.attrs["unseen_classes"] = set(range(1, ner.moves.n_moves))
        encoder = encoder_of(nlp)
        encoder.most = most
        T = settings(rate=0.001, dropout=0.1)
        made = Engine(nlp, T, lambda nlp: batches(nlp)[name], World(), exact=not flat, encoder=encoder)
        assert (made.flat is not None) == flat
        return made, next(iter(made.batches))[1]

    with fast_ops():
        yield make


def after_step(engine: Engine, batch: list[Example]) -> tuple:
    """Gradients, losses and everything else that a step changes; a step before it has left its losses."""
    losses = {"ner": 1000.0, "transformer": 1000.0}
    engine._accumulate(batch, 0.1, losses)
    told = engine.encoder.told(World()) | {"out_of_memory": None}
    return gradients(engine.nlp), losses, unseen_classes(engine.nlp), random_states(engine.ops), told


@pytest.mark.parametrize(
    ("kind", "on_the_way_back", "flat"),
    [("bert", False, True), ("bert", True, True), ("bert", False, False), ("distilbert", True, False)],
)
def test_a_step_that_memory_did_not_do_for_is_taken_anew_in_smaller_passes(
    engine, capsys, kind, on_the_way_back, flat
):
    limited, batch = engine(kind=kind, flat=flat)
    with room(limited.encoder, 150, on_the_way_back=on_the_way_back) as refused:
        found = after_step(limited, batch)
    assert refused
    assert (
        max(own.longest for own in limited.encoder.read([example.x for example in batch]))
        <= limited.encoder.most
        < BATCH
    )
    assert capsys.readouterr().err.count("memory ran out; from here on") == 1
    small, batch = engine(most=limited.encoder.most, kind=kind, flat=flat)
    expected = after_step(small, batch)
    assert_close(found[0], expected[0])
    assert found[1] == pytest.approx(expected[1], rel=1e-5)
    assert found[2:] == expected[2:]
    assert found[1]["transformer"] > 1000


def test_passes_stay_small_and_it_is_told_once(engine, capsys):
    made, batch = engine()
    with room(made.encoder, 150) as refused:
        made.learn(batch, {}, lambda: (False, False))
        first = len(refused)
        made.learn(batch, {}, lambda: (False, False))
    assert first == len(refused) > 1
    assert capsys.readouterr().err.count("Warning") == 1
    arrays, state = made.state()
    again, _ = engine()
    again.restore(arrays, json.loads(json.dumps(state)))
    assert again.encoder.most == made.encoder.most < BATCH


def test_a_checkpoint_of_a_run_without_an_encoder_leaves_passes_as_they_are(engine):
    made, _ = engine()
    arrays, state = made.state()
    made.restore(arrays, state | {"most_pieces": None})
    assert made.encoder.most == BATCH


def test_the_way_back_through_a_small_last_pass_can_be_divided(engine):
    """Passes run again on the way back, the large ones after the small one that ran last."""
    made, batch = engine(name="several windows")
    (pieces,) = made.encoder.read([batch[0].x])
    windows = sorted(pieces.lengths.tolist())
    made.encoder.most = sum(windows[:2])
    with room(made.encoder, windows[-1], on_the_way_back=True) as refused:
        made._accumulate(batch, 0.1, {})
    assert refused
    assert made.encoder.most == windows[-1]


@pytest.mark.parametrize("on_the_way_back", [False, True], ids=["forward", "back"])
def test_where_a_single_window_is_too_large_the_error_is_raised(engine, on_the_way_back):
    made, batch = engine()
    with (
        room(made.encoder, 5, on_the_way_back=on_the_way_back) as refused,
        pytest.raises(torch.OutOfMemoryError, match="a test's memory"),
    ):
        made._accumulate(batch, 0.1, {})
    assert 1 < len(refused) < 20
    longest = max(own.longest for own in made.encoder.read([example.x for example in batch]))
    assert longest <= made.encoder.most < 2 * longest


@pytest.mark.parametrize("error", [ValueError, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("on_the_way_back", [False, True], ids=["forward", "back"])
def test_other_errors_are_raised_at_once(engine, error, on_the_way_back):
    made, batch = engine()
    with (
        room(made.encoder, 150, on_the_way_back=on_the_way_back, error=error) as refused,
        pytest.raises(error, match="a test's memory"),
    ):
        made._accumulate(batch, 0.1, {})
    assert len(refused) == 1
    assert made.encoder.most == BATCH


def test_an_evaluation_goes_on_too(engine):
    made, _ = engine()
    evaluate = evaluation(
        made.nlp,
        lambda nlp: batches(nlp)["several documents"],
        {"ents_f": 1.0},
        World(),
        exact=False,
        encoder=made.encoder,
    )
    expected = evaluate()
    with room(made.encoder, 150) as refused:
        found = evaluate()
    assert refused
    assert made.encoder.module.training
    del expected[1]["speed"], found[1]["speed"]
    assert found == expected
    with room(made.encoder, 5), pytest.raises(torch.OutOfMemoryError):
        evaluate()
    assert made.encoder.module.training


def test_dev_is_cut_into_pieces_once(engine, monkeypatch):
    made, _ = engine()
    evaluate = evaluation(
        made.nlp,
        lambda nlp: batches(nlp)["several documents"],
        {"ents_f": 1.0},
        World(),
        exact=False,
        encoder=made.encoder,
    )
    monkeypatch.setattr(made.encoder.read, "_get_spans", None)
    evaluate()


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError(), type("OutOfMemoryError", (Exception,), {})()]
)
def test_memory_that_runs_out_is_known_by_its_type(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "[enforce fail at alloc_cpu.cpp:119] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
            True,
        ),
        ("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("CUDA error: device-side assert triggered", False),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_memory_that_runs_out_is_known_by_what_torch_says(message, expected):
    assert is_out_of_memory(RuntimeError(message)) == expected
    assert not is_out_of_memory(ValueError(message))


# On a GPU


@pytest.fixture
def gpu_engine(pipeline):
    """Makes engines on the GPU."""
    from spacy import require_cpu, require_gpu

    require_gpu(0)

    def make(name: str = MINILM) -> Engine:
        nlp = pipeline(name)
        T = settings(rate=0.00001, dropout=0.0)
        encoder = encoder_of(nlp, Precision("fp32", "for a test", "cuda"))
        return Engine(
            nlp, T, lambda nlp: batches(nlp)["several documents"], World(), exact=False, encoder=encoder
        )

    try:
        yield make
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        require_cpu()


def many(nlp: Language, tokens: int) -> list[Prepared]:
    """A document of so many tokens, and some short ones."""
    words = ["Ana", "saw", "New", "York", "."] * (tokens // 5)
    return [Prepared(annotated(nlp, words, (0, 1, "PERSON"))), *(Prepared(plain(nlp)) for _ in range(8))]


def is_scarce(used: int) -> None:
    """Let this process have so many bytes of the GPU, beside what it has."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + used) / total)


@pytest.mark.gpu
def test_a_gpu_that_is_too_small_for_a_document_trains_and_predicts_it_all_the_same(gpu_engine):
    whole = gpu_engine()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    expected: dict[str, float] = {}
    random.seed(0)
    whole._accumulate(many(whole.nlp, 20_000)[:1], 0.0, expected)
    needed = torch.cuda.max_memory_allocated() - before
    del whole
    gc.collect()
    small = gpu_engine()
    found: dict[str, float] = {}
    small._accumulate(
        many(small.nlp, 100), 0.0, {}
    )  # so that kernels have their workspaces, and gradients their place
    forget_gradients(small.parameters)
    is_scarce(needed // 3)
    random.seed(0)
    small._accumulate(batch := many(small.nlp, 20_000)[:1], 0.0, found)
    assert small.encoder.halved
    assert small.encoder.most < BATCH
    assert found == pytest.approx(expected, rel=1e-3)
    assert len(small.encoder.predict([batch[0].x])[0]) == 20_000


@pytest.mark.gpu
def test_a_gpus_memory_is_flat_over_a_thousand_steps(gpu_engine):
    engine = gpu_engine()
    batch = many(engine.nlp, 400)
    used = []
    for step in range(1_000):
        engine.learn(batch, {}, lambda: (False, False))
        if step in (20, 999):
            gc.collect()
            torch.cuda.synchronize()
            used.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    (allocated, reserved), (later, later_reserved) = used
    assert later <= allocated * 1.01
    assert later_reserved <= reserved * 1.05


@pytest.mark.gpu
def test_what_a_gpu_has_learned_can_be_put_away_and_taken_up(gpu_engine):
    engine = gpu_engine()
    for _ in range(2):
        engine.learn(many(engine.nlp, 100), {}, lambda: (False, False))
    arrays, state = engine.state()
    again = gpu_engine()
    assert weights_hash(again.parameters) != weights_hash(engine.parameters)
    again.restore(arrays, json.loads(json.dumps(state)))
    assert weights_hash(again.parameters) == weights_hash(engine.parameters)
    again.learn(many(again.nlp, 100), {}, lambda: (False, False))


@pytest.mark.gpu
def test_a_gpu_computes_what_a_cpu_does(gpu_engine, pipeline):
    from spacy import require_cpu

    engine = gpu_engine()
    found = engine.encoder.predict(docs_of(engine.nlp, "several documents"))
    found = [own.get() for own in found]
    require_cpu()
    nlp = pipeline(MINILM)
    for own, other in zip(found, encoder_of(nlp).predict(docs_of(nlp, "several documents")), strict=True):
        assert_allclose(own, other, rtol=1e-3, atol=1e-3)
