"""Folders pushed to the Hugging Face Hub, by the package huggingface_hub."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType

from ddpm.errors import RequestError, WorkError

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


def check_repository(name: str) -> None:
    """Raise RequestError unless `name` is OWNER/NAME and huggingface_hub is installed."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise RequestError(f"--push {name} is not a repository; pass OWNER/NAME.")
    _hub()


def upload_folder(folder: Path, name: str) -> str:
    """Create the model repository `name` if needed, upload the folder and return its address.

    The token is that of `hf auth login` or HF_TOKEN. WorkError if the Hub refuses, or cannot be reached.
    """
    hub = _hub()
    api = hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    try:
        api.create_repo(name, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=folder, commit_message="ddpm export")
    except (hub.errors.HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else "no answer"
        raise WorkError(
            f"{folder} was written, but could not be pushed to {name} ({reason}). Check the name and your "
            "token (hf auth login), and the network."
        ) from error
    return f"{api.endpoint}/{name}"


def _hub() -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise RequestError(
            "--push needs huggingface_hub, which is not installed: pip install huggingface_hub."
        ) from error
    module: ModuleType = huggingface_hub
    return module
