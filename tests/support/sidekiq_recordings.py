"""The recordings of real Sidekiq: which there are, and what is in them, read without the engine."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.support import golden
from tests.support.direct import Direct

VERSIONS = ("v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7")
NAMES = sorted(path.stem for path in (golden.FOLDER / "sidekiq").glob("*.json"))


def namespace_of(name: str) -> str:
    """The namespace of a recording; empty: none."""
    return "app" if "-namespaced" in name else ""


def of_version(version: str) -> list[str]:
    """The recordings of one version, with a namespace or without."""
    others = [each for each in VERSIONS if each != version and each.startswith(version)]
    return [
        name
        for name in NAMES
        if name.startswith(f"{version}-") and not any(name.startswith(o) for o in others)
    ]


@cache
def values(name: str) -> dict[str, Any]:
    """The values of a recording by their keys, without the namespace."""
    beginning = f"{namespace}:" if (namespace := namespace_of(name)) else ""
    keys = golden.load(f"sidekiq/{name}")["keys"]
    return {key.removeprefix(beginning): entry["value"] for key, entry in keys.items()}


def restore(direct: Direct, name: str) -> None:
    """Put a recording into the server, in place of all that was there."""
    direct("FLUSHALL")
    golden.restore(direct, f"sidekiq/{name}")
