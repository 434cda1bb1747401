"""A transformer computes what spacy-transformers computes, in micro-batches of any size."""

import gc
import json
import random
from contextlib import contextmanager
from functools import partial

import numpy
import pytest
import spacy
import torch
import torch.utils.deterministic
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, fix_random_seed, set_current_ops
from tokenizers.processors import TemplateProcessing

from scripts.training.checkpoint import random_states, unseen_classes
from scripts.training.device import choose_device
from scripts.training.fast import encoder as module
from scripts.training.fast.encoder import Encoder
from scripts.training.fast.evaluation import Evaluation
from scripts.training.fast.find import find_encoder
from scripts.training.fast.kernels import FastOps
from scripts.training.fast.precision import Precision
from scripts.training.fast.step import FastStep
from scripts.training.fast.update import Prepared, update
from scripts.training.finetune import finetune_transformer
from scripts.training.parameters import weights_hash, zero_grad
from scripts.training.step import TrainingStep
from scripts.training.world import World
from tests.make import contents
from tests.runs import fast_ops, kept_ops
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
"""Wordpieces that no batch here has."""
CPU = torch.device("cpu")


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
    """Makes two pipelines with the same weights, the second with an encoder; once a setting."""
    made = {}

    def make(kind: str, **settings) -> tuple[Language, Language, Encoder]:
        key = kind, *settings.items()
        if key not in made:
            stock, ours = pipeline(kind, **settings), pipeline(kind, **settings)
            made[key] = stock, ours, encoder_of(ours)
        stock, ours, encoder = made[key]
        encoder.max_wordpieces = BATCH
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


@pytest.mark.parametrize("max_wordpieces", [BATCH, 130])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_layers_that_are_computed_again_on_the_way_back_are_the_same(pipeline, kind, max_wordpieces):
    """Each of them looks at its own micro-batch then, whatever ran forward last."""
    settings = {"window": 16, "stride": 12}
    stock, ours = pipeline(kind, **settings), finetune_transformer(recompute=True)(pipeline(kind, **settings))
    encoder = encoder_of(ours)
    encoder.max_wordpieces = max_wordpieces
    name = "several documents"
    assert_heard(heard(ours, docs_of(ours, name), encoder), heard(stock, docs_of(stock, name)))


@pytest.mark.parametrize("max_wordpieces", [BATCH, 1])
def test_nothing_flows_back_into_what_is_frozen(pipeline, max_wordpieces):
    stock, ours = (finetune_transformer(1)(pipeline("bert")) for _ in range(2))
    encoder = encoder_of(ours)
    encoder.max_wordpieces = max_wordpieces
    name = "several documents"
    assert_heard(heard(ours, docs_of(ours, name), encoder), heard(stock, docs_of(stock, name)))
    assert encoder.module.get_input_embeddings().weight.grad is None
    encoder.module.requires_grad_(False)
    heard(ours, docs_of(ours, name), encoder)
    assert all(parameter.grad is None for parameter in encoder.module.parameters())


@contextmanager
def forward_sizes(encoder: Encoder):
    """The sizes, in wordpieces with their padding, of the micro-batches that run forward."""
    sizes: list[int] = []
    handle = encoder.module.register_forward_pre_hook(
        lambda _, args, options: sizes.append(options["inputs_embeds"].shape[:2].numel()), with_kwargs=True
    )
    try:
        yield sizes
    finally:
        handle.remove()


@pytest.mark.parametrize("max_wordpieces", [400, 130, 60, 1])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_micro_batches_of_any_size_come_to_the_same(both, kind, max_wordpieces):
    _, ours, encoder = both(kind, window=16, stride=12)
    docs = docs_of(ours, "several documents")
    expected = heard(ours, docs, encoder)
    encoder.max_wordpieces = max_wordpieces
    with forward_sizes(encoder) as sizes:
        found = heard(ours, docs, encoder)
    assert_heard(found, expected)
    longest = max(own.longest for own in encoder.read(docs))
    assert max(sizes) <= max(max_wordpieces, longest)
    assert len(sizes) % 2 == 0  # each of them once more on the way back
    with forward_sizes(encoder) as sizes:
        predicted = encoder.predict(docs)
    assert max(sizes) <= max(max_wordpieces, longest)
    for own, other in zip(predicted, expected[0][0], strict=True):
        assert_allclose(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_what_runs_again_leaves_out_what_it_left_out_before(both, monkeypatch, kind):
    _, ours, encoder = both(kind, window=16, stride=12, dropout=0.2)
    docs = docs_of(ours, "several documents")
    encoder.max_wordpieces = 130

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
        thing for thing in gc.get_objects() if type(thing) is module.Forward and thing.encoder is encoder
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
    encoder = find_encoder(ours, (), FP32, CPU)
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
    states = random_states()
    find_encoder(nlp, (), FP32, CPU)
    assert random_states() == states


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
def test_what_the_encoder_does_not_know_is_left_to_spacy_transformers(pipeline, name):
    options, change = OTHERS[name]
    stock, ours = pipeline("bert", **options), pipeline("bert", **options)
    fix_random_seed(0)
    change(stock)
    fix_random_seed(0)
    change(ours)
    assert find_encoder(ours, (), FP32, CPU) is None
    if name == "nobody listens":
        return
    found, expected = {}, {}
    name = "two tokens of one piece"  # the other ways to pool cannot do with tokens that have none
    stock.update(batches(stock)[name], drop=0.0, losses=expected, sgd=False)
    update(ours, [Prepared(example) for example in batches(ours)[name]], drop=0.0, losses=found, encoder=None)
    assert found == pytest.approx(expected, rel=1e-3)
    assert found["transformer"] > 0
    assert_close(take_gradients(ours), take_gradients(stock), scale=1e-4)


def test_a_frozen_transformer_is_left_to_spacy_transformers(pipeline):
    nlp = pipeline("bert")
    assert find_encoder(nlp, ("transformer",), FP32, CPU) is None
    assert find_encoder(nlp, ("ner",), FP32, CPU) is not None
    assert find_encoder(spacy.blank("en"), (), FP32, CPU) is None


# Memory that runs out


@contextmanager
def room(encoder: Encoder, wordpieces: int, *, on_the_way_back: bool = False, error=torch.OutOfMemoryError):
    """Let memory do for so many wordpieces at once; yield the sizes that were refused."""
    refused: list[int] = []

    def refuse(size: int):
        refused.append(size)
        raise error("a test's memory ran out")

    def before(_, args, options):
        size = options["inputs_embeds"].shape[:2].numel()
        if size > wordpieces:
            refuse(size)

    def after(_, args, output):
        size = output.last_hidden_state.shape[:2].numel()
        if size > wordpieces and output.last_hidden_state.requires_grad:
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


def largest_moves(nlp: Language, made: TrainingStep) -> list[float]:
    """How far the first step moves any weight of the transformer, and any other weight."""
    before = [
        parameter.weights.copy() if parameter.tensor is None else parameter.weights.clone()
        for parameter in made.parameters
    ]
    made.learn(next(iter(made.batches))[1], {}, lambda: [False, False])
    moves = [float(abs(own.weights - old).max()) for own, old in zip(made.parameters, before, strict=True)]
    return [
        max(
            move
            for move, own in zip(moves, made.parameters, strict=True)
            if (own.tensor is not None) == is_torch
        )
        for is_torch in (True, False)
    ]


@pytest.mark.parametrize("kind", ["fast", "plain", "exact"])
def test_the_head_learns_at_a_rate_of_its_own_but_with_exact(pipeline, kind):
    """Adam's first step is as long as its rate."""
    steps = []
    for head_rate in (1.0, 5.0):
        with fast_ops() as ops:
            nlp = finetune_transformer(head_rate=head_rate)(pipeline("bert"))
            given = nlp, settings(rate=0.001, dropout=0.0), lambda nlp: [plain(nlp)], World()
            made = (
                FastStep(*given, ops=ops, encoder=encoder_of(nlp))
                if kind == "fast"
                else TrainingStep(*given, exact=kind == "exact")
            )
            steps.append(largest_moves(nlp, made))
    assert steps[1] == pytest.approx([steps[0][0], steps[0][1] * (1.0 if kind == "exact" else 5.0)], rel=0.01)


@pytest.fixture
def step(pipeline):
    """Makes steps, each with a pipeline of its own, and their first batch."""

    def make(
        *, max_wordpieces: int = BATCH, kind: str = "bert", name: str = "several documents"
    ) -> tuple[FastStep, list[Example]]:
        ops = FastOps()
        set_current_ops(ops)
        nlp = pipeline(kind, window=16, stride=12, dropout=0.2)
        ner = nlp.get_pipe("ner")
        ner.model.attrs["unseen_classes"] = set(range(1, ner.moves.n_moves))
        encoder = encoder_of(nlp)
        encoder.max_wordpieces = max_wordpieces
        T = settings(rate=0.001, dropout=0.1)
        made = FastStep(nlp, T, lambda nlp: batches(nlp)[name], World(), ops=ops, encoder=encoder)
        return made, next(iter(made.batches))[1]

    with kept_ops():
        yield make


def after_step(made: FastStep, batch: list[Example]) -> tuple:
    """Gradients, losses and everything else that a step changes; a step before it has left its losses."""
    losses = {"ner": 1000.0, "transformer": 1000.0}
    made.accumulate(batch, 0.1, losses)
    summary = made.summary() | {"out_of_memory": None}
    return gradients(made.nlp), losses, unseen_classes(made.nlp), made.random_states(), summary


@pytest.mark.parametrize(("kind", "on_the_way_back"), [("bert", False), ("bert", True), ("distilbert", True)])
def test_a_step_that_memory_did_not_do_for_is_taken_anew_in_smaller_micro_batches(
    step, capsys, kind, on_the_way_back
):
    limited, batch = step(kind=kind)
    with room(limited.encoder, 150, on_the_way_back=on_the_way_back) as refused:
        found = after_step(limited, batch)
    assert refused
    longest = max(own.longest for own in limited.encoder.read([example.x for example in batch]))
    assert longest <= limited.encoder.max_wordpieces < BATCH
    assert capsys.readouterr().err.count("memory ran out; from here on") == 1
    small, batch = step(max_wordpieces=limited.encoder.max_wordpieces, kind=kind)
    expected = after_step(small, batch)
    assert_close(found[0], expected[0])
    assert found[1] == pytest.approx(expected[1], rel=1e-5)
    assert found[2:] == expected[2:]
    assert found[1]["transformer"] > 1000


def test_micro_batches_stay_small_and_the_warning_comes_once(step, capsys):
    made, batch = step()
    with room(made.encoder, 150) as refused:
        made.learn(batch, {}, lambda: [False, False])
        first = len(refused)
        made.learn(batch, {}, lambda: [False, False])
    assert first == len(refused) > 1
    assert capsys.readouterr().err.count("Warning") == 1
    arrays, state = made.state_dict()
    again, _ = step()
    again.load_state_dict(arrays, json.loads(json.dumps(state)))
    assert again.encoder.max_wordpieces == made.encoder.max_wordpieces < BATCH


def test_a_checkpoint_of_a_run_without_an_encoder_leaves_micro_batches_as_they_are(step):
    made, _ = step()
    arrays, state = made.state_dict()
    del state["encoder"]
    made.load_state_dict(arrays, state)
    assert made.encoder.max_wordpieces == BATCH


def test_the_way_back_through_a_small_last_micro_batch_can_be_divided(step):
    """Micro-batches run again on the way back, the large ones after the small one that ran last."""
    made, batch = step(name="several windows")
    (read,) = made.encoder.read([batch[0].x])
    windows = sorted(read.lengths.tolist())
    made.encoder.max_wordpieces = sum(windows[:2])
    with room(made.encoder, windows[-1], on_the_way_back=True) as refused:
        made.accumulate(batch, 0.1, {})
    assert refused
    assert made.encoder.max_wordpieces == windows[-1]


@pytest.mark.parametrize("on_the_way_back", [False, True], ids=["forward", "back"])
def test_where_a_single_window_is_too_large_the_error_is_raised(step, on_the_way_back):
    made, batch = step()
    with (
        room(made.encoder, 5, on_the_way_back=on_the_way_back) as refused,
        pytest.raises(torch.OutOfMemoryError, match="a test's memory"),
    ):
        made.accumulate(batch, 0.1, {})
    assert 1 < len(refused) < 20
    longest = max(own.longest for own in made.encoder.read([example.x for example in batch]))
    assert longest <= made.encoder.max_wordpieces < 2 * longest


@pytest.mark.parametrize("error", [ValueError, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("on_the_way_back", [False, True], ids=["forward", "back"])
def test_other_errors_are_raised_at_once(step, error, on_the_way_back):
    made, batch = step()
    with (
        room(made.encoder, 150, on_the_way_back=on_the_way_back, error=error) as refused,
        pytest.raises(error, match="a test's memory"),
    ):
        made.accumulate(batch, 0.1, {})
    assert len(refused) == 1
    assert made.encoder.max_wordpieces == BATCH


def test_an_evaluation_goes_on_too(step):
    made, _ = step()
    evaluate = Evaluation(
        made.nlp, lambda nlp: batches(nlp)["several documents"], {"ents_f": 1.0}, World(), made.encoder
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


def test_dev_is_cut_into_wordpieces_once(step, monkeypatch):
    made, _ = step()
    evaluate = Evaluation(
        made.nlp, lambda nlp: batches(nlp)["several documents"], {"ents_f": 1.0}, World(), made.encoder
    )
    monkeypatch.setattr(made.encoder.read, "_get_spans", None)
    evaluate()


# On a GPU


@pytest.fixture
def gpu_step(pipeline):
    """Makes steps whose transformer is on the GPU, with its dropout at 0; each begins from the same state."""
    choose_device("cuda", needs_cupy=False)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False

    def make(name: str = MINILM) -> FastStep:
        ops = FastOps()
        set_current_ops(ops)
        nlp = pipeline(name, dropout=0.0)
        encoder = encoder_of(nlp, Precision("fp32", "for a test", "cuda"))
        T = settings(rate=0.00001, dropout=0.0)
        made = FastStep(
            nlp, T, lambda nlp: batches(nlp)["several documents"], World(), ops=ops, encoder=encoder
        )
        fix_random_seed(0)
        return made

    try:
        with kept_ops():
            yield make
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.use_deterministic_algorithms(False)


def many(nlp: Language, tokens: int) -> list[Prepared]:
    """A document of so many tokens, and some short ones."""
    words = ["Ana", "saw", "New", "York", "."] * (tokens // 5)
    return [Prepared(annotated(nlp, words, (0, 1, "PERSON"))), *(Prepared(plain(nlp)) for _ in range(8))]


def make_scarce(used: int) -> None:
    """Let this process have so many bytes of the GPU, beside what it has."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + used) / total)


LONG = 20_000
"""Tokens of a document that a small GPU cannot read at once."""
STEPS = 300


@pytest.mark.gpu
def test_a_gpu_that_is_too_small_for_a_document_trains_and_predicts_it_all_the_same(gpu_step):
    made = gpu_step()
    made.accumulate(many(made.nlp, 100), 0.0, {})  # so that kernels have their workspaces
    batch = many(made.nlp, LONG)[:1]
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    made.accumulate(batch, 0.0, {})
    needed = torch.cuda.max_memory_allocated() - before
    (expected,) = made.encoder.predict([batch[0].x])
    assert not made.out_of_memory
    gc.collect()
    make_scarce(needed // 3)
    zero_grad(made.parameters)
    made.accumulate(batch, 0.0, {})
    assert made.out_of_memory
    assert made.encoder.max_wordpieces < BATCH
    assert all(bool(own.gradient.isfinite().all()) for own in made.parameters if own.tensor is not None)
    (found,) = made.encoder.predict([batch[0].x])
    assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.gpu
def test_a_gpus_memory_is_flat_over_many_steps(gpu_step):
    made = gpu_step()
    batch = many(made.nlp, 400)
    used = []
    for number in range(STEPS):
        made.learn(batch, {}, lambda: [False, False])
        if number in (20, STEPS - 1):
            gc.collect()
            torch.cuda.synchronize()
            used.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    (allocated, reserved), (later, later_reserved) = used
    assert later <= allocated * 1.01
    assert later_reserved <= reserved * 1.05


@pytest.mark.gpu
def test_a_gpus_state_is_saved_and_restored(gpu_step):
    made = gpu_step()
    for _ in range(2):
        made.learn(many(made.nlp, 100), {}, lambda: [False, False])
    arrays, state = made.state_dict()
    arrays, state = {name: own.copy() for name, own in arrays.items()}, json.loads(json.dumps(state))
    made.learn(many(made.nlp, 100), {}, lambda: [False, False])
    again = gpu_step()
    assert weights_hash(again.parameters) != weights_hash(made.parameters)
    again.load_state_dict(arrays, state)
    again.learn(many(again.nlp, 100), {}, lambda: [False, False])
    assert weights_hash(again.parameters) == weights_hash(made.parameters)


@pytest.mark.gpu
def test_a_gpu_learns_the_same_twice(gpu_step):
    hashes = set()
    for _ in range(2):
        made = gpu_step()
        for _ in range(3):
            made.learn(many(made.nlp, 100), {}, lambda: [False, False])
        hashes.add(weights_hash(made.parameters))
    assert len(hashes) == 1


@pytest.mark.gpu
def test_a_gpu_computes_what_a_cpu_does(gpu_step, pipeline):
    made = gpu_step()
    found = made.encoder.predict(docs_of(made.nlp, "several documents"))
    nlp = pipeline(MINILM)
    for own, other in zip(found, encoder_of(nlp).predict(docs_of(nlp, "several documents")), strict=True):
        assert_allclose(own, other, rtol=1e-3, atol=1e-3)
