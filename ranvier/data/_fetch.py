"""Sets that others host: local files, or files that tonic fetches; tonic does nothing else."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from ranvier.data._card import Card
from ranvier.data._errors import DataError
from ranvier.data._places import is_offline
from ranvier.data.request import Request

__all__ = ["located"]

_ENDINGS = (".bin", ".npy", ".aedat4")


def located(kind: str, needed: str, request: Request, card: Card, **arguments: Any) -> Path:
    """The folder ``kind`` below the first root where it holds ``needed``; where none does, fetched if that is allowed.

    ``arguments`` go to tonic's class ``kind``, which fetches and unpacks when it is made.

    Raises
    ------
    DataError
        Where the files are missing and fetching is off, or fails.
    """
    for root in request.roots:
        if _holds(root / kind / needed):
            return root / kind
    if not request.download or is_offline():
        looked = ", ".join(str(root / kind / needed) for root in request.roots)
        why = "RANVIER_OFFLINE is set" if request.download else "download=False"
        raise DataError(
            f"{card.name} is not on this machine (looked for {looked}), and fetching is off ({why}). Put the extracted files there, or "
            f"call load({card.name!r}, download=True) with a network; from {card.source}."
        )
    try:
        tonic = import_module("tonic.datasets")
    except ModuleNotFoundError as error:
        raise DataError(
            f"fetching {card.name} needs the package {error.name!r} (GPL-3.0): pip install 'ranvier[data-gpl]', or get the files "
            f"from {card.source} yourself."
        ) from error
    getattr(tonic, kind)(str(request.roots[0]), **arguments)
    return request.roots[0] / kind


def _holds(place: Path) -> bool:
    """True for a file, and for a folder with any data file below it."""
    found = os.walk(place) if os.path.isdir(place) else ()
    return os.path.isfile(place) or any(name.endswith(_ENDINGS) for _, _, files in found for name in files)
