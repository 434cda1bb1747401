"""Whether the model hub can be had: it is asked once, for seconds."""

import os
import sys
from pathlib import Path
from typing import Any

from scripts.cli import UserError

PATIENCE = 5.0
"""Seconds that the model hub has for an answer; its own client asks again and again, for a minute."""


def require_models(config: dict[str, Any], *, timeout: float = PATIENCE) -> None:
    """Raise UserError where a pretrained transformer that a config names cannot be had. config: interpolated, or a block of it."""
    if str(config.get("@architectures")).startswith("spacy-transformers.") and "name" in config:
        require_model(config["name"], timeout=timeout)
    for block in config.values():
        if isinstance(block, dict):
            require_models(block, timeout=timeout)


def require_model(name: str, *, timeout: float = PATIENCE) -> None:
    """Raise UserError where a model hub's id leads to no model: neither the local cache nor the hub has it, or the hub does not give it away.

    Where only the cache has it, this process and those that it starts ask the hub no more. A folder is not looked into. timeout: in seconds.
    """
    if Path(name).exists():
        return
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        raise UserError(
            f"{name}: neither a folder nor a model hub's id; name a folder that holds the model"
        ) from None
    reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _why_unreachable(name, timeout)
    if reason and not cached:
        remedy = "put the model's folder into vars.transformer, or go online"
        raise UserError(
            f"{name}: not in the local cache, and the model hub cannot be reached ({reason}); {remedy}"
        )
    if reason:
        _go_offline()


def _why_unreachable(name: str, timeout: float) -> str | None:
    """Ask the model hub once for a model; return why there was no answer. Raises UserError where the answer is no."""
    import requests
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    page = f"{constants.ENDPOINT}/{name}"
    try:
        address, headers = f"{page}/resolve/main/config.json", build_hf_headers()
        hf_raise_for_status(
            get_session().head(address, headers=headers, timeout=timeout, allow_redirects=True)
        )
    except GatedRepoError:
        raise UserError(
            f"{name}: the model hub wants its terms accepted; do so at {page}, and log in"
        ) from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{name}: the model hub has no such model, or it is private; correct vars.transformer"
        ) from None
    except requests.Timeout:
        return f"no answer from {constants.ENDPOINT} in {timeout:g} s"
    except requests.HTTPError as error:
        return f"{constants.ENDPOINT} answers {error.response.status_code}"
    except requests.RequestException:
        return f"no connection to {constants.ENDPOINT}"
    return None


def _go_offline() -> None:
    """Let models come from the local cache alone."""
    from huggingface_hub import constants

    os.environ["HF_HUB_OFFLINE"] = "1"  # for processes to come, and for what is not imported yet
    constants.HF_HUB_OFFLINE = True
    if "transformers" in sys.modules:
        from transformers.utils import hub

        hub._is_offline_mode = True
