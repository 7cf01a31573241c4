"""What a result was made on: host, device, versions and the state of the checkout."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vaebench.fingerprint import code_digest, training_digest
from vaebench.plugins.versions import with_versions
from vaebench.training import arithmetic, device_name

PACKAGES = "vaebench torch torchvision numpy scipy scikit-learn lightgbm pillow".split()
"""Distributions whose versions can change a figure."""


def environment(
    device: str,
    threads: int,
    source: str | None,
    data_digest: str | None = None,
    plugins: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Describes where a job was trained, in JSON types.

    Args:
        device: The resolved device, with the index of a GPU.
        threads: Threads within an operation.
        source: Where the data came from, if they were loaded.
        data_digest: Digest of the content of a user's own data.
        plugins: Versions by name of the plug-ins that the model was trained with.
    """
    return {
        "device": device,
        "device_name": device_name(device),
        **arithmetic(device),
        "threads": threads,
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "data": source,
        **({} if data_digest is None else {"data_digest": data_digest}),
        "code": code_digest(),
        "training_code": with_versions(training_digest(), plugins),
        **({"plugins": dict(plugins)} if plugins else {}),
        **_git(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def _git() -> dict[str, Any]:
    """Returns commit and dirtiness of the checkout that vaebench runs from, if it does."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return {}
    answers = []
    for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", "vaebench")):
        command = ["git", "-C", str(root), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            return {}
        answers.append(done.stdout.strip())
    return {"git_commit": answers[0], "git_dirty": int(bool(answers[1]))}
