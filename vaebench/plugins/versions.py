"""Versions of plug-ins: part of what code a run was made by, as vaebench's own digest is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from vaebench import plugins


def with_versions(digest: str, versions: Mapping[str, str]) -> str:
    """Returns a digest of code with that of plug-ins; without any it is what it was."""
    if not versions:
        return digest
    text = f"{digest} {json.dumps(dict(versions), sort_keys=True)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def other_versions(environment: Mapping[str, Any]) -> list[str]:
    """Returns the plug-ins that a run was made with in another version than that at hand.

    Those that are not at hand at all are left out: nothing can be made anew with them.

    Args:
        environment: What the run was made in.
    """
    used = environment.get("plugins"), environment.get("evaluation", environment)
    scored = used[1].get("score_plugins") if isinstance(used[1], Mapping) else None
    parts = [part for part in (used[0], scored) if isinstance(part, Mapping) and part]
    if not parts:
        return []
    here = {plugin.name: plugin.version for plugin in plugins.loaded()}
    found = [name for part in parts for name in part if here.get(name, part[name]) != part[name]]
    return list(dict.fromkeys(found))
