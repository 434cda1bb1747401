"""Whether the model hub can be had: it is asked once, for seconds."""

import os
import sys
from pathlib import Path
from typing import Any

from scripts.cli import UserError

PATIENCE = 5.0
"""Seconds that the model hub has for an answer; its own client asks again and again, for a minute."""


def require_models(config: dict[str, Any]) -> None:
    """Raise UserError where a pretrained transformer that an interpolated config names cannot be had."""
    if str(config.get("@architectures")).startswith("spacy-transformers.") and "name" in config:
        require_model(config["name"])
    for block in config.values():
        if isinstance(block, dict):
            require_models(block)


def require_model(name: str) -> None:
    """Raise UserError where neither a folder, the local cache nor the hub gives a model.

    Where only the cache has it, this process and those that it starts ask the hub no more.
    """
    if Path(name).exists():
        return
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        remedy = "name a folder that holds the model"
        raise UserError(f"{name}: neither a folder nor a model hub's id; {remedy}") from None
    reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _why_unreachable(name)
    if reason and not cached:
        missing = f"not in the local cache, and the model hub cannot be reached ({reason})"
        raise UserError(f"{name}: {missing}; put the model's folder into vars.transformer, or go online")
    if reason:
        os.environ["HF_HUB_OFFLINE"] = "1"  # for processes to come, and for what is not imported yet
        constants.HF_HUB_OFFLINE = True
        if "transformers" in sys.modules:
            sys.modules["transformers.utils.hub"]._is_offline_mode = True


def _why_unreachable(name: str) -> str | None:
    """Ask the hub once; return why there was no answer. Raises UserError where the answer is no."""
    import requests
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    hub, page = constants.ENDPOINT, f"{constants.ENDPOINT}/{name}"
    options = {"headers": build_hf_headers(), "timeout": PATIENCE, "allow_redirects": True}
    try:
        hf_raise_for_status(get_session().head(f"{page}/resolve/main/config.json", **options))
    except GatedRepoError:
        remedy = f"do so at {page}, and log in"
        raise UserError(f"{name}: the model hub wants its terms accepted; {remedy}") from None
    except RepositoryNotFoundError:
        answer = "the model hub has no such model, or it is private"
        raise UserError(f"{name}: {answer}; correct vars.transformer") from None
    except requests.Timeout:
        return f"no answer from {hub} in {PATIENCE:g} s"
    except requests.HTTPError as error:
        return f"{hub} answers {error.response.status_code}"
    except requests.RequestException:
        return f"no connection to {hub}"
    return None
