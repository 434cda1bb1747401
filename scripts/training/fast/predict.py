"""Let a loaded pipeline predict faster: side by side, by faster kernels, a transformer without padding."""

from spacy.language import Language
from spacy.pipeline import EntityRecognizer
from spacy.tokens import Doc

from scripts.training.fast.kernels import FastOps, use_kernels
from scripts.training.fast.update import is_greedy, parse


class FastRecognizer(EntityRecognizer):
    """An entity recogniser that parses a batch's documents side by side."""

    def predict(self, docs: list[Doc]) -> list:
        """Return the documents' final states."""
        return parse(self, list(docs))


def speed_up(nlp: Language, gpu_id: int, precision: str) -> None:
    """Change a pipeline, whose layers are on the CPU, in place. See scripts/training/predict.py."""
    use_kernels(nlp, FastOps())
    for i, (name, own) in enumerate(nlp._components):
        if is_greedy(own):
            fast = FastRecognizer(nlp.vocab, own.model, name, own.moves, scorer=own.scorer)
            fast.cfg.clear()  # it is saved as the other would be
            fast.cfg.update(own.cfg)
            nlp._components[i] = (name, fast)
    if any(nlp.get_pipe_meta(name).factory == "transformer" for name in nlp.pipe_names):
        from scripts.training.fast.transformer import speed_up_transformer  # which needs torch

        speed_up_transformer(nlp, gpu_id, precision)
